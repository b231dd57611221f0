"""What a watched folder asks its ledger, in portions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice
from typing import TypeVar

from srstream.ledger import Entry, Ledger
from srstream.sources.names import Names

Item = TypeVar("Item")

_PORTION = 1000  # of a folder with 100,000 files, so that others have their turn
_NAMED_AT_ONCE = 200  # some ms of the event loop


class Recall:
    """Asks about any number of files; gives names that no other source has or had."""

    def __init__(self, ledger: Ledger, names: Names) -> None:
        self._ledger = ledger
        self._names = names

    async def entries(self, sources: Collection[str]) -> dict[str, Entry]:
        """Return what is known of these."""
        known: dict[str, Entry] = {}
        for portion in portions(sources):
            known.update(await self._ledger.entries(portion))
        return known

    async def present(self, sources: Collection[str]) -> None:
        """Note that these are still there."""
        for portion in portions(sources):
            await self._ledger.present(portion)

    async def name(self, sources: Collection[str], known: Mapping[str, Entry]) -> None:
        """Give each of these a name, in this order: the one it had, if any.

        Args:
            sources: The sources; those that have a name in this run keep it.
            known: What the ledger knows of them.
        """
        unnamed = [source for source in sources if source not in self._names]
        for portion in portions(unnamed, _NAMED_AT_ONCE):
            taken = _Taken(self._ledger)
            await taken.ask(
                name for source in portion for name in self._names.wishes(source, 2)
            )
            for source in portion:
                entry = known.get(source)
                if entry is not None and not self._names.is_given(entry.name):
                    self._names.give(source, entry.name)
                else:
                    self._names.give(source, await self._find(source, taken))

    async def _find(self, source: str, taken: _Taken) -> str:
        count = 2
        while True:
            wishes = self._names.wishes(source, count)
            await taken.ask(wishes)
            for name in wishes:
                if taken.owner(name) in (None, source):
                    return name
            count *= 4


class _Taken:
    """Which names the ledger has for sources of this run or an earlier one."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._asked: dict[str, str | None] = {}

    async def ask(self, names: Iterable[str]) -> None:
        unasked = dict.fromkeys(name for name in names if name not in self._asked)
        for portion in portions(unasked):
            owners = await self._ledger.owners(portion)
            self._asked.update((name, owners.get(name)) for name in portion)

    def owner(self, name: str) -> str | None:
        return self._asked[name]


def portions(items: Iterable[Item], size: int = _PORTION) -> Iterator[list[Item]]:
    """Cut something long into lists, none of them empty."""
    remaining = iter(items)
    while portion := list(islice(remaining, size)):
        yield portion
