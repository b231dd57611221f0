"""A small file system in memory, which can be full."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_BLOCK = 4096


@contextmanager
def tmpfs(folder: Path, *, megabytes: int) -> Iterator[Path]:
    """Mount one on a folder, which is made; unmounted at the end, whatever happens.

    Raises:
        ValueError: it cannot be mounted: only root may.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if mount is None or umount is None:
        raise ValueError("`mount` is missing: this case needs Linux")
    command = [mount, "-t", "tmpfs", "-o", f"size={megabytes}m", "none", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        said = str(error.stderr).strip()
        problem = f"a tmpfs cannot be mounted ({said}): this case must be run by root"
        raise ValueError(problem) from error
    try:
        yield folder
    finally:
        # Lazily: a process that was killed may not be gone yet.
        subprocess.run([umount, "--lazy", str(folder)], check=True)


def fill_up(folder: Path, *, but: int = 0) -> Path:
    """Write a file until the file system is full, but for some bytes; return it."""
    ballast = folder / ".ballast"
    handle = os.open(ballast, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        size = 0
        try:
            while True:
                size += os.write(handle, bytes(_BLOCK))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
        os.ftruncate(handle, max(0, size - but))
    finally:
        os.close(handle)
    return ballast
