"""Scenes that were left: their weights, for when they come again.

A cache of adapted weights by what a scene looks like, as River (2025) has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from srstream.engine import scene


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A scene that was left."""

    number: int
    """In the order in which the stream's scenes began."""
    thumbnail: Tensor
    """[3, 16, 16]: of the last frame that was learnt from."""
    weights: Tensor
    """[N]: those that its frames were upscaled with."""


class Remembered:
    """The last few scenes whose adapted weights were used; immutable."""

    def __init__(self, scenes: tuple[Scene, ...] = (), *, most: int) -> None:
        self._scenes = scenes[-most:] if most else ()
        self._most = most

    def __iter__(self) -> Iterator[Scene]:
        """Oldest first."""
        return iter(self._scenes)

    def __len__(self) -> int:
        return len(self._scenes)

    def of(self, thumbnail: Tensor) -> Scene | None:
        """Return the scene that looks most like this; none: no one does."""
        apart = {one: scene.difference(one.thumbnail, thumbnail) for one in self._scenes}
        nearest = min(apart, key=apart.__getitem__, default=None)
        return None if nearest is None or apart[nearest] >= scene.ALIKE else nearest

    def adding(self, one: Scene) -> Remembered:
        """Return it with one more, or anew, in place of its like or of the oldest."""
        like = self.of(one.thumbnail)
        others = tuple(
            each for each in self._scenes if each is not like and each.number != one.number
        )
        return Remembered((*others, one), most=self._most)
