"""Look at the files that a run before was about to name. Blocks."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from srstream.atomic import sync_folder
from srstream.ledger import Output
from srstream.stores.publishing import Unfinished


@dataclass(frozen=True, slots=True)
class Found:
    """A frame that was being written, and what is there of it."""

    frame: Unfinished
    standing: tuple[str, ...]
    """The outputs that are whole, by their paths."""

    @property
    def is_done(self) -> bool:
        """Whether every output that the frame was to have is there."""
        own = [output.path for output in self.frame.outputs]
        return 0 < self.frame.expected <= len(set(own) & set(self.standing))


def look_at(frames: Sequence[Unfinished]) -> list[Found]:
    """Look which outputs are there, and remove temporary files."""
    return [Found(frame, _standing(frame)) for frame in frames]


def _standing(frame: Unfinished) -> tuple[str, ...]:
    outputs = (*frame.outputs, *frame.earlier)
    for output in outputs:
        _remove_part(output)
    return tuple(output.path for output in outputs if _stands(output))


def _stands(output: Output) -> bool:
    """Tell whether the file under the final name is the one that was intended.

    A share that is gone, a link, or anything but a regular file does not stand.
    """
    # What is no file by now must neither keep us waiting nor be followed.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        if not stat.S_ISREG(os.lstat(output.path).st_mode):
            return False
        with os.fdopen(os.open(output.path, flags), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size != output.size:
                return False
            if hashlib.file_digest(file, "sha256").digest() != output.digest:
                return False
        # The run before may have died between the renaming and this.
        sync_folder(Path(output.path).parent)
    except (OSError, ValueError):
        return False
    return True


def _remove_part(output: Output) -> None:
    """Remove the temporary file, if it is there and called like one."""
    part = Path(output.part)
    if part.name.startswith(".") and part.name.endswith(".part"):
        with suppress(OSError, ValueError):
            part.unlink()
