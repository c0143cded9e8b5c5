"""What the service does by itself: take in mail, open drafts, prepare, sign, timestamp, expire, close windows.

Every verb may run twice: files come first and are immutable, one transaction picks the winner, and what somebody else
has done meanwhile is not done again. A signing key is used in `signing` for the parties, and in `certifying` for the
service itself; nowhere else.
"""
