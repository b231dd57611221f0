"""Tells the paths of files that were closed or moved into a folder, as it happens.

Only that is subscribed to: all events together are six per file, and a burst of 10,000
files would take longer to hear about than to list.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Protocol

from srstream.sources.tree import Tree

Tell = Callable[[str], object]


class Events(Protocol):
    """Watches the folders of a tree, in a way of the platform's."""

    def reconcile(self) -> None:
        """Watch what was missed, if anything was.

        Raises:
            OSError: a limit of the system is reached.
        """
        ...

    def is_alive(self) -> bool:
        """Tell whether the folder is still watched: false after it was deleted."""
        ...

    def close(self) -> None:
        """Stop; nothing is told after that."""
        ...


class FolderWatch:
    """Watches one folder and, in recursive mode, those below it, new ones as they appear.

    Those that a scan does not enter (hidden and excluded ones, links) are not watched.
    `ensure` and `close` block: for one thread only.
    """

    def __init__(
        self,
        folder: Path,
        *,
        closed: Tell,
        moved: Tell,
        lost: Callable[[], object] = lambda: None,
        recursive: bool = False,
        excluded: Collection[Path] = (),
    ) -> None:
        """Prepare; nothing is watched before `ensure`.

        Args:
            folder: What to watch.
            closed: Told, on another thread, of a file that was closed after writing;
                where the platform does not say so, of one made or written to. Files are
                told by their path below the folder, with `/`.
            moved: Told, on another thread, of what was moved to, or away: a file, or
                anything that was found in a folder that appeared.
            lost: Called, on another thread, when the system dropped events because there
                were too many: only a scan knows now. `ensure` should follow soon.
            recursive: Whether sub-folders are watched as well.
            excluded: Sub-folders that are not.
        """
        self._folder = folder
        self._tree = Tree(folder, recursive=recursive, excluded=excluded)
        self._closed = closed
        self._moved = moved
        self._lost = lost
        self._events: Events | None = None
        self._watched: tuple[int, int] | None = None

    def ensure(self) -> None:
        """Watch the folder that is there now, be it the first or one in its place.

        It may be called again after an error, which leaves nothing watched.

        Raises:
            FileNotFoundError: there is none.
            OSError: it cannot be watched, as when a limit of the system is reached.
        """
        status = self._folder.stat()
        identity = status.st_dev, status.st_ino
        events = self._events
        try:
            if events is not None and identity == self._watched and events.is_alive():
                events.reconcile()
                return
        except OSError:
            self.close()
            raise
        self.close()
        self._events = self._start()
        self._watched = identity

    def close(self) -> None:
        """Stop; nothing is told after that. May take half a second."""
        events, self._events = self._events, None
        if events is not None:
            events.close()

    def _start(self) -> Events:
        if sys.platform == "linux":
            from srstream.sources.events_linux import LinuxEvents  # noqa: PLC0415

            return LinuxEvents(self._tree, self._closed, self._moved, self._lost)
        from srstream.sources.events_other import OtherEvents  # noqa: PLC0415

        return OtherEvents(self._tree, self._closed, self._moved)
