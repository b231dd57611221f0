"""A folder that results go to: made if missing, but not where a share is gone."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from srstream.atomic import make_folder


class Place:
    """Made with all folders above it at first, and later only by itself.

    A share that was unmounted leaves an empty folder, or none at all, and what is written
    there would fill the disk below and be hidden when the share comes back.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._mount: Path | None = None

    def make(self) -> None:
        """Make the folder if it is missing. Blocks.

        Raises:
            OSError: it cannot be made, or its file system is gone.
        """
        if self._mount is None:
            make_folder(self.folder, parents=True)
            self._mount = _mount_of(_real(self.folder))
            return
        if not os.path.ismount(self._mount) and _real(self.folder).is_relative_to(
            self._mount
        ):
            raise OSError(
                errno.ENODEV, f"what was mounted at {self._mount} is gone", self.folder
            )
        make_folder(self.folder)


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _mount_of(folder: Path) -> Path:
    """Return the nearest mount point at or above a folder."""
    # Not by the number of the device, which may change when it is mounted again.
    return next(each for each in (folder, *folder.parents) if os.path.ismount(each))
