"""Keeps watching a folder, also after it was replaced or some of its events were lost."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from srstream.sources.events import Events, Tell
from srstream.sources.tree import Tree


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
            closed: Told, on another thread, of a file that was closed after writing.
                Files are told by their path below the folder, with `/`.
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

        A watch that missed something is made anew, so a scan should follow. This may be
        called again after an error, which leaves nothing watched.

        Raises:
            FileNotFoundError: there is none.
            OSError: it cannot be watched, as when a limit of the system is reached.
        """
        status = self._folder.stat()
        identity = status.st_dev, status.st_ino
        is_same = identity == self._watched
        if is_same and self._events is not None and self._events.are_complete():
            return
        self.close()
        self._events = Events(self._tree, self._closed, self._moved, self._lost)
        self._watched = identity

    def close(self) -> None:
        """Stop; nothing is told after that. May take half a second."""
        events, self._events = self._events, None
        if events is not None:
            events.close()
