"""What is played with damaged files in a child of the sandbox; a module of its own, so that children start fast."""

import datetime as dt

from envelopes.papers.intake import receive
from envelopes.signing import seal
from tests.papers import corpus, odd


def played(data: bytes) -> int:
    """Take a file in and prepare it, throw-away signatures included; returns its pages or raises Refused."""
    received = receive(data, certificate_id=odd.ID, limits=corpus.LIMITS)
    seal.prepare_planned(received.data, fields=["Signer1"], now=dt.datetime.now(dt.UTC))
    return received.pages


def crashing(data: bytes) -> int:
    """The same with an error in it."""
    return played(data) // 0
