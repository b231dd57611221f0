from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from fakes import FakeProcessor, frame
from srstream.cli.summary import Summary, make_parent
from srstream.errors import SinkError
from srstream.evaluation.reference import Score
from srstream.frames import Upscaled


def upscaled() -> Upscaled:
    processor = FakeProcessor()
    processor.begin(frame())
    return processor.finish()


def score(psnr_y: float | None) -> Score:
    return Score(psnr_y, 30.0, 0.9, 31.0, 29.0, 0.8)


def summary() -> Summary:
    return Summary(preset="light", mode="online", device="cpu", seconds=4.0)


def test_numbers_are_averaged_over_the_pictures_that_have_them() -> None:
    told = summary()
    told.add(upscaled(), Path("out/0.png"), score(32.0))
    told.add(upscaled(), Path("out/1.png"), score(None))  # equal to its original
    told.add_kept(Path("in/2.png"), Path("out/2.png"), score(36.0))
    mean = told.mean()
    assert mean["psnr_y"] == 34.0
    assert mean["psnr_rgb"] == 30.0
    assert mean["steps"] == 0.0
    assert told.as_dict()["fps"] == 0.5  # two in four seconds; the third was there


def test_of_nothing_there_are_no_means() -> None:
    assert set(summary().mean().values()) == {None}
    assert summary().as_dict()["fps"] is None


def test_a_name_is_neither_markup_nor_a_line_of_its_own() -> None:
    told = summary()
    told.add_kept(Path("in/[bold]\n\x1b[31mx.png"), Path("out/x.png"), score(30.0))
    console = Console(width=120, record=True, file=io.StringIO())
    told.print_to(console, scored=True)
    assert r"[bold]\n\x1b[31mx.png" in console.export_text()


def test_the_folder_of_a_summary_is_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "summary.json"
    make_parent(path)
    make_parent(path)
    summary().write_to(path)
    assert path.is_file()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SinkError, match=r"file/summary\.json: cannot be written"):
        make_parent(tmp_path / "file" / "summary.json")
