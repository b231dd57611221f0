"""A camera before the whole daemon: its parts, and the case at a size of a moment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.camera import Seen
from bench.cases import live
from bench.held import adaptation, held
from bench.moving import STEP, clip, swinging
from bench.pictures import photographs, save, window


def seen(*received: tuple[float, int, int], late: float = 0.0, **stats: object) -> Seen:
    """Ten frames a second, due from 0.0 on, of which the window is 1.0 to 2.0.

    Args:
        received: when a frame came, its number, and srstream's own number.
        late: seconds by which each was sent too late.
        stats: of every frame.
    """
    due = [number / 10 for number in range(30)]
    told = [
        (moment, json.dumps({"src_seq": number, "seq": own, "stats": stats}))
        for moment, number, own in received
    ]
    return Seen(due, [moment + late for moment in due], told, [], (1.0, 2.0), 0.5)


def test_a_clip_is_shown_forth_and_back_without_a_cut() -> None:
    assert [swinging(n, 4) for n in range(9)] == [0, 1, 2, 3, 2, 1, 0, 1, 2]
    assert [swinging(n, 1) for n in range(3)] == [0, 0, 0]


def test_photographs_move_by_the_same_way_from_frame_to_frame() -> None:
    down, right = STEP
    frames = clip(600, 700, count=8)
    assert len(frames) == 8
    assert {frame.shape for frame in frames} == {(600, 700, 3)}
    assert np.array_equal(frames[0][down:, right:], frames[1][:-down, :-right])
    assert not np.array_equal(frames[1], frames[2])  # another photograph


def test_a_folder_is_shown_once_even_if_it_has_fewer_frames(tmp_path: Path) -> None:
    for number in range(3):
        save(window(photographs()[0], 40, 60, moved=number), tmp_path / f"{number}.png")
    frames = clip(20, 30, count=9, folder=tmp_path)
    assert len(frames) == 3
    with pytest.raises(FileNotFoundError):
        clip(20, 30, count=9, folder=tmp_path / "none")


def test_the_time_of_a_frame_runs_from_when_it_was_due() -> None:
    back = [(1.02 + n / 10, 11 + n, 101 + n) for n in range(10)]
    found = held(seen(*back, late=0.015))
    assert (found.sent, found.received, found.dropped, found.gaps) == (10, 10, 0, 0)
    assert found.fps == pytest.approx(10.0)
    assert found.latency.p50 == pytest.approx(20.0)
    assert found.latency.most == pytest.approx(20.0)
    assert found.late.p99 == pytest.approx(15.0)


def test_only_the_window_counts_and_what_is_missing_is_seen() -> None:
    # Frame 5 was due at 0.4; 13 and 14 were dropped, and 12 came after 15.
    back = [(1.0, 5, 4), (1.1, 11, 5), (1.5, 15, 9), (1.6, 12, 6), (2.4, 20, 10)]
    found = held(seen(*back))
    assert (found.sent, found.received) == (10, 4)
    assert found.dropped == 6
    assert found.gaps == 2
    assert found.out_of_turn == 1
    assert found.latency.most == pytest.approx(500.0)


def test_a_window_in_which_nothing_came_is_no_measurement() -> None:
    with pytest.raises(ValueError, match="1 of 10 frames came back"):
        held(seen((1.1, 11, 1)))


def test_what_is_said_of_adapting_is_averaged_and_what_is_not_said_is_absent() -> None:
    stats: dict[str, Any] = {
        "steps": 3,
        "outcome": "adapted",
        "used": "carried",
        "ms": {"adapt": 5.0},
    }
    found = adaptation(seen((1.2, 11, 1), (1.3, 12, 2), (2.5, 20, 3), **stats))
    assert found["outcomes"] == {"adapted": 2}
    assert (found["steps"], found["used"]) == (3.0, {"carried": 2})
    assert found["ms"]["adapt"] == 5.0
    assert found["deadline_missed"] is None
    assert found["ms"]["total"] is None


def test_keys_are_set_as_toml_or_as_bare_words() -> None:
    found = live.adapt_keys(("steps=2", "mode=frozen", "seconds=0.5", 'judge="observe"'))
    assert found == {
        "steps": "2",
        "mode": '"frozen"',
        "seconds": "0.5",
        "judge": '"observe"',
    }
    with pytest.raises(ValueError, match="--set steps: not of the form key=value"):
        live.Options(set=("steps",))
    with pytest.raises(ValueError, match="size is '480'; of the form 480x270"):
        live.Options(size="480")


def test_the_stream_between_the_sockets_is_configured(tmp_path: Path) -> None:
    from srstream.settings import load  # noqa: PLC0415 - the daemon's part

    file = tmp_path / "bench.toml"
    options = live.Options(set=("steps=2", "mode=frozen"))
    source, sink = "tcp://127.0.0.1:5001", "tcp://127.0.0.1:5002"
    file.write_text(live.configuration(options, source=source, sink=sink))
    (stream,) = load(file, environ={}).streams.values()
    assert stream.session.preset == "realtime"
    assert (stream.session.adapt.steps, stream.session.adapt.mode) == (2, "frozen")


@pytest.mark.slow
@pytest.mark.parametrize("max_rate", [0, 2])
def test_a_camera_is_held_against_the_whole_daemon(max_rate: int) -> None:
    report = live.run(
        live.Options(
            size="48x32",
            fps=10.0,
            seconds=1.0,
            warm_up=0.5,
            frames=8,
            scored=3,
            max_rate=max_rate,
        )
    )
    figures = report.figures
    assert figures["received"] >= 2
    assert 0 < figures["latency"]["p50"] <= figures["latency"]["most"]
    assert set(figures["psnr_y"]) == {"received", "frozen", "bicubic"}
    assert figures["psnr_y"]["received"] == pytest.approx(
        figures["psnr_y"]["frozen"], abs=2.0
    )
    assert figures["cpu_ms_per_frame"]["daemon"] > 0
    assert ("goals" in figures) is (max_rate == 0)
