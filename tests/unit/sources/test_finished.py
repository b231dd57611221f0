from __future__ import annotations

from srstream.ledger import Signature
from srstream.sources.finished import Finished

OLD = Signature(1, 1)
NEW = Signature(2, 2)


def test_the_same_content_is_finished_and_new_content_is_not() -> None:
    finished = Finished(limit=10)
    finished.add("a", OLD)
    assert finished.has("a", OLD)
    assert not finished.has("a", NEW)
    assert not finished.has("b", OLD)


def test_files_that_are_gone_are_remembered_up_to_the_limit_the_latest_longest() -> None:
    finished = Finished(limit=2)
    for source in ("a", "b", "c", "a"):
        finished.add(source, OLD)
    assert finished.trim(present=()) == ["b"]
    assert finished.has("c", OLD)
    assert finished.has("a", OLD)


def test_files_that_are_there_are_never_forgotten() -> None:
    finished = Finished(limit=1)
    for source in ("a", "b", "c"):
        finished.add(source, OLD)
    assert finished.trim(present={"a", "b", "c"}) == []
    assert finished.trim(present={"a", "b"}) == ["c"]
