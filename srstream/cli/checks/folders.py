"""The folders of a configuration: can they be used, and is there space?"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from srstream.cli.checks.finding import Finding, fail, ok, warn
from srstream.settings import Settings
from srstream.settings.places import Place, Use, places, resolved

LITTLE = 10**9
"""Bytes free below which there is a warning."""
TOO_LITTLE = 10**8


def check_folders(settings: Settings) -> Iterator[Finding]:
    """Look at every folder of a configuration, and at the space behind those written to."""
    written = {"daemon.state_dir": resolved(settings, settings.daemon.state_dir)}
    for place in places(settings):
        if place.use is Use.WATCHED:
            yield check_readable(place.key, place.path)
        if place.use is not Use.WATCHED or place.empties:
            written[place.key] = _folder_of(place)
    for key, folder in written.items():
        yield check_writable(key, folder)
    for folder in _one_per_disk(written.values()):
        yield check_space(folder)


def _folder_of(place: Place) -> Path:
    return place.path.parent if place.use is Use.STATISTICS else place.path


def check_readable(key: str, folder: Path) -> Finding:
    """Look whether a folder can be listed; one that is missing is made at the start."""
    check = f"read {key}"
    try:
        with os.scandir(folder) as entries:
            next(entries, None)
    except FileNotFoundError:
        return _can_be_made(check, folder)
    except OSError as error:
        found = f"{folder}: {error.strerror}"
        return fail(check, found, "let the user of the daemon list and read it")
    return ok(check, str(folder))


def check_writable(key: str, folder: Path) -> Finding:
    """Make a file in a folder and remove it; a missing folder is made at the start."""
    check = f"write {key}"
    try:
        # A leading dot: nobody who watches the folder takes it.
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".srstream-doctor-"):
            pass
    except (FileNotFoundError, NotADirectoryError) as error:
        if isinstance(error, FileNotFoundError):
            return _can_be_made(check, folder)
        return fail(check, f"{folder}: not a folder", "name another one")
    except OSError as error:
        found = f"{folder}: {error.strerror}"
        return fail(check, found, "let the user of the daemon write there, or name another")
    return ok(check, str(folder))


def _can_be_made(check: str, folder: Path) -> Finding:
    parent = _nearest(folder)
    if parent.is_dir() and os.access(parent, os.W_OK | os.X_OK):
        return ok(check, f"{folder}: missing; it is made at the start")
    found = f"{folder}: missing, and cannot be made in {parent}"
    return fail(check, found, "make it, or name another one")


def _one_per_disk(folders: Iterable[Path]) -> list[Path]:
    """Return the first folder on each file system; one that cannot be told is one more."""
    first: dict[object, Path] = {}
    for folder in folders:
        try:
            disk: object = _nearest(folder).stat().st_dev
        except OSError:
            disk = folder
        first.setdefault(disk, folder)
    return list(first.values())


def _free_bytes(path: Path) -> int:
    told = os.statvfs(path)
    return told.f_bavail * told.f_frsize


def check_space(folder: Path, free: Callable[[Path], int] = _free_bytes) -> Finding:
    """Look how much space there is where a folder is, or will be."""
    check = "space"
    try:
        left = free(_nearest(folder))
    except OSError as error:
        return warn(check, f"{folder}: unknown: {error.strerror}", "look at `df`")
    found = f"{folder}: {_readable(left)} free"
    remedy = "free some, or let a sink of pictures keep less: keep = '7d', '50GB' or 10000"
    if left < TOO_LITTLE:
        return fail(check, found, remedy)
    return warn(check, found, remedy) if left < LITTLE else ok(check, found)


def _readable(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= LITTLE else f"{size / 1e6:.0f} MB"


def _nearest(folder: Path) -> Path:
    """Return the folder, or the nearest above it that is there."""
    return next(path for path in (folder, *folder.parents) if path.exists())
