"""An unfinished training on the disk: saved now and then, continued, removed at the end."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from srstream.atomic import write_atomically
from srstream.engine.state import pack, unpack
from srstream.errors import Complaint, ConfigError, SinkError, StateError

_IDENTITY = "training"
_KIND = "kind"
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
        self._identity = json.loads(json.dumps(identity))

    def load(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]] | None:
        """Return what was saved, arrays and notes; none: there is no such file.

        Raises:
            ConfigError: it is of another training, or damaged: what differs.
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
        theirs, ours = dict(_flat(head[_IDENTITY])), dict(_flat(self._identity))
        differences = [
            self._complain(
                f"was begun with {key} {_shown(theirs, key)}, now it is "
                f"{_shown(ours, key)}; continue with the same, or --restart"
            )
            for key in sorted(theirs.keys() | ours.keys())
            if theirs.get(key) != ours.get(key) and key not in _FREE
        ]
        if differences:
            raise ConfigError(*(each.complaints[0] for each in differences))
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


def _flat(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield `recipe.steps` and its value, for all keys at all depths."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield above + key, value


def _shown(values: Mapping[str, Any], key: str) -> str:
    return json.dumps(values[key]) if key in values else "not set"
