from __future__ import annotations

import json

import pytest

from srstream.cli.taplines import Seen, json_of, line_of

STATS = {
    "v": 1,
    "stream": "pipe",
    "seq": 42,
    "out_size": [640, 480],
    "outcome": "adapted",
    "heldout_psnr_after": 31.6613,
    "heldout_psnr_bicubic": 30.4277,
    "ms": {"total": 84.6},
}


def test_a_line_says_stream_number_size_outcome_gain_and_time() -> None:
    line = line_of(Seen("pipe", 42, stats=STATS))
    assert line.split() == ["pipe", "42", "640x480", "adapted", "+1.23", "dB", "85", "ms"]


def test_the_gain_is_that_of_the_weights_in_use_and_not_of_those_that_learnt() -> None:
    stats = {**STATS, "heldout_psnr_frozen": 30.9, "heldout_gain": 0.0}
    assert "+0.47 dB" in line_of(Seen("pipe", 42, stats=stats))


def test_what_is_not_known_is_a_dash() -> None:
    skipped = {**STATS, "heldout_psnr_after": None, "outcome": "skipped"}
    words = line_of(Seen("pipe", 1, stats=skipped)).split()
    assert words == ["pipe", "1", "640x480", "skipped", "-", "85", "ms"]
    assert line_of(Seen("cam1", None, (8, 6))).split() == [
        *("cam1", "-", "8x6", "-", "-", "-")
    ]


@pytest.mark.parametrize(
    "stats",
    [
        {"ms": 7, "out_size": "large", "outcome": ["adapted"], "heldout_psnr_after": "31"},
        {"ms": {"total": [1]}, "out_size": [1, 2, 3], "heldout_psnr_bicubic": {}},
        {"ms": {"total": True}, "out_size": [None, None], "outcome": "\x1b[2J\n" * 999},
    ],
)
def test_whatever_a_publisher_says_is_one_short_line(stats: dict[str, object]) -> None:
    line = line_of(Seen("\x1b[31m\nx" * 99, 1, stats=stats))
    assert line.isprintable()
    assert len(line) < 200


def test_json_is_the_line_of_statistics_as_it_came() -> None:
    assert json.loads(json_of(Seen("pipe", 42, stats=STATS))) == STATS


def test_json_of_a_frame_that_nobody_enlarged_has_the_same_keys() -> None:
    line = json_of(Seen("cam1", None, (8, 6)))
    assert json.loads(line) == {"stream": "cam1", "seq": None, "out_size": [8, 6]}
