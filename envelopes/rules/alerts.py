"""What the operator has to look at: each kind is told by mail once a day, however often it happens."""

from enum import IntEnum


class Alert(IntEnum):
    """What happened. A task holds numbers only."""

    LOGIN = 1
    """The relay refuses our login: nothing goes out."""
    POLICY = 2
    """A server refused a mail by its policy (5.7.x)."""
    ANSWERS = 3
    """So many mistakes were to be answered that answering them has stopped."""
    STAFF_MAIL = 4
    """A mail to a member of staff or a section came back."""
    REGISTRY_MAIL = 5
    """A mail about the registry came back."""
    QUEUE = 6
    """Mails have been waiting for so long that something must be stopped. Told once each time, not once a day."""
