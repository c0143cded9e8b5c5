"""What kind of paper an envelope holds, and what its amount says about consumption tax.

Knows the two words only; who signs in which order follows from them elsewhere.
"""

from enum import StrEnum


class Kind(StrEnum):
    """契約書: the contractor signs first, the village second. 請書: the contractor alone."""

    CONTRACT = "契約書"
    ACCEPTANCE = "請書"


class Tax(StrEnum):
    """How the amount stands to consumption tax. It is what staff wrote, never worked out.

    `NONE`: no tax is in it (非課税, 不課税), or no amount was agreed (単価契約, where the yen are `None`).
    """

    INCLUDED = "included"
    EXCLUDED = "excluded"
    NONE = "none"
