from __future__ import annotations

import math

import pytest

from srstream.ledger import Signature
from srstream.sources.files import Look
from srstream.sources.places import Places

OLD = Look(Signature(1, 1), math.inf)
NEW = Look(Signature(2, 2), math.inf)


@pytest.fixture
def places() -> Places:
    return Places(window=1.0)


def ready(places: Places, source: str, look: Look = OLD, *, now: float = 0.0) -> None:
    places.settling(source, look, now=now, aged=True)
    assert places.take_settled(now) == [(source, look.signature)]
    places.offer(source, look, source, now=now)


def test_only_what_is_in_no_place_needs_one(places: Places) -> None:
    assert places.saw("a", OLD, now=0.0)
    places.settling("a", OLD, now=0.0)
    assert not places.saw("a", OLD, now=0.0)
    ready(places, "b")
    assert not places.saw("b", OLD, now=0.0)
    places.finish("c", OLD.signature)
    assert not places.saw("c", OLD, now=0.0)
    assert places.saw("c", NEW, now=0.0)
    places.unsure("d", OLD)
    assert not places.saw("d", OLD, now=0.0)


def test_a_file_in_hand_is_left_alone(places: Places) -> None:
    ready(places, "a")
    assert places.hand_out() is not None
    assert not places.saw("a", NEW, now=0.0)
    assert places.next_due() is None
    assert places.hand_out() is None


def test_a_file_that_changes_while_it_is_ready_or_unsure_settles_again(
    places: Places,
) -> None:
    ready(places, "a")
    places.unsure("b", OLD)
    for source in ("a", "b"):
        assert not places.saw(source, NEW, now=5.0)
    assert places.backlog == 0
    assert not places.has_unsure
    assert places.to_look_at(6.0) == ["a", "b"]


def test_what_is_unsure_is_taken_in_the_order_it_came(places: Places) -> None:
    places.unsure("b", OLD)
    places.unsure("a", NEW)
    assert places.take_unsure() == ("b", OLD)
    assert places.take_unsure() == ("a", NEW)
    assert places.take_unsure() is None


def test_only_what_came_later_has_arrived_and_only_once(places: Places) -> None:
    places.were_there(["a"])
    ready(places, "a")
    ready(places, "b")
    assert places.arrived == 1
    for _ in range(2):
        places.hand_out()
    places.returned("a")
    places.later("b", OLD.signature, now=0.0)
    ready(places, "a")
    assert places.take_settled(1.0) == [("b", OLD.signature)]
    places.offer("b", OLD, "b", now=1.0)
    assert places.arrived == 1


def test_what_cannot_be_read_waits_and_starts_anew_with_new_content(
    places: Places,
) -> None:
    ready(places, "a")
    places.hand_out()
    assert places.later("a", OLD.signature, now=0.0)
    assert not places.saw("a", OLD, now=0.5)
    assert places.next_due() == 1.0
    assert not places.saw("a", NEW, now=0.5)
    assert places.take_settled(1.0) == []
    assert not places.finish("a", NEW.signature)


def test_a_doubt_is_taken_up_when_it_is_due_unless_the_file_has_changed(
    places: Places,
) -> None:
    for source in ("a", "b"):
        places.finish(source, OLD.signature)
        places.doubt(source, OLD.signature, until=3.0)
    assert places.take_settled(2.0) == []
    places.settling("b", NEW, now=2.5)
    assert places.take_settled(3.0) == [("a", OLD.signature)]
    assert places.saw("a", OLD, now=3.0)


def test_what_is_gone_is_forgotten_and_what_was_done_is_not(places: Places) -> None:
    places.settling("a", OLD, now=0.0)
    places.unsure("b", OLD)
    places.finish("c", OLD.signature)
    assert places.keep_only(present=()) == []
    assert places.next_due() is None
    assert not places.has_unsure
    assert not places.saw("c", OLD, now=0.0)
