"""The ends of a file of statistics: its first line, its last one, and a torn one."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from srstream.errors import SinkError

_BLOCK = 65_536  # bytes read together: more than the longest line, whatever the names are


def cut_torn_line(path: Path) -> int:
    """Cut what follows the last newline of a file; return how many bytes. Blocks.

    A missing file, and what is not a regular one, is left alone.

    Raises:
        SinkError: it holds something else than lines of JSON, which is not to be cut.
        OSError: the file cannot be read or written.
    """
    try:
        if not path.is_file():
            return 0
        with path.open("r+b") as file:
            # A power cut can leave zeros where a line was to be.
            if file.read(1) not in (b"", b"{", b"\0"):
                raise SinkError(
                    f"{path}: holds something else than statistics; name another file"
                )
            size = file.seek(0, os.SEEK_END)
            whole = _end_of_last_line(file.fileno(), size)
            file.truncate(whole)
            return size - whole
    except FileNotFoundError:
        return 0


def last_seq(path: Path, stream: str) -> int:
    """Return the number on a stream's last whole line in a file, or 0. Blocks.

    Looked at are the lines of the last 64 KiB.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        if not path.is_file():
            return 0
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _BLOCK))
            block = file.read(_BLOCK)
    except FileNotFoundError:
        return 0
    whole, _, _ = block.rpartition(b"\n")
    for line in reversed(whole.split(b"\n")):
        match _fields(line):
            case {"stream": str(of), "seq": int(seq)} if of == stream:
                return seq
    return 0


def first_time(path: Path) -> datetime | None:
    """Return the time on the first line of a file; none if it has none. Blocks.

    Raises:
        OSError: the file cannot be read.
    """
    if not path.is_file():
        return None
    with path.open("rb") as file:
        match _fields(file.readline(_BLOCK)):
            case {"time": str(text)}:
                with suppress(ValueError):
                    time = datetime.fromisoformat(text)
                    return time if time.tzinfo else None
    return None


def _end_of_last_line(handle: int, size: int) -> int:
    end = size
    while end > 0:
        start = max(0, end - _BLOCK)
        newline = os.pread(handle, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


def _fields(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
