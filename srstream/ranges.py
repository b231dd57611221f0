"""The one way in which an option says that its value is out of range."""

from __future__ import annotations


def check_within(name: str, value: float, low: float, high: float) -> None:
    """Refuse a value outside of low to high, both included.

    Raises:
        ValueError: names the option, what it is and what is allowed.
    """
    if not low <= value <= high:
        raise ValueError(f"{name} is {value}; allowed: {low} to {high}")
