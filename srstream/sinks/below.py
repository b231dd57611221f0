"""Names of outputs to paths that stay below a folder, whatever the names are."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from srstream.atomic import make_folder
from srstream.errors import SinkError
from srstream.sinks.storing import sink_error

_LONGEST_NAME = 255  # bytes, on all the usual file systems


def path_below(folder: Path, name: str, extension: str) -> Path:
    """Return where the output of this name is written.

    Args:
        folder: The folder of all outputs.
        name: Parts between slashes are folders below it.
        extension: Of the file, without a dot.

    Raises:
        SinkError: the name is not one of a file below this folder.
    """
    *folders, last = name.split("/")
    for part in (*folders, last):
        if part in ("", ".", "..") or "\0" in part:
            raise SinkError(f"{name!r} is not a name for a file in {folder}")
    parts = [*folders, f"{last}.{extension}"]
    for part in parts:
        try:
            length = len(os.fsencode(part))
        except UnicodeEncodeError as exc:
            raise SinkError(f"{name!r} is not a name for a file: {exc.reason}") from exc
        if length > _LONGEST_NAME:
            raise SinkError(
                f"{part!r} is too long for a file's name: {length} bytes; "
                f"allowed: {_LONGEST_NAME}"
            )
    return folder.joinpath(*parts)


def make_folders_between(folder: Path, path: Path) -> None:
    """Make the folders between a folder, which is there, and a file below it. Blocks.

    Raises:
        SinkUnavailable: they cannot be made now.
        SinkError: a link on the way leads out of the folder, or a file stands in the way.
    """
    here = folder
    for part in path.relative_to(folder).parts[:-1]:
        here /= part
        if not is_below(folder, here):
            raise SinkError(
                f"{path}: not written: the link {here} leads out of {folder}; remove it"
            )
        try:
            make_folder(here)
        except (NotADirectoryError, FileExistsError) as exc:
            error = SinkError(f"{path}: cannot be written: {here} is not a folder")
            error.errno = errno.ENOTDIR
            raise error from exc
        except OSError as exc:
            raise sink_error(path, exc) from exc


def is_below(folder: Path, path: Path) -> bool:
    """Tell whether a path, links followed, is below a folder. Blocks."""
    real = Path(os.path.realpath(path))
    return real.is_relative_to(os.path.realpath(folder))
