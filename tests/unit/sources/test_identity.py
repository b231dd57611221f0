from __future__ import annotations

from dataclasses import replace

import pytest

from srstream.frames import Content
from srstream.ledger import Entry, Fate, Signature
from srstream.sources.identity import (
    Knowledge,
    is_ambiguous,
    is_same,
    judge,
    seconds_of_doubt,
)

WHOLE = 1_700_000_000_000_000_000
FINE = WHOLE + 123_456_789
MS = 1_000_000


def entry(
    fate: Fate = Fate.DONE, *, mtime: int = FINE, read_after: int | None = 1000 * MS
) -> Entry:
    content = None if read_after is None else Content(b"digest", mtime + read_after)
    return Entry(
        "a.png", "a", Signature(9, mtime), fate, content, 1, "", mtime / 1e9 + 60, ""
    )


@pytest.mark.parametrize(
    ("mtime", "read_after", "expected"),
    [
        (FINE, 20 * MS, True),
        (FINE, 21 * MS, False),
        (FINE, -20 * MS, True),
        (WHOLE, 2000 * MS, True),
        (WHOLE, 2001 * MS, False),
        (WHOLE, -3000 * MS, False),
    ],
)
def test_what_was_read_within_a_tick_of_its_change_is_ambiguous(
    mtime: int, read_after: int, expected: bool
) -> None:
    assert is_ambiguous(Signature(1, mtime), mtime + read_after) is expected


@pytest.mark.parametrize(
    ("known", "signature", "expected"),
    [
        (None, Signature(9, FINE), Knowledge.NEW),
        (entry(Fate.TAKEN), Signature(9, FINE), Knowledge.NEW),
        (entry(Fate.DONE), Signature(9, FINE), Knowledge.KNOWN),
        (entry(Fate.FAILED), Signature(9, FINE), Knowledge.KNOWN),
        (entry(read_after=5 * MS), Signature(9, FINE), Knowledge.UNSURE),
        (entry(), Signature(8, FINE), Knowledge.NEW),
        (entry(), Signature(9, FINE + 1), Knowledge.UNSURE),
        (entry(read_after=None), Signature(9, FINE), Knowledge.KNOWN),
        (entry(read_after=None), Signature(9, FINE + 1), Knowledge.NEW),
    ],
)
def test_size_time_and_fate_tell_whether_a_content_is_known(
    known: Entry | None, signature: Signature, expected: Knowledge
) -> None:
    assert judge(known, signature) is expected


def test_a_failure_within_the_tick_of_the_change_is_tried_once_more() -> None:
    failed = entry(Fate.FAILED, mtime=WHOLE, read_after=None)
    assert judge(failed, failed.signature) is Knowledge.KNOWN
    early = replace(failed, time=WHOLE / 1e9 + 1)
    assert judge(early, early.signature) is Knowledge.NEW


def test_after_reading_the_digest_decides() -> None:
    touched = Signature(9, FINE + 1)
    assert is_same(entry(), touched, Content(b"digest", FINE))
    assert not is_same(entry(), touched, Content(b"other", FINE))
    assert not is_same(entry(Fate.TAKEN), touched, Content(b"digest", FINE))


def test_doubt_lasts_until_a_change_would_show() -> None:
    fine, whole = Signature(1, FINE), Signature(1, WHOLE)
    assert seconds_of_doubt(fine, FINE + 30 * MS, now_ns=FINE) is None
    assert seconds_of_doubt(fine, FINE, now_ns=FINE + 11 * MS) == pytest.approx(0.01)
    assert seconds_of_doubt(whole, WHOLE, now_ns=WHOLE) == pytest.approx(2.001)
    assert seconds_of_doubt(whole, WHOLE, now_ns=WHOLE + 9000 * MS) == 0.0
