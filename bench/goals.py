"""What is asked of a figure, and whether it was met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.report import Report, Table


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure that may not be exceeded."""

    what: str
    found: float
    at_most: float

    @property
    def is_met(self) -> bool:
        return self.found <= self.at_most


def judged(
    title: str,
    goals: Sequence[Goal],
    figures: Mapping[str, Any],
    tables: Sequence[Table] = (),
    notes: Sequence[str] = (),
) -> Report:
    """Return a report that holds figures against goals.

    Args:
        title: of the table of goals.
        goals: in the order in which they are shown.
        figures: all that was measured.
        tables: to be shown before that of the goals.
        notes: to be shown after the verdicts.
    """
    rows = tuple((goal.what, goal.found, goal.at_most, _verdict(goal)) for goal in goals)
    table = Table(title, ("goal", "found", "at most", ""), rows, digits=2)
    told = [
        {
            "what": goal.what,
            "found": goal.found,
            "at_most": goal.at_most,
            "met": goal.is_met,
        }
        for goal in goals
    ]
    missed = [goal.what for goal in goals if not goal.is_met]
    verdict = f"MISSED: {'; '.join(missed)}." if missed else "All goals met."
    return Report({**figures, "goals": told}, (*tables, table), (verdict, *notes))


def _verdict(goal: Goal) -> str:
    return "met" if goal.is_met else "MISSED"
