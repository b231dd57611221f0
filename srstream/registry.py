"""Tables from a `type` in the configuration to the options and the factory behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Product = TypeVar("Product")
Context = TypeVar("Context")
Options = TypeVar("Options")


@dataclass(frozen=True, slots=True)
class Entry(Generic[Product, Context]):
    """One row of a table."""

    name: str
    options: type[Any]
    """A frozen dataclass; the configuration's remaining keys fill it."""
    make: Callable[[Any, Context], Product]


class Registry(Generic[Product, Context]):
    """An explicit table: adding a part is one file and one line."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        """What the table holds, for messages: `network`, `source`."""
        self._entries: dict[str, Entry[Product, Context]] = {}

    def add(
        self,
        name: str,
        options: type[Options],
        make: Callable[[Options, Context], Product],
    ) -> None:
        """Add a row; mypy checks that `make` takes these options."""
        if name in self._entries:
            raise ValueError(f"{self.kind} {name!r} is in the table already")
        self._entries[name] = Entry(name, options, make)

    def __getitem__(self, name: str) -> Entry[Product, Context]:
        return self._entries[name]

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def name_of(self, options: object) -> str:
        """Return the name under which this kind of options stands in the table.

        Raises:
            KeyError: no row has options of this class.
        """
        for entry in self._entries.values():
            if type(options) is entry.options:
                return entry.name
        raise KeyError(type(options).__name__)
