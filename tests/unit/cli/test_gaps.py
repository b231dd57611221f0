from __future__ import annotations

import pytest

from srstream.cli import gaps
from srstream.cli.gaps import Gaps


def test_numbers_in_order_have_no_gaps_wherever_they_begin() -> None:
    follows = Gaps()
    assert [follows.seen("a", seq) for seq in (41, 42, 43)] == [0, 0, 0]
    assert follows.missing == 0


def test_numbers_left_out_are_counted() -> None:
    follows = Gaps()
    assert [follows.seen("a", seq) for seq in (1, 3, 4, 9)] == [0, 1, 0, 4]
    assert follows.missing == 5


def test_each_stream_is_followed_by_itself() -> None:
    follows = Gaps()
    seen = [("a", 1), ("b", 7), ("a", 2), ("b", 9)]
    assert [follows.seen(*each) for each in seen] == [0, 0, 0, 1]


def test_a_sender_that_begins_anew_left_nothing_out() -> None:
    follows = Gaps()
    assert [follows.seen("a", seq) for seq in (8, 1, 2, 2, 4)] == [0, 0, 0, 0, 1]


def test_names_without_end_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gaps, "MOST_STREAMS", 2)
    follows = Gaps()
    for name in ("a", "b", "c", "d"):
        follows.seen(name, 1)
    assert follows.seen("a", 5) == 0  # forgotten, and followed again
    assert follows.seen("d", 5) == 3
