"""Frames that were received and wait: a lane for each sender, all of them bounded. Pure.

What a lane has no place for is held: it was received, but its sender is not answered yet.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from srstream.sources.zmq_options import Overload

Item = TypeVar("Item")

MOST_ITEMS = 1024
"""A tiny frame takes more memory for what is known of it than for its pixels."""


@dataclass(frozen=True, slots=True)
class Taken(Generic[Item]):
    """The next of a lane's items."""

    item: Item
    skipped: int
    """How many were dropped just before it."""


class Lane(Generic[Item]):
    """The items of one sender, oldest first. Made by `Inbox.add`, which changes it."""

    def __init__(self, ready: Callable[[], None]) -> None:
        self.ready = ready
        """Called when an item was accepted."""
        self.accepted: deque[tuple[Item, int]] = deque()
        """With their bytes."""
        self.held: deque[tuple[Item, int]] = deque()
        """Received after all of those, and not accepted yet."""
        self.nbytes = 0
        """Of the accepted ones."""
        self.arrived = 0
        """How many were ever accepted."""
        self.skipped = 0
        """How many were dropped since an item was taken."""

    def __len__(self) -> int:
        return len(self.accepted)

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits, be it accepted or held."""
        return not self.accepted and not self.held


class Inbox(Generic[Item]):
    """All lanes together, each with an equal share; the oldest item always fits in its."""

    def __init__(
        self,
        max_bytes: int,
        *,
        policy: Overload,
        accepted: Callable[[Item], None],
        max_items: int = MOST_ITEMS,
    ) -> None:
        """Begin without a lane.

        Args:
            max_bytes: of all items that wait; a single one may exceed it.
            policy: `block`: what has no place is held until it has; `latest`: a lane has
                one item, the others are dropped; `drop-oldest`: a lane makes place. With
                both, lanes that exceed their share make place for all, in turns.
            accepted: called with each item that is accepted, at once or after it was held.
            max_items: in all lanes.
        """
        self.nbytes = 0
        """Of all items, those that are held as well."""
        self.arrived = 0
        """How many were ever accepted."""
        self.dropped = 0
        """How many of these were dropped again."""
        self._max_bytes = max_bytes
        self._max_items = max_items
        self._policy = policy
        self._accepted = accepted
        self._items = 0
        self._lanes: list[Lane[Item]] = []

    @property
    def has_room(self) -> bool:
        """Whether another item is to be received: it may exceed the bound, alone."""
        if self._policy != "block":
            return True
        return self.nbytes < self._max_bytes and self._items < self._max_items

    def add(self, ready: Callable[[], None]) -> Lane[Item]:
        """Return a new lane, which calls `ready` for every item it accepts."""
        lane: Lane[Item] = Lane(ready)
        self._lanes.append(lane)
        return lane

    def remove(self, lane: Lane[Item]) -> None:
        """Give a lane up, with all that is in it; the others have larger shares then."""
        self._lanes.remove(lane)
        self.clear(lane)
        for other in self._lanes:
            self._settle(other)

    def clear(self, lane: Lane[Item]) -> int:
        """Throw away all that is in a lane; return how many of it were accepted."""
        number = len(lane.accepted)
        for _, nbytes in (*lane.accepted, *lane.held):
            self._forget(nbytes)
        lane.accepted.clear()
        lane.held.clear()
        lane.nbytes = 0
        return number

    def put(self, lane: Lane[Item], item: Item, nbytes: int) -> None:
        """Add an item to a lane: it is accepted, or held behind others."""
        self._items += 1
        self.nbytes += nbytes
        lane.held.append((item, nbytes))
        self._settle(lane)

    def take(self, lane: Lane[Item]) -> Taken[Item] | None:
        """Take the oldest item that was accepted; none: there is none."""
        if not lane.accepted:
            return None
        item, nbytes = lane.accepted.popleft()
        lane.nbytes -= nbytes
        self._forget(nbytes)
        taken = Taken(item, lane.skipped)
        lane.skipped = 0
        self._settle(lane)
        return taken

    def held(self) -> Iterator[Item]:
        """What is held, in all lanes."""
        for lane in self._lanes:
            yield from (item for item, _ in lane.held)

    def accept_held(self, lane: Lane[Item]) -> None:
        """Accept what is held in a lane, whether it has a place or not."""
        while lane.held:
            self._accept(lane)

    def accept_all_held(self) -> None:
        """Accept what is held in any lane."""
        for lane in self._lanes:
            self.accept_held(lane)

    def give_up_held(self) -> Iterator[Item]:
        """Take out what is held in any lane, as if it had not been received."""
        for lane in self._lanes:
            while lane.held:
                item, nbytes = lane.held.popleft()
                self._forget(nbytes)
                yield item

    def _settle(self, lane: Lane[Item]) -> None:
        while lane.held and (self._policy != "block" or self._fits(lane)):
            self._accept(lane)
            self._drop(lane)

    def _fits(self, lane: Lane[Item]) -> bool:
        if not lane.accepted:
            return True
        _, nbytes = lane.held[0]
        return lane.nbytes + nbytes <= self._share and len(lane) < self._share_items

    def _accept(self, lane: Lane[Item]) -> None:
        item, nbytes = lane.held.popleft()
        lane.accepted.append((item, nbytes))
        lane.nbytes += nbytes
        lane.arrived += 1
        self.arrived += 1
        self._accepted(item)
        lane.ready()

    def _drop(self, lane: Lane[Item]) -> None:
        if self._policy == "block":
            return
        most = 1 if self._policy == "latest" else self._share_items
        while len(lane) > 1 and (len(lane) > most or lane.nbytes > self._share):
            self._drop_oldest(lane)
        while self.nbytes > self._max_bytes and self._items > 1:
            large = next(each for each in self._lanes if each.nbytes > self._share)
            self._drop_oldest(large)
            self._lanes.remove(large)
            self._lanes.append(large)

    def _drop_oldest(self, lane: Lane[Item]) -> None:
        _, nbytes = lane.accepted.popleft()
        lane.nbytes -= nbytes
        lane.skipped += 1
        self.dropped += 1
        self._forget(nbytes)

    @property
    def _share(self) -> int:
        return self._max_bytes // len(self._lanes)

    @property
    def _share_items(self) -> int:
        return max(1, self._max_items // len(self._lanes))

    def _forget(self, nbytes: int) -> None:
        self._items -= 1
        self.nbytes -= nbytes
