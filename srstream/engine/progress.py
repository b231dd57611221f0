"""Where the cautious adaptation of a stream stands, from frame to frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

from srstream.errors import StateError
from srstream.frames import Used


@dataclass(frozen=True, slots=True)
class Progress:
    """Small numbers; the weights stand beside it in `Carried`."""

    scene: int = 0
    """Number of the scene in the stream."""
    used: Used = Used.FROZEN
    """Which weights frames are upscaled with: `FROZEN`, `CARRIED` or `CACHED`."""
    gain_db: float = 0.0
    """What these gained over the initial ones in the last exam."""
    evidence: float = 0.0
    """Of the challenger: the share of `Gain`, of all its exams."""
    doubt: float = 0.0
    """And the variance."""
    frames: int = 0
    """Since the last exam of the scene; 0: none was held yet."""
    steps: int = 0
    """Of the challenger, since it last was what frames are upscaled with."""
    trials: int = 0
    """Exams that did not decide about the challenger."""
    pause: int = 0
    """Frames to go without adaptation."""
    patience: int = 0
    """How often in turn a challenger was given up: the pause doubles each time."""
    error: float = 0.0
    """Mean squared error of the initial weights in the last exam; 0: none was held."""

    def but(self, **changes: Any) -> Self:
        """Return the same with some fields changed."""
        return replace(self, **changes)

    def as_head(self) -> dict[str, Any]:
        """Return it for the head of a state."""
        return asdict(self)

    @classmethod
    def of_head(cls, head: Any) -> Self:
        """Undo `as_head`.

        Raises:
            StateError: a field is missing, or of another type.
        """
        if not isinstance(head, Mapping):
            raise StateError(f"progress is {head!r}; wanted: a table")
        values: dict[str, Any] = {}
        for each in fields(cls):
            kind: Any = type(each.default)
            value = head.get(each.name)
            if kind is int and (type(value) is not int or value < 0):
                raise StateError(f"progress.{each.name} is {value!r}; wanted: from 0")
            if kind is float and type(value) not in (int, float):
                raise StateError(f"progress.{each.name} is {value!r}; wanted: a number")
            try:
                values[each.name] = kind(value)
            except ValueError as exc:
                raise StateError(f"progress.{each.name} is {value!r}") from exc
        return cls(**values)
