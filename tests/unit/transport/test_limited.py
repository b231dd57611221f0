from __future__ import annotations

import structlog
from structlog.testing import capture_logs

from srstream.transport.limited import LimitedLog


def test_the_first_is_said_at_once_and_the_rest_now_and_then_with_a_count() -> None:
    now = [0.0]
    with capture_logs() as lines:
        limited = LimitedLog(structlog.get_logger(), "refused", clock=lambda: now[0])
        for at in (0.0, 1.0, 9.9, 10.0, 19.0, 20.5):
            now[0] = at
            limited.count("unknown key", peer=f"at {at}")
        limited.count("no key")
    said = [(line["reason"], line["times"], line["in_all"]) for line in lines]
    assert said == [
        ("unknown key", 1, 1),
        ("unknown key", 3, 4),
        ("unknown key", 2, 6),
        ("no key", 1, 1),
    ]
    assert lines[1]["peer"] == "at 10.0"
