"""What is said of refusals and of new senders, and how often."""

from __future__ import annotations

import structlog
from structlog.testing import capture_logs

from fakes import FakeClock
from srstream.errors import Refused
from srstream.frames import Origin
from srstream.sources.introductions import Introductions
from srstream.sources.refusals import Refusals
from srstream.wire.message import Message


def test_every_refusal_is_counted_and_few_are_said() -> None:
    clock = FakeClock()
    with capture_logs() as logs:
        refusals = Refusals(structlog.get_logger(), clock)
        for _ in range(1000):
            refusals.note(Refused("no JSON", "byte 7"), peer="10.0.0.9", sender="cam")
        refusals.note(Refused("too large"), peer="")
        clock.advance(10.0)
        refusals.note(Refused("no JSON", "byte 8"), peer="10.0.0.9")
    assert refusals.by_reason == {"no JSON": 1001, "too large": 1}
    assert [(log["reason"], log["since_last"]) for log in logs] == [
        ("no JSON", 1),
        ("too large", 1),
        ("no JSON", 1000),
    ]
    assert logs[0]["detail"] == "byte 7"
    assert (logs[0]["peer"], logs[0]["sender"]) == ("10.0.0.9", "cam")
    assert (logs[1]["peer"], logs[1]["sender"]) == (None, None)


def hello(introductions: Introductions, sender: str) -> None:
    message = Message("imagezmq", Origin(sender=sender), 0, read=lambda: None)
    introductions.note(message, peer="10.0.0.9")


def test_each_sender_is_introduced_once() -> None:
    with capture_logs() as logs:
        introductions = Introductions(structlog.get_logger(), FakeClock())
        for sender in ("a", "b", "a", "b", "a"):
            hello(introductions, sender)
    assert [(log["sender"], log["peer"], log["format"]) for log in logs] == [
        ("a", "10.0.0.9", "imagezmq"),
        ("b", "10.0.0.9", "imagezmq"),
    ]


def test_names_that_change_all_the_time_do_not_fill_the_log_or_the_memory() -> None:
    clock = FakeClock()
    with capture_logs() as logs:
        introductions = Introductions(structlog.get_logger(), clock)
        for number in range(3000):
            clock.now = number / 100
            hello(introductions, f"sender {number}")
    assert len(logs) == 8 + 2
    assert sum(1 + log["others"] for log in logs) <= 3000
    assert len(introductions._known) == 1024
