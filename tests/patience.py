"""How long a test waits for what must come: a busy machine is no fault, and where all goes well nothing is waited for.

A limit of its own, and a short one, has only what shows that something is not waited for.
"""

from typing import Final

PATIENCE: Final = 90.0
"""Seconds; fewer than pytest's own limit for a test, so that the test itself says what did not come."""
