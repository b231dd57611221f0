from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srstream.sources.sender_ids import sender_id


@pytest.mark.parametrize("name", ["cam1", "Door.left_2-b", "-rf", "_", "x" * 64])
def test_a_name_that_is_an_id_stays_as_it_is(name: str) -> None:
    assert sender_id(name) == name


@pytest.mark.parametrize(
    ("name", "readable"),
    [
        ("Käm 1", "K_m_1"),
        ("../../etc/passwd", "__.._etc_passwd"),
        ("..", "_"),
        (".hidden", "_hidden"),
        ("a/b", "a_b"),
        ("y" * 65, "y" * 55),
        ("$(reboot)", "_reboot_"),
    ],
)
def test_a_name_that_is_changed_ends_in_its_hash(name: str, readable: str) -> None:
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    assert sender_id(name) == f"{readable}-{digest}"


def test_names_that_would_be_changed_to_the_same_stay_apart() -> None:
    assert len({sender_id(name) for name in ("a b", "a/b", "a?b", "a_b")}) == 4


def test_a_sender_without_a_name_has_one() -> None:
    assert sender_id("") == "feed"


@given(st.text(st.characters(), max_size=200))
def test_whatever_a_sender_says_no_path_comes_of_it(name: str) -> None:
    found = sender_id(name)
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", found)
    assert not found.startswith(".")
    assert sender_id(name) == found
