"""Six digits in long texts: part of a longer number, or of what only looks like a word, they are by chance."""

import re


def says(text: str, code: str) -> bool:
    """Whether *text* tells the *code*."""
    return re.search(rf"(?<![0-9A-Za-z.]){code}(?![0-9A-Za-z])", text) is not None
