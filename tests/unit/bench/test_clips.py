"""Clips whose truth is known, and how they are made small."""

from __future__ import annotations

import itertools
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from skimage import transform

from bench.clips import FOR_CHECKING_ONLY, RECORDED, clip_of
from bench.degradations import DEGRADATIONS
from bench.pictures import photographs, save
from bench.scenarios import SCENARIOS, brightness
from bench.synthetic_clips import SYNTHETIC
from bench.video import coded
from imresize import imresize_matrix
from srstream.evaluation.metrics import psnr_y

Frame = NDArray[np.uint8]


@pytest.fixture(scope="module")
def frames() -> tuple[Frame, ...]:
    """Four small frames of a pan, sides 48 and 64."""
    return tuple(
        frame[100:148, 150:214] for frame in clip_of("pan", count=4, data=None).frames
    )


def made(name: str, count: int) -> tuple[Frame, ...]:
    return clip_of(name, count=count, data=None).frames


@pytest.mark.parametrize("scenario", ["", *SCENARIOS])
@pytest.mark.parametrize("base", SYNTHETIC)
def test_a_made_clip_has_as_many_frames_as_asked_for_and_is_always_the_same(
    base: str, scenario: str
) -> None:
    name = f"{base}-{scenario}" if scenario else base
    first, again = made(name, 7), made(name, 7)
    assert [frame.shape for frame in first] == [(256, 384, 3)] * 7
    assert {frame.dtype for frame in first} == {np.dtype(np.uint8)}
    assert np.array_equal(first, again)


def test_a_pan_moves_by_three_pixels_and_back_from_the_edge_of_the_photograph() -> None:
    pairs = list(itertools.pairwise(made("pan", 60)))
    # The photograph is 128 pixels wider: 42 times three to the right, and turned around.
    for before, after in pairs[:42]:
        assert np.array_equal(before[:, 3:], after[:, :-3])
    for before, after in pairs[43:]:
        assert np.array_equal(before[:, :-3], after[:, 3:])


def test_a_zoom_narrows_to_two_thirds_of_the_view_and_widens_again() -> None:
    frames = made("zoom", 69)
    photograph = photographs()[1]
    rows, columns = photograph.shape[:2]
    for number, share in ((0, 1.0), (20, 0.8), (34, 0.66)):
        top, left = (round(side * (1 - share) / 2) for side in (rows, columns))
        middle = photograph[top : rows - top, left : columns - left]
        seen = transform.resize(middle, (256, 384), anti_aliasing=True, preserve_range=True)
        distances = [np.abs(seen - frames[at]).mean() for at in (0, 20, 34)]
        assert np.argmin(distances) == (0, 20, 34).index(number)
        assert min(distances) < 2.5
    assert np.array_equal(frames[68], frames[0])


def test_before_a_still_camera_only_the_object_moves() -> None:
    first, second, *_ = made("static", 3)
    rows, columns = np.nonzero((first != second).any(axis=2))
    assert rows.min() >= 112
    assert rows.max() < 144
    assert columns.max() < 35


def test_a_clip_that_stands_still_repeats_its_first_frame() -> None:
    frames = made("pan-still", 4)
    assert all(np.array_equal(frame, made("pan", 1)[0]) for frame in frames)


def test_a_fade_begins_and_ends_with_the_whole_picture_and_is_black_between() -> None:
    faded, whole = made("pan-fade", 17), made("pan", 17)
    assert np.array_equal(faded[0], whole[0])
    assert np.array_equal(faded[16], whole[16])
    assert faded[8].max() == 0
    assert brightness(5 / 16) == 0.5
    assert np.abs(faded[5] - whole[5] / 2).max() <= 0.5


def test_a_scene_returns_after_a_cut_to_another_one_of_the_same_size() -> None:
    clip, whole = clip_of("pan-cuts", count=9, data=None), made("pan", 9)
    assert clip.cuts == (3, 6)
    same = [np.array_equal(*pair) for pair in zip(clip.frames, whole, strict=True)]
    assert same == [True] * 3 + [False] * 3 + [True] * 3
    assert clip_of("pan-cuts", count=2, data=None).cuts == (1,)
    assert clip_of("pan-cuts", count=1, data=None).cuts == ()


def test_bars_are_an_eighth_of_the_height_and_the_rest_is_as_it_was() -> None:
    (barred,), (whole,) = made("pan-bars", 1), made("pan", 1)
    assert barred[:32].max() == barred[-32:].max() == 0
    assert np.array_equal(barred[32:-32], whole[32:-32])


@pytest.mark.parametrize("name", ["none", "pan-none", "pan-", "-still"])
def test_a_clip_that_there_is_not_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(ValueError, match=r"walk, carphone, bikes, pan.* still, fade"):
        clip_of(name, count=1, data=None)


