"""Videos as frames [H, W, 3]: read from a file, and coded as H.264 and decoded in memory.

YUV 4:2:0 of 8 bits, BT.601. swscale's fast conversion, which PyAV takes by itself, makes
frames darker by a code on the way there and back; the accurate one that is taken here does
not (rounding leaves 57 dB of luma).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

_ACCURATELY = (
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
)
_FPS = 25


def frames_in(path: Path) -> Iterator[NDArray[np.uint8]]:
    """Yield the frames of a video.

    Raises:
        OSError: there is no such file, or it is no video.
    """
    with av.open(path) as file:
        yield from map(_colours, file.decode(video=0))


def coded(frames: Sequence[NDArray[np.uint8]], *, crf: int) -> list[NDArray[np.uint8]]:
    """Code frames [h, w, 3] as one stream and return what a decoder makes of it.

    By x264 at its preset `medium`, on one thread, so that it is always the same. Odd sides
    get one more line, which is taken away again.

    Args:
        frames: of one size.
        crf: constant rate factor, 0 (lossless) to 51; 23 is what x264 takes by itself.
    """
    if not frames:
        return []
    height, width = frames[0].shape[:2]
    decoder = av.VideoCodecContext.create("h264", "r")
    decoded = [
        frame for packet in _packets(frames, crf) for frame in decoder.decode(packet)
    ]
    decoded += decoder.decode(None)
    return [_colours(frame)[:height, :width] for frame in decoded]


def _packets(
    frames: Sequence[NDArray[np.uint8]], crf: int
) -> Iterator[av.Packet[av.VideoStream]]:
    encoder = av.VideoCodecContext.create("libx264", "w")
    encoder.height, encoder.width = (side + side % 2 for side in frames[0].shape[:2])
    encoder.pix_fmt = "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, _FPS), Fraction(_FPS)
    encoder.thread_count = 1
    encoder.options = {"crf": str(crf), "preset": "medium"}
    for number, frame in enumerate(frames):
        height, width = frame.shape[:2]
        even = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        picture = av.VideoFrame.from_ndarray(even, format="rgb24")
        picture = picture.reformat(format="yuv420p", interpolation=_ACCURATELY)
        picture.pts = number
        yield from encoder.encode(picture)
    yield from encoder.encode(None)


def _colours(frame: av.VideoFrame) -> NDArray[np.uint8]:
    rgb = frame.reformat(format="rgb24", interpolation=_ACCURATELY)
    return cast("NDArray[np.uint8]", rgb.to_ndarray())
