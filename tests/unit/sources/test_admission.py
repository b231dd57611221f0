from __future__ import annotations

from contextlib import suppress
from itertools import count

import pytest

from srstream.errors import Refused
from srstream.sources.admission import FULL, UNKNOWN, Admission


def refused(admission: Admission, sender: str) -> str:
    with pytest.raises(Refused) as caught:
        admission.admit(sender)
    return caught.value.reason


def test_a_sender_is_admitted_once() -> None:
    admission = Admission(2)
    assert admission.admit("a")
    assert not admission.admit("a")
    assert not admission.admit("a")


def test_there_are_only_so_many_until_one_is_forgotten() -> None:
    admission = Admission(2)
    for sender in ("a", "a", "b", "b"):
        admission.admit(sender)
    assert refused(admission, "c") == FULL
    admission.forget("a")
    assert admission.admit("c")
    assert refused(admission, "a") == FULL


def test_a_name_that_changes_with_every_frame_makes_few_streams() -> None:
    admission = Admission(100)
    made = 0
    for number in range(5000):
        with suppress(Refused):
            made += admission.admit(f"frame {number}")
    assert made == 4


def test_beside_such_a_flood_a_real_sender_comes_in_with_its_second_frame() -> None:
    admission, names = Admission(16), count()

    def flood(frames: int) -> None:
        for _ in range(frames):
            with suppress(Refused):
                admission.admit(f"x{next(names)}")

    flood(50)
    assert refused(admission, "camera") == UNKNOWN
    flood(1000)
    assert admission.admit("camera")
    flood(5000)
    assert not admission.admit("camera")


@pytest.mark.parametrize("most", [2, 3, 4, 5])
def test_where_few_are_admitted_such_a_flood_leaves_places_as_well(most: int) -> None:
    admission = Admission(most)
    for number in range(50):
        with suppress(Refused):
            admission.admit(f"x{number}")
    assert refused(admission, "camera") == UNKNOWN
    assert admission.admit("camera")


def test_newcomers_that_go_on_make_room_for_others() -> None:
    admission = Admission(16, newcomers=1)
    admission.admit("a")
    assert refused(admission, "b") == UNKNOWN
    admission.admit("a")
    assert admission.admit("c")
    admission.forget("c")
    assert admission.admit("d")


def test_names_that_came_once_are_not_remembered_for_ever() -> None:
    admission = Admission(16, newcomers=0, remembered=2)
    for sender in ("a", "b", "c"):
        assert refused(admission, sender) == UNKNOWN
    assert refused(admission, "a") == UNKNOWN
    assert admission.admit("c")