def test_a_folder_is_read_in_natural_order_and_cropped_to_even_sides(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "clips" / "walk"
    folder.mkdir(parents=True)
    for number in (10, 9, 8):
        save(np.full((33, 35, 3), number, np.uint8), folder / f"frame_{number}.png")
    frames = clip_of("walk", count=2, data=tmp_path, start=1).frames
    assert [frame.shape for frame in frames] == [(32, 34, 3)] * 2
    assert [frame[0, 0, 0] for frame in frames] == [9, 10]
    with pytest.raises(ValueError, match="no frame 3"):
        clip_of("walk", count=2, data=tmp_path, start=3)


def test_a_video_is_read_and_its_cuts_are_counted_from_where_it_begins(
    tmp_path: Path,
) -> None:
    (tmp_path / "clips").mkdir()
    with av.open(tmp_path / "clips" / "bikes.mp4", "w") as file:
        stream = file.add_stream("libx264", rate=25, options={"crf": "0"})
        stream.width, stream.height, stream.pix_fmt = 32, 16, "yuv420p"
        for number in range(40):
            grey = np.full((16, 32, 3), 5 * number, np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        file.mux(stream.encode(None))
    clip = clip_of("bikes", count=8, data=tmp_path, start=27)
    assert (clip.cuts, clip.start, len(clip.frames)) == ((3,), 27, 8)
    for number, frame in enumerate(clip.frames, 27):
        assert np.abs(frame.astype(int) - 5 * number).max() <= 3


def test_without_a_folder_of_data_a_recorded_clip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--data"):
        clip_of("walk", count=1, data=None)
    for name in RECORDED:
        with pytest.raises(FileNotFoundError):
            clip_of(name, count=1, data=tmp_path)


def test_one_recorded_clip_is_kept_for_checking() -> None:
    assert FOR_CHECKING_ONLY == ("bikes",)
    assert set(FOR_CHECKING_ONLY) < set(RECORDED)


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_every_degradation_halves_the_sides_and_is_always_the_same(
    name: str, frames: tuple[Frame, ...]
) -> None:
    first, again = (DEGRADATIONS[name](frames, 3) for _ in range(2))
    assert [low.shape for low in first] == [(24, 32, 3)] * 4
    assert {low.dtype for low in first} == {np.dtype(np.uint8)}
    assert np.array_equal(first, again)


def test_matched_is_imresize_away_from_the_borders(frames: tuple[Frame, ...]) -> None:
    (low, *_) = DEGRADATIONS["matched"](frames, 0)
    rows, columns = imresize_matrix(48, 24), imresize_matrix(64, 32)
    exact = np.einsum("ij,jkc,lk->ilc", rows, frames[0].astype(float), columns)
    inside = np.s_[4:-4, 4:-4]
    assert np.abs(low[inside] - exact.clip(0, 255)[inside]).max() <= 0.51


@pytest.mark.parametrize("sigma", [1.2, 1.6])
def test_a_blur_is_scipys_gaussian_and_the_mean_of_four(
    sigma: float, frames: tuple[Frame, ...]
) -> None:
    (low, *_) = DEGRADATIONS[f"blur{sigma}"](frames, 0)
    blurred = ndimage.gaussian_filter(
        frames[0].astype(float), sigma, axes=(0, 1), radius=6, mode="reflect"
    )
    exact = blurred.reshape(24, 2, 32, 2, 3).mean(axis=(1, 3))
    assert np.abs(low - exact).max() <= 0.51


@pytest.mark.parametrize("codes", [2, 5])
def test_noise_is_as_strong_as_said_and_new_in_every_frame_and_seed(codes: int) -> None:
    grey = [np.full((96, 96, 3), 128, np.uint8)] * 2
    first, second = DEGRADATIONS[f"noise{codes}"](grey, 0)
    rounding = 1 / 12
    assert (first - 128.0).std() == pytest.approx((codes**2 + rounding) ** 0.5, rel=0.03)
    assert abs((first - 128.0).mean()) < 0.15
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, DEGRADATIONS[f"noise{codes}"](grey, 1)[0])


def test_h264_loses_more_at_a_higher_factor_and_nothing_but_chroma_at_none(
    frames: tuple[Frame, ...],
) -> None:
    left = {
        crf: min(
            psnr_y(frame, result, border=0)
            for frame, result in zip(frames, coded(frames, crf=crf), strict=True)
        )
        for crf in (0, 18, 28)
    }
    assert left[0] > 55 > left[18] > left[28] > 25


def test_h264_makes_frames_neither_brighter_nor_darker(frames: tuple[Frame, ...]) -> None:
    lossless = np.asarray(coded(frames, crf=0), float)
    assert abs((lossless - np.asarray(frames, float)).mean()) < 0.1


def test_odd_sides_survive_h264(frames: tuple[Frame, ...]) -> None:
    odd = [frame[:31, :45] for frame in frames]
    results = coded(odd, crf=18)
    assert [result.shape for result in results] == [(31, 45, 3)] * 4
    assert psnr_y(odd[3], results[3], border=0) > 30
    assert coded([], crf=18) == []
