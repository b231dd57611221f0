"""Keep an adaptation, roll it back, or start afresh? Pure, on dB of the held-out pixels."""

from __future__ import annotations

RESET_MARGIN_DB = 1.0
"""How far below bicubic carried weights may be before they are given up. Giving up good
ones costs all that was learnt, and held-out tiles are few."""
GOOD_ENOUGH_DB = 45.0
"""Above this an error is about one 8-bit code: smooth skies and walls, where bicubic is
perfect and a tenth of a code is many dB. No reason to give anything up."""


def carried_are_unusable(carried: float, bicubic: float) -> bool:
    """True if carried weights are clearly worse than bicubic, or not finite (NaN)."""
    return not carried >= min(bicubic, GOOD_ENOUGH_DB) - RESET_MARGIN_DB


def made_it_worse(before: float, after: float) -> bool:
    """True if adaptation lowered the held-out quality, or it is not finite (NaN)."""
    return not after >= before
