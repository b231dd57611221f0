from __future__ import annotations

import pytest

from srstream.runtime.cadence import Cadence


def frames_saved(cadence: Cadence, times: list[float]) -> list[int]:
    """Show it a frame at each of these times; return after which it was due, from 1."""
    saved = []
    for number, now in enumerate(times, start=1):
        cadence.saw()
        if cadence.due(now):
            cadence.saved(now)
            saved.append(number)
    return saved


@pytest.mark.parametrize(
    ("frames", "seconds", "every", "expected"),
    [
        (1, 30.0, 1.0, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        (4, 30.0, 1.0, [4, 8]),
        (100, 30.0, 10.0, [4, 7, 10]),
        (3, 30.0, 20.0, [3, 5, 7, 9]),
    ],
    ids=["each frame", "by count", "by time", "whichever comes first"],
)
def test_it_is_due_after_so_many_frames_or_so_many_seconds(
    frames: int, seconds: float, every: float, expected: list[int]
) -> None:
    times = [1000.0 + every * number for number in range(10)]
    assert frames_saved(Cadence(frames, seconds), times) == expected


def test_it_is_never_due_without_a_new_frame() -> None:
    cadence = Cadence(1, 0.5)
    assert not cadence.due(0.0)
    assert not cadence.due(1e9)
    cadence.saw()
    assert cadence.due(1e9)
    cadence.saved(1e9)
    assert not cadence.due(2e9)


def test_what_was_due_stays_so_until_it_is_saved() -> None:
    cadence = Cadence(2, 60.0)
    cadence.saw()
    cadence.saw()
    assert cadence.due(0.0)
    cadence.saw()
    assert cadence.due(1.0)
    cadence.saved(1.0)
    cadence.saw()
    assert not cadence.due(60.9)
    assert cadence.due(61.0)
