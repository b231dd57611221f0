"""What is asked of a figure, and whether it was met."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.report import Report, Table


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure that may not be exceeded, or must be reached."""

    what: str
    found: float
    at_most: float = math.inf
    at_least: float = -math.inf

    @property
    def is_met(self) -> bool:
        return self.at_least <= self.found <= self.at_most

    @property
    def bounds(self) -> dict[str, float]:
        """What is asked: `at_most`, `at_least`, or both."""
        both = {"at_most": self.at_most, "at_least": self.at_least}
        return {name: bound for name, bound in both.items() if math.isfinite(bound)}


def judged(
    title: str,
    goals: Sequence[Goal],
    figures: Mapping[str, Any],
    tables: Sequence[Table] = (),
    notes: Sequence[str] = (),
    *,
    digits: int = 2,
) -> Report:
    """Return a report that holds figures against goals.

    Args:
        title: of the table of goals.
        goals: in the order in which they are shown.
        figures: all that was measured.
        tables: to be shown before that of the goals.
        notes: to be shown after the verdicts.
        digits: of what was found.
    """
    rows = tuple((goal.what, goal.found, _wanted(goal), _verdict(goal)) for goal in goals)
    table = Table(title, ("goal", "found", "wanted", ""), rows, digits=digits)
    told = [
        {
            "what": goal.what,
            "found": goal.found,
            **goal.bounds,
            "met": goal.is_met,
        }
        for goal in goals
    ]
    missed = [goal.what for goal in goals if not goal.is_met]
    verdict = f"MISSED: {'; '.join(missed)}." if missed else "All goals met."
    return Report({**figures, "goals": told}, (*tables, table), (verdict, *notes))


def _wanted(goal: Goal) -> str:
    return ", ".join(
        f"{name.replace('_', ' ')} {bound:g}" for name, bound in goal.bounds.items()
    )


def _verdict(goal: Goal) -> str:
    return "met" if goal.is_met else "MISSED"
