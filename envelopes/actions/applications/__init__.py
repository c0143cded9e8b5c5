"""Applications for the registry (申請): made at one of its doors, proved by a code, decided by two members of staff.

No address works before somebody has typed the code that was mailed to it, one member of staff has put it forward, a
second has called back on a number from elsewhere and approved it, and the waiting time is over. Until a code has
proved the address nothing is said of what the registry knows. The roles stand in `envelopes.rules.people`; how an
entry is made, in `registry`.
"""
