from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from files import save
from pictures import edges
from srstream.errors import ConfigError
from srstream.training.pictures import MOST_VALIDATION, read_pictures


def silent(text: str) -> None:
    raise AssertionError(text)


def fill(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        save(folder / f"p{number:03}.png", edges(8, 9, shift=number))
    return folder


def test_every_nth_picture_by_name_is_kept_aside(tmp_path: Path) -> None:
    read = read_pictures([fill(tmp_path / "a", 12)], aside=0.25, warn=silent)
    aside = {each.name for each in read.validation}
    assert aside == {"p002.png", "p006.png", "p010.png"}
    assert {each.name for each in read.training} == {
        f"p{number:03}.png" for number in range(12)
    } - aside


def test_the_same_are_kept_aside_wherever_the_folders_lie(tmp_path: Path) -> None:
    one, two = fill(tmp_path / "one", 5), fill(tmp_path / "two", 7)
    first = read_pictures([one, two], aside=0.3, warn=silent)
    one = one.rename(tmp_path / "zzz")
    second = read_pictures([two, one], aside=0.3, warn=silent)
    assert [each.digest for each in first.validation] == [
        each.digest for each in second.validation
    ]
    assert first.digest() == second.digest()
    assert first.digest() != read_pictures([one], aside=0.3, warn=silent).digest()


def test_no_more_are_kept_aside_than_tell_something(tmp_path: Path) -> None:
    read = read_pictures([fill(tmp_path / "a", 60)], aside=0.5, warn=silent)
    assert len(read.validation) <= MOST_VALIDATION
    assert len(read.training) + len(read.validation) == 60


def test_none_is_kept_aside_where_none_is_wanted_or_to_spare(tmp_path: Path) -> None:
    folder = fill(tmp_path / "a", 3)
    assert not read_pictures([folder], aside=0.0, warn=silent).validation
    assert not read_pictures([folder / "p000.png"], aside=0.5, warn=silent).validation
    assert len(read_pictures([folder], aside=0.01, warn=silent).validation) == 1


def test_grey_is_repeated_and_transparency_left_out(tmp_path: Path) -> None:
    grey = edges(8, 9)[:, :, 0]
    save(tmp_path / "a.png", grey)
    rgba = np.dstack([edges(8, 9), grey])
    save(tmp_path / "b.png", rgba)
    first, second = read_pictures([tmp_path], aside=0.0, warn=silent).training
    assert np.array_equal(first.pixels.numpy(), np.stack([grey] * 3))
    assert np.array_equal(second.pixels.numpy(), edges(8, 9).transpose(2, 0, 1))
    assert first.digest == hashlib.sha256((tmp_path / "a.png").read_bytes()).digest()


def test_what_cannot_be_read_is_named_and_left_out(tmp_path: Path) -> None:
    folder = fill(tmp_path / "a", 2)
    (folder / "bad.png").write_text("no picture")
    told: list[str] = []
    assert len(read_pictures([folder], aside=0.0, warn=told.append).training) == 2
    (line,) = told
    assert "bad.png is not a picture" in line
    assert line.endswith("; left out")


def test_without_a_single_picture_it_says_why(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="empty: no pictures in it"):
        read_pictures([tmp_path / "empty"], aside=0.1, warn=silent)
    (tmp_path / "bad.png").write_text("no picture")
    with pytest.raises(ConfigError, match="none of the pictures can be read"):
        read_pictures([tmp_path / "bad.png"], aside=0.1, warn=lambda text: None)
