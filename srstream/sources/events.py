"""What happens in folders, as it happens: one watch for each, none for those left out.

Only what was closed or moved is subscribed to: all events together are six per file, and
a burst of 10,000 files would take longer to hear about than to list.

Watchdog reads the events. Its own recursive watches take in every sub-folder, hidden and
excluded ones too, need a thread for each tree, and pass over in silence what the limits
of the system do not let them watch.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from watchdog.observers.inotify_c import (
    CallbackId,
    InotifyConstants,
    InotifyEvent,
    InotifyFD,
    Mask,
    WatchDescriptor,
)

from srstream.sources.tree import Tree

_EVENTS = Mask(
    InotifyConstants.IN_CLOSE_WRITE
    | InotifyConstants.IN_MOVED_FROM
    | InotifyConstants.IN_MOVED_TO
    | InotifyConstants.IN_DELETE_SELF
    | InotifyConstants.IN_ONLYDIR
)
_EVENTS_OF_TREES = Mask(_EVENTS | InotifyConstants.IN_CREATE)  # of new sub-folders
_LIMITS = (errno.ENOSPC, errno.EMFILE, errno.ENOMEM)

Tell = Callable[[str], object]


class Events:
    """Watches the folders of a tree from the moment it is made, until it is closed."""

    def __init__(
        self, tree: Tree, closed: Tell, moved: Tell, lost: Callable[[], object]
    ) -> None:
        """Watch all of the tree's folders; what is told is that of `FolderWatch`.

        Raises:
            OSError: a limit of the system is reached, or the folder itself cannot be
                watched; nothing is left behind.
        """
        self._tree = tree
        self._closed = closed
        self._moved = moved
        self._lost = lost
        self._lock = threading.Lock()  # of what is watched: two threads see to it
        self._watched: dict[str, _Watched] = {}
        self._is_complete = True
        self._events = InotifyFD()
        self._events.start()
        try:
            self._watch_below("", told=False)
            if "" not in self._watched:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except OSError:
            self.close()
            raise

    def are_complete(self) -> bool:
        """Tell whether all folders are still watched.

        Not so once the folder itself was deleted, events were dropped, some of which may
        have been of folders that came, went or were exchanged, or a limit was reached.
        """
        return self._is_complete and "" in self._watched and self._events.is_alive()

    def close(self) -> None:
        """Stop; nothing is told after that."""
        self._events.stop()
        self._events.join()

    def hear(self, below: str, event: InotifyEvent) -> None:
        """Take an event of a folder of the tree, on watchdog's thread."""
        if not event.name:
            return
        name = os.fsdecode(event.name)
        source = f"{below}/{name}" if below else name
        if event.is_directory:
            self._hear_of_folder(source, event)
        elif event.is_close_write:
            self._closed(source)
        elif event.is_move:
            self._moved(source)

    def forget(self, below: str, wd: WatchDescriptor) -> None:
        """Note that a folder is not watched any more, as it was deleted."""
        with self._lock:
            watched = self._watched.get(below)
            if watched is not None and watched.wd == wd:
                del self._watched[below]

    def hear_of_loss(self) -> None:
        """Note that events were dropped."""
        self._is_complete = False
        self._lost()

    def _hear_of_folder(self, source: str, event: InotifyEvent) -> None:
        if not self._tree.recursive:
            self._moved(source)  # its name may be that of a picture: refused, with a word
        elif event.is_moved_from:
            self._unwatch_below(source)
        elif self._tree.belongs(source):
            try:
                self._watch_below(source, told=True)
            except OSError:
                self._is_complete = False

    def _watch_below(self, below: str, *, told: bool) -> None:
        """Watch a folder and those below; tell of what is in them already, if `told`.

        Each is watched before it is listed, so that nothing falls in between.
        """
        with self._lock:
            for listing in self._tree.walk(below, before=self._watch):
                for name in listing.files if told else ():
                    self._moved(f"{listing.below}/{name}")

    def _watch(self, path: str, below: str) -> None:
        if below in self._watched:
            return
        mask = _EVENTS_OF_TREES if self._tree.recursive else _EVENTS
        if below:
            mask = Mask(mask | InotifyConstants.IN_DONT_FOLLOW)
        watched = _Watched(self, below)
        try:
            wd = self._events.add_callback(os.fsencode(path), mask, watched, watched.id)
        except OSError as exc:
            if exc.errno in _LIMITS or not below:
                raise
            return  # gone meanwhile
        if wd == -1:  # not permitted, which watchdog does not tell
            self._events.remove_callbacks([(wd, watched.id)])
            return
        watched.wd = wd
        self._watched[below] = watched

    def _unwatch_below(self, below: str) -> None:
        with self._lock:
            gone = [
                path
                for path in self._watched
                if path == below or path.startswith(f"{below}/")
            ]
            watches = [self._watched.pop(path) for path in gone]
        self._events.remove_callbacks([(w.wd, w.id) for w in watches if w.wd is not None])


@dataclass(slots=True, eq=False)
class _Watched:
    """What watchdog calls about one folder."""

    events: Events
    below: str
    wd: WatchDescriptor | None = field(default=None, init=False)

    @property
    def id(self) -> CallbackId:
        return CallbackId(id(self))

    def on_event(self, event: InotifyEvent) -> None:
        self.events.hear(self.below, event)

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:
        self.events.forget(self.below, wd)

    def on_queue_overflow(self) -> None:
        if not self.below:  # it is called for every folder
            self.events.hear_of_loss()
