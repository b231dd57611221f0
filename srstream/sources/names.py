"""In which order sources come, and what their outputs are called. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import PurePath

_NUMBER = re.compile("([0-9]+)")


def natural_key(name: str) -> tuple[tuple[str | int, ...], str]:
    """Return a key that sorts `frame2` before `frame10`.

    Text and numbers alternate in it, text first, so any two keys can be compared; the
    name itself decides between `1` and `01`.
    """
    parts = _NUMBER.split(name)
    return tuple(int(part) if i % 2 else part for i, part in enumerate(parts)), name


class Names:
    """What the outputs of each source are called: never two sources by one name.

    `a.jpg` is called `a`. Where another source would be called the same (`a.png` is
    there, or was called `a` earlier in this run) it keeps its whole name, `a.jpg`. In
    the last resort a number is added.
    """

    def __init__(self) -> None:
        self._there: set[str] = set()
        self._by_stem: defaultdict[str, set[str]] = defaultdict(set)
        self._by_whole: defaultdict[str, set[str]] = defaultdict(set)
        self._names: dict[str, str] = {}
        self._owners: dict[str, str] = {}

    def add(self, source: str) -> None:
        """Note that a source is there: from now on it counts where names meet."""
        if source in self._there:
            return
        self._there.add(source)
        self._by_stem[_stem(source)].add(source)
        self._by_whole[_whole(source)].add(source)

    def keep_only(self, present: Iterable[str]) -> None:
        """Note that all sources but these are gone; their names stay taken."""
        for source in self._there.difference(present):
            self._there.remove(source)
            _discard(self._by_stem, _stem(source), source)
            _discard(self._by_whole, _whole(source), source)

    def claim(self, source: str) -> str:
        """Return what the source's outputs are called: the same at every call."""
        if source in self._names:
            return self._names[source]
        self.add(source)
        name = next(name for name in self._wishes(source) if name not in self._owners)
        self._names[source] = name
        self._owners[name] = source
        return name

    def release(self, source: str) -> None:
        """Let others have the name of a source."""
        name = self._names.pop(source, None)
        if name is not None:
            del self._owners[name]

    def _wishes(self, source: str) -> Iterator[str]:
        whole = _whole(source)
        if self._has_stem_alone(source):
            yield _stem(source)
        yield whole
        for number in count(2):
            yield f"{whole}~{number}"

    def _has_stem_alone(self, source: str) -> bool:
        if self._shares_stem(source):
            return False
        # `a.jpg.png` may not be called `a.jpg` where that is the whole name that
        # `a.jpg` has to keep, because `a.png` is there as well.
        namesakes = self._by_whole.get(_stem(source), set())
        return not any(self._shares_stem(other) for other in namesakes - {source})

    def _shares_stem(self, source: str) -> bool:
        return len(self._by_stem[_stem(source)]) > 1


def _stem(source: str) -> str:
    return PurePath(source).stem


def _whole(source: str) -> str:
    return PurePath(source).name


def _discard(table: defaultdict[str, set[str]], key: str, source: str) -> None:
    table[key].discard(source)
    if not table[key]:
        del table[key]
