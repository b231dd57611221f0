"""Every kind of picture through the whole command: what comes out is of the same kind."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from typer.testing import CliRunner

from files import save
from pictures import edges, zone_plate
from srstream.cli import app
from srstream.frames import Extras, Pixels
from srstream.media.decode import read_picture
from srstream.media.encode import encode_picture

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
ORIENTATION = 0x0112
DEEP = {"grey": 1, "grey-alpha": 2, "rgb": 3, "rgb-alpha": 4}


def deep(channels: int) -> Pixels:
    """[20, 25, C] of 16 bits that use all of them; an odd width."""
    planes = [zone_plate(20, 25, phase=p)[:, :, 0] for p in range(channels)]
    return np.stack(planes, axis=2).astype(np.uint16) * 257 + 3


@pytest.fixture(scope="module")
def said_and_results(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[str, Path]:
    """What the command says about one folder of all kinds, and its results."""
    here = tmp_path_factory.mktemp("kinds")
    folder = here / "in"
    folder.mkdir()
    for name, channels in DEEP.items():
        png = encode_picture(deep(channels), Extras(), format="png")
        (folder / f"deep-{name}.png").write_bytes(png)
    rgb = edges(20, 25)
    alpha = np.tile(np.linspace(0, 255, 25).astype(np.uint8), (20, 1))
    save(folder / "grey.png", rgb[:, :, 0])
    save(folder / "grey-alpha.png", np.dstack([rgb[:, :, 0], alpha]))
    save(folder / "rgb.png", rgb)
    save(folder / "rgb-alpha.png", np.dstack([rgb, alpha]))
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    save(folder / "turned.jpg", rgb, exif=exif, icc_profile=PROFILE, quality=95)
    for number in (1, 2):
        Image.fromarray(rgb).quantize(8).save(folder / f"palette{number}.png")
        Image.fromarray(rgb).convert("CMYK").save(folder / f"inks{number}.jpg", quality=95)
    arguments = ["upscale", str(folder), "-o", str(here / "out"), "--steps", "1"]
    ran = CliRunner().invoke(app, arguments, catch_exceptions=False)
    logging.captureWarnings(capture=False)
    assert ran.exit_code == 0, ran.output
    return ran.stderr, here / "out"


@pytest.fixture
def results(said_and_results: tuple[str, Path]) -> Path:
    return said_and_results[1]


@pytest.mark.parametrize(("name", "channels"), DEEP.items())
def test_16_bits_stay_16_bits_and_channels_stay(
    results: Path, name: str, channels: int
) -> None:
    pixels = read_picture(results / f"deep-{name}.png", max_pixels=10**6).pixels
    assert pixels.dtype == np.uint16
    assert pixels.shape == (40, 50, channels)
    assert len(np.unique(pixels % 257)) > 100  # the lower bits are alive


@pytest.mark.parametrize(
    ("name", "mode"),
    [("grey", "L"), ("grey-alpha", "LA"), ("rgb", "RGB"), ("rgb-alpha", "RGBA")],
)
def test_8_bits_stay_8_bits_and_channels_stay(results: Path, name: str, mode: str) -> None:
    with Image.open(results / f"{name}.png") as result:
        assert (result.mode, result.size) == (mode, (50, 40))


def test_alpha_is_enlarged_by_bicubic(results: Path) -> None:
    with Image.open(results / "rgb-alpha.png") as result:
        alpha = np.asarray(result)[:, :, 3].astype(float)
    ramp = (np.arange(50) + 0.5) / 2 - 0.5  # where the pixels lie in the input
    expected = np.interp(ramp, np.arange(25), np.linspace(0, 255, 25))
    np.testing.assert_allclose(alpha[:, 4:-4], np.tile(expected[4:-4], (40, 1)), atol=2)


def test_the_colours_stay_where_they_were(results: Path) -> None:
    with Image.open(results / "rgb.png") as result:
        shrunk = np.asarray(result.resize((25, 20), Image.Resampling.BICUBIC), float)
    assert np.abs(shrunk - edges(20, 25)).mean() < 12


def test_orientation_and_profile_travel_with_the_pixels(results: Path) -> None:
    with Image.open(results / "turned.png") as result:
        assert result.size == (50, 40)  # not turned twice
        assert result.getexif()[ORIENTATION] == 6
        assert result.info["icc_profile"] == PROFILE


@pytest.mark.parametrize("name", ["palette1", "palette2", "inks1", "inks2"])
def test_palettes_and_inks_become_rgb(results: Path, name: str) -> None:
    with Image.open(results / f"{name}.png") as result:
        assert (result.mode, result.size) == ("RGB", (50, 40))


def test_a_conversion_is_said_once(said_and_results: tuple[str, Path]) -> None:
    said = " ".join(said_and_results[0].split())
    assert said.count("palette converted to RGB") == 1
    assert said.count("CMYK converted to RGB") == 1
