"""Scores enlargements against their originals while the next picture is adapted."""

from __future__ import annotations

import asyncio
from pathlib import Path

from srstream.evaluation.reference import References, Score
from srstream.frames import Upscaled
from srstream.media.decode import read_picture
from srstream.sources.files import MAX_PIXELS


class ScoreSink:
    """A sink that writes nothing and keeps a score until it is taken.

    Raises `ConfigError` on an original that does not fit: that ends the run.
    """

    reports = False
    lasting = False

    def __init__(self, references: References | None, *, scale: int) -> None:
        self._references = references
        self._scale = scale
        self._scores: dict[str, Score] = {}

    async def open(self) -> None:
        """Nothing to prepare."""

    async def write(self, item: Upscaled) -> None:
        """Score one enlargement, on a thread."""
        if self._references is None:
            return
        name = item.frame.id.name
        self._scores[name] = await asyncio.to_thread(
            self._references.score,
            name,
            item.pixels,
            low=item.frame.picture.pixels,
            scale=self._scale,
        )

    async def close(self) -> None:
        """Nothing to finish."""

    def taken(self, name: str) -> Score | None:
        """Return the score of a frame that was written, and drop it."""
        return self._scores.pop(name, None)

    async def score_files(self, name: str, source: Path, result: Path) -> Score | None:
        """Score the result of an earlier run."""
        if self._references is None:
            return None
        references = self._references
        most = MAX_PIXELS * self._scale**2

        def score() -> Score:
            low = read_picture(source, max_pixels=MAX_PIXELS).pixels
            high = read_picture(result, max_pixels=most).pixels
            return references.score(name, high, low=low, scale=self._scale)

        return await asyncio.to_thread(score)
