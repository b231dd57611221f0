from __future__ import annotations

import pytest

from srstream.sources.matching import PICTURES, matcher


@pytest.mark.parametrize("name", ["a.png", "A.PNG", "b.JpEg", "x y.tif", "ß\udcff.bmp"])
def test_pictures_are_taken_whatever_the_case_of_their_extension(name: str) -> None:
    assert matcher(PICTURES)(name)


@pytest.mark.parametrize(
    "name", [".a.png", ".1f-2.part", "a.png.part", "a.txt", "png", "a.png\n"]
)
def test_hidden_and_other_files_are_not_taken(name: str) -> None:
    assert not matcher(PICTURES)(name)


def test_a_hidden_file_is_not_taken_even_by_a_pattern_for_everything() -> None:
    matches = matcher(["*"])
    assert matches("README")
    assert not matches(".png")


def test_the_case_of_the_pattern_does_not_matter_either() -> None:
    assert matcher(["CAM-*.PNG"])("cam-1.png")
