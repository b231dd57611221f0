"""Tells the names of files that were closed or moved into a folder, as it happens.

Only that is subscribed to: all events together are six per file, and a burst of 10,000
files would take longer to hear about than to list.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from watchdog.events import (
    FileClosedEvent,
    FileCreatedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers.api import BaseObserver

Tell = Callable[[str], object]


class FolderWatch:
    """Watches one folder, not those below it. Blocks: for one thread only."""

    def __init__(self, folder: Path, *, closed: Tell, moved: Tell) -> None:
        """Prepare; nothing is watched before `ensure`.

        Args:
            folder: What to watch.
            closed: Told, on another thread, of a name that was closed after writing;
                where the platform does not say so, of one made or written to.
            moved: Told, on another thread, of a name that was moved to, or away.
        """
        self._folder = folder
        self._handler = _Handler(closed, moved)
        self._observer: BaseObserver | None = None
        self._watched: tuple[int, int] | None = None

    def ensure(self) -> None:
        """Watch the folder that is there now, be it the first or one in its place.

        Raises:
            FileNotFoundError: there is none.
            OSError: a limit of the system is reached.
        """
        status = self._folder.stat()
        identity = status.st_dev, status.st_ino
        if identity == self._watched and self._is_alive():
            return
        self.close()
        observer, events = _observer()
        try:
            observer.schedule(
                self._handler,
                os.path.realpath(self._folder),  # of a link, the target is meant
                event_filter=events,
            )
            observer.start()
        except OSError:
            observer.stop()
            raise
        self._observer = observer
        self._watched = identity

    def close(self) -> None:
        """Stop; nothing is told after that. May take half a second."""
        observer, self._observer = self._observer, None
        if observer is not None:
            observer.stop()
            observer.join()

    def _is_alive(self) -> bool:
        # Watchdog gives up a folder that is deleted; one made anew can get its inode.
        observer = self._observer
        return observer is not None and all(e.is_alive() for e in observer.emitters)


class _Handler(FileSystemEventHandler):
    def __init__(self, closed: Tell, moved: Tell) -> None:
        self._closed = closed
        self._moved = moved

    def on_any_event(self, event: FileSystemEvent) -> None:
        tell = self._moved if isinstance(event, FileMovedEvent) else self._closed
        for path in (event.src_path, event.dest_path):
            if path:
                tell(Path(os.fsdecode(path)).name)


def _observer() -> tuple[BaseObserver, list[type[FileSystemEvent]]]:
    if sys.platform == "linux":
        from watchdog.observers.inotify import InotifyObserver  # noqa: PLC0415

        # Full events: a file moved in from elsewhere is `moved`, not `created`.
        return InotifyObserver(generate_full_events=True), [
            FileClosedEvent,
            FileMovedEvent,
        ]
    from watchdog.observers import Observer  # noqa: PLC0415

    return Observer(), [FileCreatedEvent, FileModifiedEvent, FileMovedEvent]
