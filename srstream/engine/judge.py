"""Keep an adaptation, roll it back, or start afresh? Pure, on dB of the held-out pixels."""

from __future__ import annotations

RESET_MARGIN_DB = 1.0
"""How far below bicubic carried weights may be before they are given up. Giving up good
ones costs all that was learnt, and held-out tiles are few."""


def carried_are_unusable(carried: float, bicubic: float) -> bool:
    """True if carried weights are clearly worse than bicubic, or not finite (NaN)."""
    return not carried >= bicubic - RESET_MARGIN_DB


def made_it_worse(before: float, after: float) -> bool:
    """True if adaptation lowered the held-out quality, or it is not finite (NaN)."""
    return not after >= before
