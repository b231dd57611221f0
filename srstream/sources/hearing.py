"""Does a folder tell what happens in it, or does one have to look again and again?"""

from __future__ import annotations

from typing import Literal

from structlog.typing import FilteringBoundLogger

from srstream.sources.folder import Folder
from srstream.sources.inotify_limits import room_for
from srstream.sources.mounts import file_system_without_events
from srstream.sources.watch import FolderWatch

Mode = Literal["auto", "events", "poll"]

_RESTART = 'remove the reason and restart; watch = "poll" says so without a warning'
_LONGEST_BLIND = 30.0  # seconds until what no event tells is found, whatever it costs
_SHARE = 10  # polling takes at most this part of the time


class Hearing:
    """Events where they can be had, and else a warning with the remedy, once."""

    def __init__(
        self, folder: Folder, watch: FolderWatch, mode: Mode, log: FilteringBoundLogger
    ) -> None:
        """Prepare; nothing is watched before `ensure`."""
        self.polls = mode == "poll"
        """Whether the folder is to be looked at as often as sensible."""
        self._folder = folder
        self._watch = watch
        self._insists = mode == "events"
        self._log = log
        self._is_counted = False
        self._is_told = False

    def ensure(self) -> None:
        """Watch the folder that is there now. Blocks: for the source's thread."""
        if self.polls:
            return
        try:
            kind = None if self._insists else file_system_without_events(self._folder.path)
            if kind is not None:
                self._give_up(
                    f"its file system, {kind}, does not tell what others change in it",
                    'none is needed; watch = "poll" says so without a warning',
                )
                return
            lacking = self._find_lacking_room()
            if lacking is not None:
                self._give_up(lacking, _RESTART)
                return
            self._watch.ensure()
        except FileNotFoundError:
            self._is_counted = False  # the scan that follows says so
        except OSError as exc:
            self._give_up(exc.strerror or str(exc), _RESTART)
        else:
            self._is_told = False

    def close(self) -> None:
        """Stop watching. Blocks."""
        self._watch.close()

    def _find_lacking_room(self) -> str | None:
        if self._insists or self._is_counted:
            return None
        self._is_counted = True
        return room_for(self._folder.count_folders())

    def _give_up(self, reason: str, remedy: str) -> None:
        self.polls = not self._insists
        if not self._is_told:
            self._log.warning(
                "watched folder is polled: there are no events of it"
                if self.polls
                else "watched folder is only rescanned: there are no events of it",
                reason=reason,
                remedy=remedy,
            )
        self._is_told = True
        if self.polls:
            self._watch.close()


def seconds_between_polls(*, settle: float, rescan: float, scan_took: float) -> float:
    """Return how long to wait from one look at a whole folder to the next.

    Args:
        settle: At least this, in seconds.
        rescan: At most this.
        scan_took: How long the last look took.
    """
    return min(rescan, max(settle, _SHARE * scan_took))


def seconds_between_rescans(*, rescan: float, scan_took: float) -> float:
    """Return the same where events tell the most: rarer, up to 30 s, if a look takes long.

    Args:
        rescan: At least this, in seconds.
        scan_took: How long the last look took.
    """
    return max(rescan, min(_LONGEST_BLIND, 2 * _SHARE * scan_took))
