"""What was measured on a machine, kept so that it is measured once: a file of JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from srstream.atomic import write_atomically
from srstream.regular import read_regular

FORMAT = 1
MOST = 64
"""Results that are kept, the latest."""
_LARGEST = 1 << 20  # bytes


class SelfTests:
    """Results by what they were measured on; for other machines nothing is known.

    Everything blocks. Two processes that write at once lose one of two results, which is
    then measured again.
    """

    def __init__(self, path: Path | None) -> None:
        """Prepare; nothing is read yet.

        Args:
            path: the file; None: nothing is kept.
        """
        self.path = path

    def recall(self, case: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the result for this case; none if it is not known or cannot be read.

        Args:
            case: whatever the result depends on: the processor, versions, options.
        """
        wanted = _plain(case)
        return next((found for known, found in self._entries() if known == wanted), None)

    def remember(self, case: Mapping[str, Any], result: Mapping[str, Any]) -> None:
        """Keep the result for this case, in place of the one before.

        Raises:
            OSError: it cannot be written.
        """
        if self.path is None:
            return
        known = _plain(case)
        others = [entry for entry in self._entries() if entry[0] != known]
        latest = [*others, (known, _plain(result))][-MOST:]
        entries = [{"case": case, "result": result} for case, result in latest]
        text = json.dumps({"format": FORMAT, "results": entries}, indent=1)
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(self.path, text.encode())

    def _entries(self) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Return what stands in the file, the oldest first; of a damaged one nothing."""
        if self.path is None:
            return []
        try:
            whole = json.loads(read_regular(self.path, largest=_LARGEST))
            if whole["format"] != FORMAT:
                return []
            entries = [(entry["case"], entry["result"]) for entry in whole["results"]]
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            return []
        return [
            (case, result)
            for case, result in entries
            if isinstance(case, dict) and isinstance(result, dict)
        ]


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return it as JSON gives it back: tuples as lists."""
    plain: dict[str, Any] = json.loads(json.dumps(dict(values)))
    return plain
