"""An unfinished training on the disk: saved now and then, continued, removed at the end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from srstream.atomic import write_atomically
from srstream.engine.state import pack, unpack
from srstream.engine.weights import UNFINISHED
from srstream.errors import Complaint, ConfigError, SinkError, StateError
from srstream.settings.keys import flat

_IDENTITY = UNFINISHED
_KIND = "kind"
_NET = "net"
_FREE = frozenset({"recipe.save_every"})
"""What may be another when a training is continued: it decides nothing."""


class Partial:
    """The file `FILE.partial`, and whether it is of this training."""

    def __init__(self, path: Path, identity: Mapping[str, Any]) -> None:
        """Read and write nothing yet.

        Args:
            path: Of the file.
            identity: All that decides what is learnt, as JSON can hold it.
        """
        self.path = path
        self._identity = dict(identity)

    def load(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]] | None:
        """Return what was saved, arrays and notes; none: there is no such file.

        Raises:
            ConfigError: it is of another training, or damaged; says what differs.
        """
        try:
            blob = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._complain(f"cannot be read: {error.strerror}") from error
        try:
            arrays, head = unpack(blob)
        except StateError as error:
            raise self._complain(f"{error}; --restart begins anew") from error
        if head.get(_KIND) != _IDENTITY:
            raise self._complain("is no training of srstream pretrain; use another -o")
        if differing := differences(head[_IDENTITY], self._identity):
            begun = f"was begun with {differing}"
            raise self._complain(f"{begun}; continue with the same, or --restart")
        return arrays, head["notes"]

    def save(self, arrays: Mapping[str, NDArray[Any]], notes: Mapping[str, Any]) -> None:
        """Replace what was saved. Raises `SinkError`."""
        head = {_KIND: _IDENTITY, _IDENTITY: self._identity, "notes": notes}
        try:
            write_atomically(self.path, pack(arrays, head))
        except OSError as error:
            raise SinkError(f"{self.path}: cannot be written: {error.strerror}") from error

    def remove(self) -> None:
        """Remove the file, if it is there. Raises `SinkError`."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise SinkError(f"{self.path}: cannot be removed: {error.strerror}") from error

    def _complain(self, problem: str) -> ConfigError:
        return ConfigError(Complaint(str(self.path), problem))


def differences(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> str:
    """Return `scale 2 (now 3), recipe.rate ...`: what decides and is not the same.

    Args:
        theirs: An identity as `Partial` takes it, of before, as JSON has held it.
        ours: That of now.
    """
    before, now = (dict(flat(json.loads(json.dumps(each)))) for each in (theirs, ours))
    keys = [
        key
        for key in sorted(before.keys() | now.keys())
        if before.get(key) != now.get(key) and key not in _FREE
    ]
    if _NET in keys:  # another network has other options: that goes without saying
        keys = [key for key in keys if not key.startswith(f"{_NET}_options.")]
    return ", ".join(
        f"{key} {_shown(before, key)} (now {_shown(now, key)})" for key in keys
    )


def _shown(values: Mapping[str, Any], key: str) -> str:
    return json.dumps(values[key]) if key in values else "not set"
