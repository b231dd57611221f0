"""The checkpoints of a stream: a folder of numbered files, the last few of them."""

from __future__ import annotations

import errno
import re
from contextlib import suppress
from pathlib import Path

import structlog

from srstream.atomic import sweep, sync_folder, write_atomically
from srstream.regular import read_regular

LARGEST = 1 << 30
"""Bytes; keeps what is no checkpoint out of memory."""
LONGEST_REASON = 1000
"""Characters."""
_SUFFIX = ".safetensors"
_REJECTED = ".rejected"
_REASON = ".reason"
_NAME = re.compile(r"(\d{12}|[1-9]\d{12,17})\.safetensors(\.rejected)?")


class FileCheckpoints:
    """Satisfies `ports.Checkpoints`: `<number>.safetensors`, whole or not at all.

    What is set aside is called `<number>.safetensors.rejected`, with the reason beside it
    in `<number>.safetensors.rejected.reason`. Other names in the folder are left alone.
    Everything blocks; not for use from two threads at once.
    """

    def __init__(self, folder: Path, *, keep: int = 3) -> None:
        """Prepare; nothing is read or written yet.

        Args:
            folder: of this stream alone; made by the first `save`, for its owner only.
            keep: how many are kept, from 1; and as many that were rejected.
        """
        self._folder = folder
        self._keep = keep
        self._refused: set[int] = set()  # also those that could not be renamed
        self._is_swept = False

    def save(self, seq: int, state: bytes) -> None:
        """Write the state after the frame of this number, and drop the oldest ones.

        Higher numbers are dropped as well: they are of frames that were numbered anew.

        Raises:
            OSError: it cannot be written.
        """
        if not self._folder.is_dir():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_folder(self._folder.parent)
        self._sweep()
        path = self._path(seq)
        write_atomically(path, state)
        with suppress(OSError):  # some file systems know no rights
            path.chmod(0o600)
        self._refused.discard(seq)
        numbers = self._numbers(rejected=False)
        kept = sorted(number for number in numbers if number <= seq)[-self._keep :]
        for number in numbers.difference(kept):
            _remove(self._path(number))

    def newest(self, *, up_to: int | None = None) -> tuple[int, bytes] | None:
        """Return the newest state and its number, at most `up_to` if that is given.

        What is no checkpoint is rejected on the way, and what cannot be read now is passed
        over. A folder that cannot be read has none.
        """
        self._sweep()
        for seq in sorted(self._numbers(rejected=False) - self._refused, reverse=True):
            if up_to is not None and seq > up_to:
                continue
            try:
                path = self._path(seq)
                # A link might lead out of the folder.
                return seq, read_regular(path, largest=LARGEST, links=False)
            except FileNotFoundError:
                continue
            except OSError as error:
                self._pass_over(seq, error)
        return None

    def _pass_over(self, seq: int, error: OSError) -> None:
        """Set aside what can never be read; leave alone what may be another time."""
        reason = f"cannot be read: {error.strerror or error}"
        log = structlog.get_logger().bind(file=str(self._path(seq)), reason=reason)
        if error.errno in (None, errno.ELOOP):  # no regular file, or far too large
            self.reject(seq, reason)
            log.warning("checkpoint set aside")
        else:
            self._refused.add(seq)
            log.warning("checkpoint cannot be read: an older one is taken")

    def reject(self, seq: int, reason: str) -> None:
        """Set a state that does not fit aside, with the reason, for people to look at.

        It is not returned by `newest` again, even if the disk refuses to rename it.
        """
        self._refused.add(seq)
        path = self._path(seq)
        aside = path.with_name(path.name + _REJECTED)
        with suppress(OSError):
            path.replace(aside)
            note = aside.with_name(aside.name + _REASON)
            write_atomically(note, _one_line(reason))
            note.chmod(0o600)
        others = sorted(self._numbers(rejected=True) - {seq})
        for number in others[: max(0, len(others) - self._keep + 1)]:
            old = self._path(number)
            _remove(old.with_name(old.name + _REJECTED))
            _remove(old.with_name(old.name + _REJECTED + _REASON))

    def _path(self, seq: int) -> Path:
        return self._folder / f"{seq:012d}{_SUFFIX}"

    def _numbers(self, *, rejected: bool) -> set[int]:
        numbers = set()
        with suppress(OSError):
            for path in self._folder.iterdir():
                match = _NAME.fullmatch(path.name)
                if match and (match[2] is not None) == rejected:
                    numbers.add(int(match[1]))
        return numbers

    def _sweep(self) -> None:
        if not self._is_swept:
            with suppress(OSError):
                sweep(self._folder)
            self._is_swept = True


def _one_line(text: str) -> bytes:
    words = " ".join(text.split())[:LONGEST_REASON]
    line = "".join(letter if letter.isprintable() else "?" for letter in words)
    return line.encode(errors="backslashreplace") + b"\n"


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
