"""Who may connect: public keys in a folder, as it is now."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from srstream.errors import LinkError
from srstream.transport.keys import read_public

MOST = 4096
"""Keys in a folder."""


@dataclass(frozen=True, slots=True)
class _Known:
    signature: tuple[int, int, int, int]
    """Inode, size, mtime and ctime in ns: another file has another one."""
    key: bytes | None
    """None: it is no key."""


class Clients:
    """The keys of a folder, read again where the folder changed. Blocks."""

    def __init__(self, folder: Path) -> None:
        """Remember where they are.

        Args:
            folder: of files `*.key`, as pyzmq and `srstream keys new` write them.
        """
        self._folder = folder
        self._files: dict[str, _Known] = {}

    def refresh(self) -> list[str]:
        """Look at the folder.

        Returns:
            What is wrong with files that are new or changed, which are passed over.

        Raises:
            LinkError: the folder cannot be read, or others can add to it; then nobody may
                connect.
        """
        before, self._files = self._files, {}
        wrong = []
        found = {}
        for name, signature in self._listed().items():
            known = before.get(name)
            if known is None or known.signature != signature:
                try:
                    known = _Known(signature, read_public(self._folder / name))
                except LinkError as error:
                    known = _Known(signature, None)
                    wrong.append(str(error))
            found[name] = known
        self._files = found
        return wrong

    def _listed(self) -> dict[str, tuple[int, int, int, int]]:
        try:
            mode = self._folder.stat().st_mode
            with os.scandir(self._folder) as entries:
                keys = (entry.name for entry in entries if entry.name.endswith(".key"))
                names = list(islice(keys, MOST + 1))
            listed = {name: _signature(self._folder / name) for name in names}
        except OSError as error:
            raise LinkError(
                f"cannot read the folder of clients' keys {self._folder}: {error.strerror}"
            ) from error
        if mode & stat.S_IWOTH:
            raise LinkError(
                f"everybody can add keys to {self._folder}: chmod o-w {self._folder}"
            )
        if len(names) > MOST:
            raise LinkError(f"{self._folder} has more than {MOST} keys")
        return listed

    def __contains__(self, key: object) -> bool:
        return any(known.key == key for known in self._files.values())

    def __len__(self) -> int:
        return sum(known.key is not None for known in self._files.values())


def _signature(path: Path) -> tuple[int, int, int, int]:
    try:
        status = path.stat()
    except FileNotFoundError:  # it went away meanwhile, or is a link to nowhere
        return (0, 0, 0, 0)
    return (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
