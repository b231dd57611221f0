from __future__ import annotations

from dataclasses import dataclass

from structlog.typing import EventDict

from fakes import FakeFeed
from runnables import heard
from srstream.runtime.keptfeeds import KeptFeeds

LOST = "frames of a feed are lost: its stream did not run again"


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Spec:
    name: str


def test_a_feed_is_found_by_the_very_object_its_stream_is_made_from() -> None:
    kept, spec, feed = KeptFeeds(), Spec("a"), FakeFeed()
    kept.keep("demo", spec, feed)
    assert kept.of(spec) is feed
    assert kept.of(Spec("a")) is None


def test_the_feed_of_another_try_leaves_that_of_the_stream_that_runs() -> None:
    kept, runs, tried = KeptFeeds(), Spec("a"), Spec("b")
    feed = FakeFeed()
    kept.keep("demo", runs, feed)
    kept.keep("demo", tried, FakeFeed())
    del tried
    assert kept.of(runs) is feed


def test_what_waits_when_the_stream_cannot_be_made_any_more_is_said_to_be_lost(
    logs: list[EventDict],
) -> None:
    kept, spec = KeptFeeds(), Spec("a")
    kept.keep("demo", spec, FakeFeed("x", "y"))
    del spec
    (said,) = heard(logs, LOST)
    assert (said["stream"], said["frames"]) == ("demo", 2)
    kept.close()
    assert len(heard(logs, LOST)) == 1


def test_what_waits_in_the_end_is_said_once_and_of_an_empty_feed_nothing(
    logs: list[EventDict],
) -> None:
    kept, spec, other = KeptFeeds(), Spec("a"), Spec("b")
    kept.keep("demo", spec, FakeFeed("x"))
    kept.keep("other", other, FakeFeed())
    kept.close()
    del spec, other
    (said,) = heard(logs, LOST)
    assert (said["stream"], said["frames"]) == ("demo", 1)
