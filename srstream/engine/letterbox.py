"""What of a frame is picture, and what are bars around it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

DARKEST = 16.0 / 255.0
"""Bars are darker than this everywhere."""
LEAST_PICTURE = 0.25
"""Of each side: where less seems to be picture, the frame is dark and not barred."""


@dataclass(frozen=True, slots=True, eq=False)
class Box:
    """What of a frame is picture; the rest are bars around it."""

    top: int
    left: int
    height: int
    width: int

    def of(self, frame: Tensor) -> Tensor:
        """[..., H, W] -> [..., height, width]: a view."""
        rows = slice(self.top, self.top + self.height)
        return frame[..., rows, self.left : self.left + self.width]


def picture_box(frame: Tensor, scale: int) -> Box:
    """Return what of [1, C, H, W] in [0, 1] is no bar: dark rows and columns at its sides.

    Corners are multiples of `scale`, so that the box is shrunk as the frame is. A frame
    that is dark nearly everywhere has no bars.
    """
    height, width = frame.shape[-2:]
    bright = frame[0].amax(dim=0) > DARKEST
    rows = _span(bright.any(dim=1), scale)
    columns = _span(bright.any(dim=0), scale)
    if rows[1] < LEAST_PICTURE * height or columns[1] < LEAST_PICTURE * width:
        return Box(0, 0, height, width)
    return Box(rows[0], columns[0], rows[1], columns[1])


def _span(lit: Tensor, scale: int) -> tuple[int, int]:
    """Return where the picture begins along one side, and how long it is."""
    at = lit.nonzero()
    if not len(at):
        return 0, 0
    first, last = int(at[0]), int(at[-1]) + 1
    begin = -(-first // scale) * scale
    return begin, last - begin
