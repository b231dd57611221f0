"""An exam whose marks a test gives, in place of the one on held-out tiles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import repeat
from typing import Any

import torch
from torch import Tensor

from srstream.engine import Session
from srstream.engine.heldout import Sheet

CROPS = 8
ERROR = torch.full((CROPS,), 0.01)
WRONG = torch.linspace(-0.1, 0.1, 64)
"""What K shows of the initial weights' errors, at both scales."""

BETTER, WORSE, ALIKE, BROKEN = "better", "worse", "alike", "broken"


class GivenMarks:
    """Says of what learnt, and of what is in use, what a test wants."""

    def __init__(
        self, session: Session, *, learnt: Iterable[str] | str, in_use: str = BETTER
    ) -> None:
        """Take the place of the session's exam.

        Args:
            session: that is examined.
            learnt: marks of the network that learns, one after the other.
            in_use: the mark of the one that frames are upscaled with.
        """
        self._session = session
        self.learnt = marks(learnt)
        self.in_use = in_use
        self.held = 0
        """Exams of the network that learns."""
        session._adaptation.learning._exam = lambda _: self  # type: ignore[method-assign,assignment,return-value]

    def sheet(self, net: Any) -> Sheet:
        carried = self._session._carried
        if net is carried.initial:
            return Sheet(ERROR, WRONG, WRONG)
        if net is carried.published:
            return sheet_of(self.in_use)
        self.held += 1
        return sheet_of(next(self.learnt))

    def psnr_of_bicubic(self) -> float:
        return 19.0


def marks(given: Iterable[str] | str) -> Iterator[str]:
    """Return one mark again and again, or those that are given."""
    return repeat(given) if isinstance(given, str) else iter(given)


def sheet_of(mark: str) -> Sheet:
    """Return half of the error, half as much again, the same on average, or NaN."""
    if mark == ALIKE:
        up_and_down = torch.tensor([1.0, -1.0]).repeat(CROPS // 2)
        return Sheet(ERROR * (1.0 + 0.1 * up_and_down), WRONG, WRONG)
    factor = {"much better": 0.1, BETTER: 0.5, WORSE: 1.5, BROKEN: float("nan")}[mark]
    return Sheet(*(part * factor for part in (ERROR, WRONG, WRONG)))


def weights_of(session: Session) -> tuple[Tensor, Tensor, Tensor]:
    """Return copies of those that learn, those in use and the initial ones, [N]."""
    carried = session._carried
    return (
        carried.weights.copy(),
        carried.published_weights.copy(),
        carried.initial_values.clone(),
    )
