"""In which order sources come, and what their outputs are called. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Container, Iterator
from itertools import count, islice

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
    the last resort a number is added. A source in a sub-folder is called with it, `b/a`,
    so it meets only its neighbours.
    """

    def __init__(self, *, flat: bool = False) -> None:
        """Start with no sources.

        Args:
            flat: Leave sub-folders out of names, as for results that all go to one folder.
        """
        self._flat = flat
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
        self._by_stem[self._stem(source)].add(source)
        self._by_whole[self._whole(source)].add(source)

    def keep_only(self, present: Container[str]) -> None:
        """Note that all sources but these are gone; their names stay taken."""
        for source in [source for source in self._there if source not in present]:
            self._there.remove(source)
            _discard(self._by_stem, self._stem(source), source)
            _discard(self._by_whole, self._whole(source), source)

    def __contains__(self, source: object) -> bool:
        """Tell whether a source has a name by now."""
        return source in self._names

    def is_given(self, name: str) -> bool:
        """Tell whether a name was given to any source in this run."""
        return name in self._owners

    def claim(self, source: str) -> str:
        """Return what the source's outputs are called: the same at every call."""
        if source not in self._names:
            self.give(source, self.wishes(source, 1)[0])
        return self._names[source]

    def wishes(self, source: str, count: int) -> list[str]:
        """Return names that the source could be given, the best first."""
        self.add(source)
        free = (name for name in self._wishes(source) if name not in self._owners)
        return list(islice(free, count))

    def give(self, source: str, name: str) -> None:
        """Give a source without a name one that is free, such as one of its wishes."""
        self._names[source] = name
        self._owners[name] = source

    def release(self, source: str) -> None:
        """Let others have the name of a source."""
        name = self._names.pop(source, None)
        if name is not None:
            del self._owners[name]

    def _wishes(self, source: str) -> Iterator[str]:
        whole = self._whole(source)
        if self._has_stem_alone(source):
            yield self._stem(source)
        yield whole
        for number in count(2):
            yield f"{whole}~{number}"

    def _has_stem_alone(self, source: str) -> bool:
        if self._shares_stem(source):
            return False
        # `a.jpg.png` may not be called `a.jpg` where that is the whole name that
        # `a.jpg` has to keep, because `a.png` is there as well.
        namesakes = self._by_whole.get(self._stem(source), set())
        return not any(self._shares_stem(other) for other in namesakes - {source})

    def _shares_stem(self, source: str) -> bool:
        return len(self._by_stem[self._stem(source)]) > 1

    def _stem(self, source: str) -> str:
        # As `PurePath.suffix` has it, which is ten times as slow.
        whole = self._whole(source)
        dot, begin = whole.rfind("."), whole.rfind("/") + 1
        return whole[:dot] if begin < dot < len(whole) - 1 else whole

    def _whole(self, source: str) -> str:
        return source.rpartition("/")[2] if self._flat else source


def _discard(table: defaultdict[str, set[str]], key: str, source: str) -> None:
    table[key].discard(source)
    if not table[key]:
        del table[key]
