from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srstream.sources.inbox import Inbox, Lane
from srstream.sources.zmq_options import Overload


class Box:
    """An inbox of 100 bytes whose items are texts, and what it told."""

    def __init__(self, policy: Overload = "block", *, max_items: int = 1024) -> None:
        self.told: list[str] = []
        self.ready = 0
        self.inbox: Inbox[str] = Inbox(
            100, policy=policy, accepted=self.told.append, max_items=max_items
        )

    def lane(self) -> Lane[str]:
        return self.inbox.add(self._count)

    def put(self, lane: Lane[str], *items: str, nbytes: int = 40) -> None:
        for item in items:
            self.inbox.put(lane, item, nbytes)

    def take_all(self, lane: Lane[str]) -> list[tuple[str, int]]:
        taken = []
        while (one := self.inbox.take(lane)) is not None:
            taken.append((one.item, one.skipped))
        return taken

    def _count(self) -> None:
        self.ready += 1


def test_items_leave_in_the_order_they_came() -> None:
    box = Box()
    lane = box.lane()
    box.put(lane, "a", "b")
    assert box.take_all(lane) == [("a", 0), ("b", 0)]
    assert (box.inbox.nbytes, box.ready, lane.arrived) == (0, 2, 2)


def test_what_has_no_place_is_held_until_there_is_one() -> None:
    box = Box()
    lane = box.lane()
    box.put(lane, "a", "b", "c")
    assert box.told == ["a", "b"]
    assert list(box.inbox.held()) == ["c"]
    assert not box.inbox.has_room
    box.inbox.take(lane)
    assert box.told == ["a", "b", "c"]
    assert box.inbox.has_room


def test_one_item_always_fits_however_large() -> None:
    box = Box()
    lane = box.lane()
    box.put(lane, "huge", nbytes=1000)
    assert box.told == ["huge"]
    assert not box.inbox.has_room


def test_tiny_items_are_bounded_in_number() -> None:
    box = Box(max_items=2)
    lane = box.lane()
    box.put(lane, "a", "b", "c", nbytes=1)
    assert box.told == ["a", "b"]
    assert not box.inbox.has_room
    box.inbox.take(lane)
    assert not box.inbox.has_room  # b and c
    box.inbox.take(lane)
    assert box.inbox.has_room


def test_a_lane_has_its_share_and_does_not_hold_up_the_others() -> None:
    box = Box()
    slow, fast = box.lane(), box.lane()
    box.put(slow, "s1", "s2")
    box.put(fast, "f1", nbytes=10)
    assert box.told == ["s1", "f1"]
    assert box.inbox.has_room
    assert box.take_all(fast) == [("f1", 0)]
    box.put(fast, "f2", nbytes=10)
    assert box.told == ["s1", "f1", "f2"]


def test_the_share_of_a_lane_that_is_removed_goes_to_the_others() -> None:
    box = Box()
    one, other = box.lane(), box.lane()
    box.put(one, "a", "b")
    box.put(other, "c", nbytes=5)
    box.inbox.remove(other)
    assert box.told == ["a", "c", "b"]
    assert box.inbox.nbytes == 80


def test_of_the_latest_all_others_are_dropped_and_the_gap_is_told() -> None:
    box = Box("latest")
    lane = box.lane()
    box.put(lane, "a", "b", "c")
    assert box.told == ["a", "b", "c"]
    assert box.take_all(lane) == [("c", 2)]
    box.put(lane, "d")
    assert box.take_all(lane) == [("d", 0)]
    assert box.inbox.dropped == 2


def test_the_oldest_are_dropped_when_there_is_no_place() -> None:
    box = Box("drop-oldest")
    lane = box.lane()
    box.put(lane, "a", "b", "c", "d")
    assert box.take_all(lane) == [("c", 2), ("d", 0)]


def test_where_something_is_dropped_there_is_always_room() -> None:
    for policy in ("latest", "drop-oldest"):
        box = Box(policy)
        lane = box.lane()
        box.put(lane, "a", "b", nbytes=1000)
        assert box.inbox.has_room
        assert box.inbox.nbytes == 1000


@pytest.mark.parametrize("policy", ["latest", "drop-oldest"])
def test_however_many_lanes_there_are_all_together_stay_within_the_bound(
    policy: Overload,
) -> None:
    box = Box(policy)
    lanes = [box.lane() for _ in range(10)]
    for lane in lanes:
        box.put(lane, "a")
    assert box.inbox.nbytes <= 100
    assert box.inbox.dropped == 8
    waiting = [bool(box.take_all(lane)) for lane in lanes]
    for lane in lanes:
        box.put(lane, "b")
    # They make place in turns, so that each has its frames now and then.
    assert waiting != [bool(box.take_all(lane)) for lane in lanes]


def test_a_lane_with_large_items_makes_place_before_the_others() -> None:
    box = Box("latest")
    small, large = box.lane(), box.lane()
    box.put(small, "a", nbytes=40)
    box.put(large, "b", nbytes=90)
    assert box.take_all(small) == [("a", 0)]
    assert (box.take_all(large), large.skipped) == ([], 1)
    box.put(large, "c", nbytes=1000)
    assert box.take_all(large) == [("c", 1)]


def test_at_the_end_what_is_held_is_accepted_or_given_up() -> None:
    box = Box()
    one, other = box.lane(), box.lane()
    box.put(one, "a", "b", "c")
    box.put(other, "d", "e", "f")
    box.inbox.accept_held(one)
    assert box.told == ["a", "d", "b", "c"]
    assert list(box.inbox.give_up_held()) == ["e", "f"]
    box.inbox.accept_all_held()
    assert box.told == ["a", "d", "b", "c"]
    assert box.inbox.clear(one) == 3
    assert box.inbox.clear(other) == 1
    assert box.inbox.nbytes == 0


@given(
    st.sampled_from(["block", "latest", "drop-oldest"]),
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 60) | st.none()), max_size=60),
)
def test_nothing_is_lost_untold_and_the_order_is_kept(
    policy: Overload, actions: list[tuple[int, int | None]]
) -> None:
    box = Box(policy)
    lanes = [box.lane() for _ in range(3)]
    sent: list[list[str]] = [[], [], []]
    numbers: list[list[int]] = [[], [], []]
    got: list[list[str]] = [[], [], []]

    def take(which: int) -> bool:
        one = box.inbox.take(lanes[which])
        if one is not None:
            got[which].append(one.item)
            numbers[which].append(1 + one.skipped)
        return one is not None

    for which, nbytes in actions:
        if nbytes is None:
            take(which)
        elif box.inbox.has_room:
            sent[which].append(f"{which}.{len(sent[which])}")
            box.put(lanes[which], sent[which][-1], nbytes=nbytes)
        # The last to be received may exceed the bound, where none is dropped for it.
        assert box.inbox.nbytes <= (159 if policy == "block" else 100)
    for which in range(3):
        while take(which):
            pass
        # The number that each frame gets, gaps included, is that of its sender.
        expected = [sent[which].index(item) + 1 for item in got[which]]
        assert list(accumulate(numbers[which])) == expected
        if policy == "block":
            assert got[which] == sent[which]
        assert sum(numbers[which]) + lanes[which].skipped == len(sent[which])
    assert box.inbox.nbytes == 0
