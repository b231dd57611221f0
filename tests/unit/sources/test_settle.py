from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srstream.ledger import Signature
from srstream.sources.settle import Settle

WINDOW = 0.5


def signature(size: int) -> Signature:
    return Signature(size, mtime_ns=size)


def test_a_file_is_ready_one_window_after_it_stopped_changing() -> None:
    settle = Settle(WINDOW)
    settle.saw("a", signature(1), now=0.0)
    settle.saw("a", signature(2), now=0.4)
    settle.saw("a", signature(2), now=0.8)
    assert settle.take_ready(0.8) == []
    assert settle.next_due() == pytest.approx(0.9)
    settle.saw("a", signature(2), now=0.9)
    assert settle.take_ready(0.9) == [("a", signature(2))]


def test_time_alone_settles_nothing_that_was_not_looked_at_again() -> None:
    settle = Settle(WINDOW)
    settle.saw("a", signature(1), now=0.0)
    assert settle.take_ready(100.0) == []
    assert settle.due(100.0) == ["a"]


def test_a_file_that_is_old_when_first_seen_is_ready_at_once() -> None:
    settle = Settle(WINDOW)
    settle.saw("a", signature(1), now=0.0, age=3600.0)
    assert settle.take_ready(0.0) == [("a", signature(1))]


def test_a_time_of_change_in_the_future_counts_as_now() -> None:
    settle = Settle(WINDOW)
    settle.saw("a", signature(1), now=0.0, age=-60.0)
    settle.saw("a", signature(1), now=0.5, age=-60.0)
    assert settle.take_ready(0.5) == [("a", signature(1))]


def test_closing_a_file_starts_its_window_again() -> None:
    settle = Settle(WINDOW)
    settle.saw("a", signature(1), now=0.0, age=3600.0)
    settle.stirred("a", at=0.0)
    assert settle.take_ready(0.0) == []
    settle.saw("a", signature(1), now=0.5)
    assert settle.take_ready(0.5) == [("a", signature(1))]


def test_a_file_is_released_once() -> None:
    settle = Settle(WINDOW)
    settle.saw("a", signature(1), now=0.0, age=1.0)
    assert settle.take_ready(0.0)
    assert settle.take_ready(10.0) == []
    assert settle.next_due() is None


def test_a_file_that_is_gone_is_forgotten() -> None:
    settle = Settle(WINDOW)
    settle.saw("a", signature(1), now=0.0)
    settle.saw("b", signature(1), now=0.0)
    settle.gone("a")
    assert settle.gone_but({"c"}) == ["b"]
    assert settle.next_due() is None


def test_the_files_of_one_burst_are_released_together() -> None:
    settle = Settle(WINDOW)
    settle.saw("first", signature(1), now=0.0)
    settle.saw("last", signature(1), now=0.4)
    settle.saw("first", signature(1), now=0.5)
    assert settle.take_ready(0.5) == []
    settle.saw("last", signature(1), now=0.9)
    assert {name for name, _ in settle.take_ready(0.9)} == {"first", "last"}


def test_a_file_that_grows_for_ever_keeps_the_others_for_one_more_window_only() -> None:
    settle = Settle(WINDOW)
    settle.saw("done", signature(1), now=0.0)
    settle.saw("done", signature(1), now=0.5)
    settle.saw("grows", signature(1), now=0.5)
    assert settle.take_ready(0.9) == []
    assert settle.take_ready(1.0) == [("done", signature(1))]


@dataclass
class World:
    """Files that grow, and somebody who looks at them, in ticks of 0.1 s."""

    settle: Settle = field(default_factory=lambda: Settle(WINDOW))
    sizes: dict[str, int] = field(default_factory=dict)
    changed: dict[str, float] = field(default_factory=dict)
    released: set[str] = field(default_factory=set)
    now: float = 0.0

    def write(self, name: str) -> None:
        self.sizes[name] = self.sizes.get(name, 0) + 1
        self.changed[name] = self.now

    def look(self) -> None:
        """As the source does: at what is new or due, then at what is released."""
        due = self.settle.due(self.now)
        for name, size in self.sizes.items():
            if name in due or (name not in self.settle and name not in self.released):
                age = self.now - self.changed[name]
                self.settle.saw(name, signature(size), now=self.now, age=age)
        for name, found in self.settle.take_ready(self.now):
            if found.size != self.sizes[name]:  # it changed while it was held back
                size = self.sizes[name]
                self.settle.saw(name, signature(size), now=self.now)
                continue
            assert self.now - self.changed[name] >= WINDOW * 0.999999
            self.released.add(name)


steps = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from(["a", "b", "c", "look"])),
    max_size=60,
)


@given(steps)
def test_no_file_is_ready_while_it_grows_and_each_becomes_ready_after(
    steps: list[tuple[int, str]],
) -> None:
    world = World()
    tick = 0
    for ticks, what in steps:
        tick += ticks
        world.now = tick / 10
        if what == "look":
            world.look()
        elif what not in world.released:
            world.write(what)
    for _ in range(31):  # held back, found changed, settling, held back again
        world.look()
        tick += 1
        world.now = tick / 10
    assert world.released == set(world.sizes)


@given(
    writes=st.lists(st.floats(0.0, 10.0), min_size=1, max_size=30),
    looks=st.lists(st.floats(0.0, 12.0), max_size=60),
)
def test_what_is_released_was_quiet_for_a_window_when_last_looked_at(
    writes: list[float], looks: list[float]
) -> None:
    settle = Settle(WINDOW)
    begun = min(writes)
    for now in sorted(look for look in looks if look >= begun):
        past = [moment for moment in writes if moment <= now]
        settle.saw("a", signature(len(past)), now=now, age=now - max(past))
        if settle.take_ready(now):
            assert now - max(past) >= WINDOW * 0.999999
            return
