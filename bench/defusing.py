"""`python -m bench.defusing FILE`: what one file costs, in a process of its own."""

from __future__ import annotations

import json
import sys
import time
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from bench.bombs import MAX_PIXELS
from srstream.errors import DecodeError
from srstream.frames import Extras
from srstream.media.decode import decode_picture, read_picture
from srstream.media.encode import encode_picture
from srstream.media.header import FORMATS


def main(path: Path) -> None:
    """Decode a file when all libraries are loaded; print milliseconds and memory."""
    warnings.simplefilter("ignore")
    _load_libraries()
    _forget_peak()
    before = _peak()
    started = time.perf_counter()
    try:
        width, height = read_picture(path, max_pixels=MAX_PIXELS).size
        outcome = f"taken: {width}x{height}"
    except DecodeError as error:
        outcome = str(error).removeprefix(str(path)).strip()
    elapsed = time.perf_counter() - started
    print(json.dumps({"ms": elapsed * 1e3, "mb": _peak() - before, "outcome": outcome}))


def _load_libraries() -> None:
    for format in FORMATS:  # noqa: A001 - what Pillow calls it
        out = BytesIO()
        Image.new("RGB", (16, 16)).save(out, format)
        decode_picture(out.getvalue(), max_pixels=MAX_PIXELS)
    deep = encode_picture(np.zeros((16, 16, 3), np.uint16), Extras(), format="png")
    decode_picture(deep, max_pixels=MAX_PIXELS)
    for damaged in (b"rubbish", b"GIF89a"):
        try:
            decode_picture(damaged, max_pixels=MAX_PIXELS)
        except DecodeError:
            continue


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")  # the peak is what is resident now


def _peak() -> float:
    """Return the most that was resident, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (kilobytes,) = (line.split()[1] for line in lines if line.startswith("VmHWM"))
    return int(kilobytes) * 1024 / 1e6


if __name__ == "__main__":
    main(Path(sys.argv[1]))
