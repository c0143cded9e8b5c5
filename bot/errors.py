"""What can go wrong on the way to a mail server. Not here: what is wrong with a mail (envelopes.rules.errors)."""

from envelopes.rules.errors import FukanError


class ImapLost(FukanError):
    """The connection is over: timeout, cancel, loss or a reply out of step. Make a new one and look again."""


class ImapRefused(FukanError):
    """The server said NO or BAD to *command*; the connection still stands.

    `code` is the response code in capitals (RFC 5530: `AUTHENTICATIONFAILED`, `TRYCREATE` …) or empty. The
    server's own words are left out, for they may name a person.
    """

    def __init__(self, command: str, code: str = "") -> None:
        super().__init__(f"{command} refused {code}".strip())
        self.command = command
        self.code = code
