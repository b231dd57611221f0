"""Which contents of which files were dealt with in this run. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Container

from srstream.ledger import Signature


class Finished:
    """Remembers files that are there for good, and the latest of those that are gone.

    Files that are gone are remembered because a share that is unmounted for a while
    looks just like a folder that was emptied.
    """

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        self._signatures: OrderedDict[str, Signature] = OrderedDict()

    def __len__(self) -> int:
        return len(self._signatures)

    def add(self, source: str, signature: Signature) -> None:
        """Note that this content was dealt with; an earlier one is forgotten."""
        self._signatures[source] = signature
        self._signatures.move_to_end(source)

    def has(self, source: str, signature: Signature) -> bool:
        """Tell whether just this content was dealt with."""
        return self._signatures.get(source) == signature

    def forget(self, source: str) -> None:
        """Let a content be dealt with once more."""
        self._signatures.pop(source, None)

    def trim(self, present: Container[str]) -> list[str]:
        """Forget the oldest that are gone, beyond the limit; return which."""
        excess = len(self._signatures) - self._limit
        if excess <= 0:
            return []
        gone = [source for source in self._signatures if source not in present]
        for source in gone[:excess]:
            del self._signatures[source]
        return gone[:excess]
