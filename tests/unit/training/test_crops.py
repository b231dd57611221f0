from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pictures import zone_plate
from srstream.errors import ConfigError
from srstream.training import crops
from srstream.training.crops import Pair, Pool, pair_of, pairs_to_learn, pairs_to_measure
from srstream.training.pictures import Original

CPU = torch.device("cpu")


def original(height: int, width: int, name: str = "a.png") -> Original:
    pixels = torch.from_numpy(zone_plate(height, width).transpose(2, 0, 1).copy())
    return Original(name, name.encode(), pixels)


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def silent(text: str) -> None:
    raise AssertionError(text)


def test_the_low_resolution_is_what_pillow_makes_of_the_whole_picture() -> None:
    pair = pair_of(original(49, 63), scale=3, colours=3)
    assert pair is not None
    whole = zone_plate(49, 63)[:48]
    assert np.array_equal(
        (pair.high * 255).round().byte().numpy(), whole.transpose(2, 0, 1)
    )
    small = Image.fromarray(whole).resize((21, 16), Image.Resampling.BICUBIC)
    ours = (pair.low * 255).numpy()
    assert np.allclose(ours, ours.round(), atol=1e-4)  # it has the levels of a file
    # Pillow rounds after each of the two directions.
    assert np.abs(ours - np.asarray(small, np.float64).transpose(2, 0, 1)).max() <= 1.01


def test_luma_is_that_of_jpeg() -> None:
    rgb = pair_of(original(16, 16), scale=2, colours=3)
    grey = pair_of(original(16, 16), scale=2, colours=1)
    assert rgb is not None
    assert grey is not None
    weights = np.array([0.299, 0.587, 0.114])
    for coloured, luma in ((rgb.low, grey.low), (rgb.high, grey.high)):
        wanted = np.tensordot(weights, coloured.numpy(), 1)
        assert np.allclose(luma.numpy()[0], wanted, atol=1e-6)


def test_small_pictures_are_named_and_small_copies_left_out() -> None:
    told: list[str] = []
    pairs = pairs_to_learn(
        [original(40, 40), *(original(31, 90, f"{n}.png") for n in range(7))],
        scale=2,
        colours=1,
        side=16,
        shrunken=(0.9, 0.5),
        warn=told.append,
    )
    assert [tuple(pair.low.shape) for pair in pairs] == [(1, 20, 20), (1, 18, 18)]
    names = "0.png, 1.png, 2.png, 3.png, 4.png and 2 more"
    assert told == [f"smaller than a crop of 32x32, left out: {names}"]


def test_pictures_that_do_not_fit_the_memory_are_refused_beforehand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def learn() -> None:
        pictures = [original(40, 50)] * 2
        pairs_to_learn(pictures, scale=2, colours=3, side=16, shrunken=(0.5,), warn=silent)

    told = tmp_path / "meminfo"
    monkeypatch.setattr(crops, "_MEMINFO", told)
    learn()  # what is not known cannot be too little
    # Float32 of three colours, high and low, twice, and once more at half the size.
    needed = 4000 * 4 * 3 * 1.25 * 1.25 * 2
    told.write_text(f"MemFree: 1 kB\nMemAvailable:  {math.ceil(needed / 1024)} kB\n")
    learn()
    told.write_text(f"MemFree: 1 kB\nMemAvailable:  {int(needed / 1024)} kB\n")
    with pytest.raises(ConfigError, match=r"2 pictures of 0 megapixels take 0\.0 GB"):
        learn()


def test_without_a_picture_as_large_as_a_crop_there_is_nothing_to_learn() -> None:
    def complaint(height: int) -> str:
        pictures = [original(height, 200, "a.png"), original(200, height - 1, "b.png")]
        with pytest.raises(ConfigError) as caught:
            pairs_to_learn(pictures, scale=2, colours=1, side=48, shrunken=(), warn=silent)
        return str(caught.value)

    problem = (
        "all pictures are smaller than a crop of 96x96: a.png, b.png; take larger ones"
    )
    assert complaint(95) == f"{problem}, or --set side=47"
    assert complaint(15) == problem


def test_pictures_that_are_mostly_border_are_not_measured_on() -> None:
    told: list[str] = []
    pictures = [original(95, 48, "a.png"), original(200, 47, "b.png")]
    pairs = pairs_to_measure(pictures, scale=3, colours=3, warn=told.append)
    assert [tuple(pair.low.shape) for pair in pairs] == [(3, 31, 16)]
    assert told == ["smaller than 48x48, not measured on: b.png"]


def numbered(height: int, width: int, first: int) -> Pair:
    """Return a pair whose values tell their place; high resolution repeats low."""
    low = torch.arange(first, first + height * width).view(1, height, width).float()
    high = low.repeat_interleave(2, 1).repeat_interleave(2, 2)
    return Pair(torch.cat([low, -low]), torch.cat([high, -high]))


def test_crops_of_both_resolutions_show_the_same_place_in_the_same_way() -> None:
    pool = Pool([numbered(9, 7, 0), numbered(6, 8, 63)], scale=2, side=4, device=CPU)
    low, high = pool.batch(200, draws())
    assert low.shape == (200, 2, 4, 4)
    assert torch.equal(low[:, 0], -low[:, 1])
    assert torch.equal(high[:, :, ::2, ::2], low)
    assert torch.equal(high[:, :, 1::2, 1::2], low)


def test_crops_are_cut_out_and_turned_in_all_eight_ways_and_from_every_place() -> None:
    pictures = [np.arange(63).reshape(9, 7), np.arange(63, 111).reshape(6, 8)]
    pairs = [numbered(9, 7, 0), numbered(6, 8, 63)]
    low, _ = Pool(pairs, scale=2, side=4, device=CPU).batch(4000, draws())
    expected = {
        turned.tobytes()
        for picture in pictures
        for top in range(picture.shape[0] - 3)
        for left in range(picture.shape[1] - 3)
        for quarter in range(4)
        for turned in (
            np.rot90(picture[top : top + 4, left : left + 4], quarter).copy(),
            np.rot90(picture[top : top + 4, left : left + 4].T, quarter).copy(),
        )
    }
    found = {crop.numpy().astype(np.int64).tobytes() for crop in low[:, 0]}
    assert found == expected


def test_pictures_are_drawn_by_their_size() -> None:
    pool = Pool([numbered(8, 8, 0), numbered(24, 8, 64)], scale=2, side=8, device=CPU)
    low, _ = pool.batch(4000, draws())
    share = float((low[:, 0].amin(dim=(1, 2)) >= 64).float().mean())
    assert share == pytest.approx(0.75, abs=0.03)


def test_the_same_draws_give_the_same_crops() -> None:
    pool = Pool([numbered(9, 7, 0)], scale=2, side=4, device=CPU)
    first, second = pool.batch(5, draws(1)), pool.batch(5, draws(1))
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
    assert not torch.equal(first[0], pool.batch(5, draws(2))[0])
