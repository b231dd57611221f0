from __future__ import annotations

import dataclasses
import json
import math
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from srstream.frames import (
    AdaptStats,
    Frame,
    FrameId,
    Milliseconds,
    Outcome,
    Picture,
    Upscaled,
    Used,
)
from srstream.sinks.stats_line import stats_line, stats_of

KEYS = (  # word by word from the contract
    "v run stream seq source scale in_size out_size outcome used steps loss_before "
    "loss_after heldout_psnr_before heldout_psnr_after heldout_psnr_bicubic "
    "heldout_psnr_frozen heldout_gain weight_change scene_change deadline_missed fault ms "
    "net preset device time"
)
MS_KEYS = ["queue", "decode", "adapt", "upscale", "write", "total"]
NOON = datetime(2026, 1, 2, 12, 0, 0, 250_000, tzinfo=UTC)


def upscaled(
    *, source: str = "a.jpg", ms: Milliseconds | None = None, **stats: Any
) -> Upscaled:
    frame = Frame(FrameId("demo", 3, source, "a"), Picture(np.zeros((4, 6, 3), np.uint8)))
    given = {"net": "zssr-star", "preset": "light", "device": "cpu", **stats}
    return Upscaled(
        frame,
        np.zeros((8, 12, 3), np.uint8),
        AdaptStats(given.pop("outcome", Outcome.ADAPTED), 2, **given),
        ms or Milliseconds(),
    )


def refuse(constant: str) -> None:
    pytest.fail(f"{constant} is not JSON")


def parsed(item: Upscaled, *, time: datetime = NOON) -> dict[str, Any]:
    line = stats_line(item, run="r1", time=time)
    assert "\n" not in line
    assert line.isascii()
    fields = json.loads(line, parse_constant=refuse)
    assert isinstance(fields, dict)
    return fields


def test_every_key_is_on_the_line_in_order_and_no_other() -> None:
    fields = parsed(upscaled())
    assert list(fields) == KEYS.split()
    assert list(fields["ms"]) == MS_KEYS


def test_what_is_told_beside_a_frame_is_what_the_line_says() -> None:
    item = upscaled(loss_before=1 / 3, heldout_psnr_after=math.inf, source="a\udcff.jpg")
    told = stats_of(item, run="r1", time=NOON)
    assert json.loads(json.dumps(told, allow_nan=False)) == parsed(item)


def test_the_values_are_those_of_the_frame() -> None:
    item = upscaled(
        outcome=Outcome.ROLLED_BACK,
        used=Used.CARRIED,
        steps=20,
        loss_before=0.5,
        loss_after=0.25,
        heldout_psnr_before=30.0,
        heldout_psnr_after=31.5,
        heldout_psnr_bicubic=29.0,
        heldout_psnr_frozen=29.5,
        heldout_gain=0.5,
        weight_change=0.001,
        scene_change=True,
        deadline_missed=True,
        fault="out of memory",
        ms=Milliseconds(1.0, 2.0, 3.0, 4.0, 5.0, 15.0),
    )
    assert parsed(item) == {
        "v": 1,
        "run": "r1",
        "stream": "demo",
        "seq": 3,
        "source": "a.jpg",
        "scale": 2,
        "in_size": [6, 4],
        "out_size": [12, 8],
        "outcome": "rolled_back",
        "used": "carried",
        "steps": 20,
        "loss_before": 0.5,
        "loss_after": 0.25,
        "heldout_psnr_before": 30.0,
        "heldout_psnr_after": 31.5,
        "heldout_psnr_bicubic": 29.0,
        "heldout_psnr_frozen": 29.5,
        "heldout_gain": 0.5,
        "weight_change": 0.001,
        "scene_change": True,
        "deadline_missed": True,
        "fault": "out of memory",
        "ms": dict(zip(MS_KEYS, [1.0, 2.0, 3.0, 4.0, 5.0, 15.0], strict=True)),
        "net": "zssr-star",
        "preset": "light",
        "device": "cpu",
        "time": "2026-01-02T12:00:00.250+00:00",
    }


FLOATS = [f.name for f in dataclasses.fields(AdaptStats) if f.type == "float | None"]


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_what_is_not_known_or_not_finite_is_null(value: float | None) -> None:
    fields = parsed(upscaled(**dict.fromkeys(FLOATS, value)))
    assert FLOATS
    assert [fields[name] for name in FLOATS] == [None] * len(FLOATS)


def test_a_time_that_is_not_finite_is_null() -> None:
    fields = parsed(upscaled(ms=Milliseconds(total=math.nan, queue=math.inf)))
    assert fields["ms"]["total"] is None
    assert fields["ms"]["queue"] is None


def test_numbers_are_rounded_to_what_they_can_mean() -> None:
    fields = parsed(
        upscaled(
            loss_before=0.000123456789123,
            weight_change=12345.6789123,
            heldout_psnr_after=30.123456,
            ms=Milliseconds(adapt=1.23456),
        )
    )
    assert fields["loss_before"] == 0.00012345679
    assert fields["weight_change"] == 12345.679
    assert fields["heldout_psnr_after"] == 30.1235
    assert fields["ms"]["adapt"] == 1.235


def test_numbers_of_numpy_are_written_as_numbers() -> None:
    fields = parsed(upscaled(loss_before=np.float32(0.5), scene_change=np.bool_(True)))
    assert fields["loss_before"] == 0.5
    assert fields["scene_change"] is True


@pytest.mark.parametrize(
    ("source", "written"),
    [
        ("ä\u2028\n.png", "ä\u2028\n.png"),
        ("\udcff.png", "\\udcff.png"),
        ('"}.png', '"}.png'),
    ],
)
def test_any_name_of_a_file_can_be_told(source: str, written: str) -> None:
    told = parsed(upscaled(source=source))["source"]
    assert told == written
    told.encode()  # no lone surrogates, which strict readers refuse


def test_the_time_is_told_in_utc() -> None:
    tokyo = datetime(2026, 1, 2, 21, tzinfo=timezone(timedelta(hours=9)))
    time = parsed(upscaled(), time=tokyo)["time"]
    assert time == "2026-01-02T12:00:00.000+00:00"


def test_the_documentation_has_just_these_fields() -> None:
    text = (Path(__file__).parents[3] / "docs" / "stats.md").read_text()
    tables = [
        re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
        for section in re.split("^#+ ", text, flags=re.MULTILINE)
    ]
    assert [rows for rows in tables if rows] == [
        KEYS.split(),
        [*Outcome],
        [*Used],
        MS_KEYS,
    ]
    (example,) = re.findall("```json\n(.*?)```", text, re.DOTALL)
    assert list(json.loads(example)) == KEYS.split()
