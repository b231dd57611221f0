"""Watched folders: does the system tell what happens in them?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from srstream.cli.checks.finding import Finding, ok, warn
from srstream.settings import Settings
from srstream.settings.places import resolved
from srstream.sources.directory import DirectoryOptions
from srstream.sources.inotify_limits import room_for
from srstream.sources.mounts import file_system_without_events
from srstream.sources.tree import Tree

_MOST_COUNTED = 100_000
"""Folders below a watched one: more are not counted."""


def check_inotify(
    settings: Settings | None, room: Callable[[int], str | None] = room_for
) -> Finding:
    """Look whether as many folders can be watched as a configuration, or one stream, needs.

    Args:
        settings: None: one folder.
        room: Says why so many more cannot be watched; none: they can.
    """
    watches = 1 if settings is None else sum(map(_count, _by_events(settings)))
    folders = f"{watches} folder{'' if watches == 1 else 's'}"
    if watches == 0 or (reason := room(watches)) is None:
        return ok("inotify", f"room for {folders}")
    found, _, remedy = reason.partition("; ")
    return warn(
        "inotify", f"{found}: they are polled", remedy or "raise the limits of inotify"
    )


def check_events(
    settings: Settings, without: Callable[[Path], str | None] = file_system_without_events
) -> Iterator[Finding]:
    """Look whether the file system of each watched folder sends events.

    Args:
        settings: Of which the watched folders are looked at.
        without: The type of a file system that sends none; none: it does.
    """
    for name, stream in settings.streams.items():
        source = stream.source
        if not isinstance(source, DirectoryOptions):
            continue
        check = f"events streams.{name}.source.path"
        folder = resolved(settings, source.path)
        every = f"looked at every {source.rescan:g} s"
        if source.watch == "poll":
            yield ok(check, f"{folder}: {every}, as is configured")
        elif (kind := without(folder)) is None:
            yield ok(check, f"{folder}: the file system sends events")
        else:
            found = f"{folder}: {kind} sends no events of what others write; {every}"
            yield warn(check, found, "none is needed; a smaller `rescan` finds sooner")


def _by_events(settings: Settings) -> Iterator[Tree]:
    """Yield the folders that are to be watched by events."""
    for stream in settings.streams.values():
        source = stream.source
        if isinstance(source, DirectoryOptions) and source.watch != "poll":
            folder = resolved(settings, source.path)
            yield Tree(folder, recursive=source.recursive)


def _count(tree: Tree) -> int:
    """Return how many folders are watched; a missing one will be one."""
    try:
        return sum(1 for _ in islice(tree.walk(), _MOST_COUNTED))
    except OSError:
        return 1
