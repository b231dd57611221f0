from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skimage.data
import skimage.metrics
from PIL import Image

from srstream.errors import ConfigError
from srstream.evaluation.reference import References

PLENTY = 10_000_000


@pytest.fixture
def original() -> np.ndarray:
    return skimage.data.astronaut()[:48, 100:164]


@pytest.fixture
def folder(tmp_path: Path, original: np.ndarray) -> Path:
    Image.fromarray(original).save(tmp_path / "face.png")
    Image.fromarray(original).save(tmp_path / "face.v2.bmp")
    (tmp_path / "face.txt").write_text("about the face")
    (tmp_path / ".face.png").write_text("hidden")
    (tmp_path / "more").mkdir()
    return tmp_path


def halved(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    small = Image.fromarray(pixels).resize(
        (width // 2, height // 2), Image.Resampling.BICUBIC
    )
    return np.asarray(small)


def test_a_score_is_against_the_original_and_beside_bicubic(
    folder: Path, original: np.ndarray
) -> None:
    low = halved(original)
    ours = original.copy()
    ours[::2, ::2] ^= 3
    score = References(folder, max_pixels=PLENTY).score("face", ours, low=low, scale=2)
    by_pillow = np.asarray(Image.fromarray(low).resize((64, 48), Image.Resampling.BICUBIC))
    psnr = skimage.metrics.peak_signal_noise_ratio
    assert score.psnr_rgb == pytest.approx(psnr(original, ours), abs=1e-9)
    # on bytes Pillow rounds after each of the two directions, which costs a little
    assert score.psnr_rgb_bicubic == pytest.approx(psnr(original, by_pillow), abs=0.1)
    assert score.psnr_y is not None
    assert score.psnr_y_bicubic is not None
    assert score.psnr_y > score.psnr_y_bicubic
    assert score.ssim_y is not None
    assert score.ssim_y_bicubic is not None
    assert 1 > score.ssim_y > score.ssim_y_bicubic > 0.5


def test_an_equal_picture_has_no_finite_psnr(folder: Path, original: np.ndarray) -> None:
    score = References(folder, max_pixels=PLENTY).score(
        "face", original, low=halved(original), scale=2
    )
    assert score.psnr_y is None
    assert score.psnr_rgb is None
    assert score.ssim_y == pytest.approx(1.0)


def test_16_bits_are_scored_at_8(folder: Path, original: np.ndarray) -> None:
    references = References(folder, max_pixels=PLENTY)
    low = halved(original)
    wide = references.score(
        "face",
        original.astype(np.uint16) * 257,
        low=low.astype(np.uint16) * 257,
        scale=2,
    )
    assert wide == references.score("face", original, low=low, scale=2)


def test_a_picture_smaller_than_the_window_has_no_ssim(tmp_path: Path) -> None:
    pixels = skimage.data.astronaut()[:12, :12]
    Image.fromarray(pixels).save(tmp_path / "tiny.png")
    score = References(tmp_path, max_pixels=PLENTY).score(
        "tiny", pixels, low=pixels[::2, ::2], scale=2
    )
    assert score.ssim_y is None
    assert score.ssim_y_bicubic is None
    assert score.psnr_y_bicubic is not None


@pytest.mark.parametrize("name", ["face", "face.png", "face.jpg", "face.v2", "face.v2.JPG"])
def test_originals_are_paired_by_name_without_extension(folder: Path, name: str) -> None:
    References(folder, max_pixels=PLENTY).check([name])


def test_the_first_few_that_are_missing_are_named(folder: Path) -> None:
    names = ["face", *(f"other{number}" for number in range(8))]
    with pytest.raises(ConfigError) as caught:
        References(folder, max_pixels=PLENTY).check(names)
    (complaint,) = caught.value.complaints
    assert complaint.key == "--reference"
    assert complaint.problem == (
        f"{folder} has no original for other0, other1, other2, other3, other4 and 3 more"
    )


def test_two_originals_of_one_name_are_refused_naming_both(folder: Path) -> None:
    Image.new("L", (2, 2)).save(folder / "face.jpg")
    with pytest.raises(ConfigError, match=r"for face: face\.jpg and face\.png"):
        References(folder, max_pixels=PLENTY)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be listed: No such file"):
        References(tmp_path / "nowhere", max_pixels=PLENTY)


def test_an_original_of_another_size_is_refused_with_both_sizes(
    folder: Path, original: np.ndarray
) -> None:
    with pytest.raises(ConfigError) as caught:
        References(folder, max_pixels=PLENTY).score(
            "face", original, low=halved(original), scale=3
        )
    assert str(caught.value) == (
        f"--reference: {folder / 'face.png'} is 64x48; expected 96x72, 3 times 32x24"
    )


def test_wrong_sizes_are_found_by_the_headers_all_at_once(
    folder: Path, original: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> None:
    pictures = tmp_path_factory.mktemp("pictures")
    Image.fromarray(halved(original)).save(pictures / "face.jpg")
    Image.fromarray(original).save(pictures / "face.v2.png")
    (pictures / "face.png").write_text("no picture: it will fail by itself")
    (folder / "text.png").write_text("not a picture")
    given = [("face", "face.jpg"), ("face", "face.png")]
    wrong = [("face.v2", "face.v2.png"), ("text", "face.jpg")]
    references = References(folder, max_pixels=PLENTY)

    def check(pairs: list[tuple[str, str]]) -> None:
        references.check_sizes([(name, pictures / file) for name, file in pairs], scale=2)

    check(given)
    with pytest.raises(ConfigError) as caught:
        check(given + wrong)
    size, kind = map(str, caught.value.complaints)
    assert size == (
        f"--reference: {folder / 'face.v2.bmp'} is 64x48; expected 128x96, 2 times 64x48"
    )
    assert kind.startswith(f"--reference: {folder / 'text.png'} is not a picture")


def test_an_original_that_is_no_picture_is_refused(
    folder: Path, original: np.ndarray
) -> None:
    (folder / "text.png").write_text("not a picture")
    with pytest.raises(ConfigError, match=r"--reference: .*text\.png is not a picture"):
        References(folder, max_pixels=PLENTY).score(
            "text", original, low=halved(original), scale=2
        )


def test_scoring_without_an_original_is_refused(folder: Path, original: np.ndarray) -> None:
    with pytest.raises(ConfigError, match="has no original for other"):
        References(folder, max_pixels=PLENTY).score(
            "other", original, low=halved(original), scale=2
        )
