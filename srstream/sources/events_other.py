"""Events of folders where there is no inotify: what watchdog makes of the platform's."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import PurePath

from watchdog.events import (
    FileClosedEvent,
    FileCreatedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

from srstream.sources.tree import Tree

_EVENTS: list[type[FileSystemEvent]] = [
    FileClosedEvent,
    FileCreatedEvent,
    FileModifiedEvent,
    FileMovedEvent,
]


class OtherEvents:
    """A watch on a folder, with those below it in recursive mode."""

    def __init__(
        self, tree: Tree, closed: Callable[[str], object], moved: Callable[[str], object]
    ) -> None:
        """Watch at once.

        Raises:
            OSError: the folder cannot be watched.
        """
        root = os.path.realpath(tree.path)  # of a link, the target is meant
        self._observer = Observer()
        try:
            self._observer.schedule(
                _Handler(tree, root, closed, moved),
                root,
                recursive=tree.recursive,
                event_filter=_EVENTS,
            )
            self._observer.start()
        except OSError:
            self._observer.stop()
            raise

    def reconcile(self) -> None:
        """Do nothing: watchdog itself takes care of what is below."""

    def is_alive(self) -> bool:
        """Tell whether the folder is still watched: watchdog gives up a deleted one."""
        return all(emitter.is_alive() for emitter in self._observer.emitters)

    def close(self) -> None:
        """Stop; nothing is told after that. May take half a second."""
        self._observer.stop()
        self._observer.join()


class _Handler(FileSystemEventHandler):
    def __init__(
        self,
        tree: Tree,
        root: str,
        closed: Callable[[str], object],
        moved: Callable[[str], object],
    ) -> None:
        self._tree = tree
        self._root = root
        self._closed = closed
        self._moved = moved

    def on_any_event(self, event: FileSystemEvent) -> None:
        tell = self._moved if isinstance(event, FileMovedEvent) else self._closed
        for path in (event.src_path, event.dest_path):
            if path:
                source = PurePath(os.path.relpath(os.fsdecode(path), self._root))
                folder = source.parent.as_posix()
                if folder == "." or self._tree.belongs(folder):
                    tell(source.as_posix())
