from __future__ import annotations

from srstream.ledger import Signature
from srstream.sources.backoff import BackOff

OLD = Signature(1, 1)
NEW = Signature(2, 2)


def test_the_delay_doubles_up_to_a_minute_and_goes_on_for_ever() -> None:
    back_off, now, delays, said = BackOff(), 100.0, [], []
    for _ in range(9):
        said.append(back_off.put_off("a", OLD, now))
        due = back_off.next_due()
        assert due is not None
        assert back_off.take_due(due - 0.1) == []
        assert back_off.take_due(due) == [("a", OLD)]
        delays.append(due - now)
        now = due
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert said == [True, False, False, False, False, False, True, False, False]


def test_it_waits_only_until_it_is_tried_and_only_with_the_same_content() -> None:
    back_off = BackOff()
    back_off.put_off("a", OLD, 0.0)
    assert back_off.waits("a", OLD)
    assert not back_off.waits("a", NEW)
    back_off.take_due(1.0)
    assert not back_off.waits("a", OLD)
    assert "a" in back_off
    assert back_off.next_due() is None


def test_new_content_starts_anew() -> None:
    back_off = BackOff()
    for now in (0.0, 1.0):
        back_off.put_off("a", OLD, now)
    assert back_off.put_off("a", NEW, 10.0)
    assert back_off.next_due() == 11.0
    back_off.saw("a", NEW)
    assert "a" in back_off
    back_off.saw("a", OLD)
    assert "a" not in back_off


def test_what_could_be_done_or_is_gone_is_forgotten() -> None:
    back_off = BackOff()
    for source in ("a", "b", "c"):
        back_off.put_off(source, OLD, 0.0)
    assert back_off.settled("a")
    assert not back_off.settled("a")
    back_off.keep_only({"b"})
    assert "b" in back_off
    assert "c" not in back_off
