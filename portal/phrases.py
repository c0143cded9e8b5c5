"""Sentences that handlers say: see `envelopes.phrases`. Which language a page has is decided in `languages`."""

from envelopes.phrases import (
    PLAIN,
    Phrase,
    Tongue,
    _,
    aside,
    beside,
    both,
    joined,
    named,
    reason,
    remark,
    size,
    tongue,
    trouble,
)

__all__ = [
    "PLAIN",
    "Phrase",
    "Tongue",
    "_",
    "aside",
    "beside",
    "both",
    "joined",
    "named",
    "reason",
    "remark",
    "size",
    "tongue",
    "trouble",
]
