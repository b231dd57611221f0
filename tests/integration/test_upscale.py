"""`srstream upscale` from its arguments to its files, in this process."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest
import skimage.metrics
from PIL import Image
from typer.testing import Result

from commands import strict
from files import content, save, spoil
from pictures import edges
from srstream import __version__
from trained import save_weights, tiny_weights

Command = Callable[..., Result]

FRAME_KEYS = {
    *("name", "psnr_y", "psnr_rgb", "ssim_y", "psnr_y_bicubic", "steps", "outcome", "ms"),
}
NAMES = ("f1.png", "f2.jpg", "f10.png")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Three small pictures, and the originals they were shrunk from."""
    for folder in ("in", "originals"):
        (tmp_path / folder).mkdir()
    for number, name in enumerate(NAMES):
        original = Image.fromarray(edges(48, 64, shift=9 * number))
        original.save((tmp_path / "originals" / name).with_suffix(".bmp"))
        small = original.resize((32, 24), Image.Resampling.BICUBIC)
        small.save(tmp_path / "in" / name, quality=95)
    return tmp_path / "in"


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def summary(path: Path) -> dict[str, Any]:
    return strict(path.read_text())


def test_files_and_folders_come_in_order_each_once(
    pictures: Path, command: Command
) -> None:
    save(pictures.parent / "z.png")
    ran = command(
        *("upscale", "z.png", "in", "in/f2.jpg", "-o", "made/out"),
        *("--steps", "1", "--json", "made/sum/mary.json"),
    )
    assert ran.exit_code == 0, ran.output
    told = summary(pictures.parent / "made" / "sum" / "mary.json")
    assert [frame["name"] for frame in told["frames"]] == ["z.png", *NAMES]
    out = pictures.parent / "made" / "out"
    assert names_in(out) == {"z.png", "f1.png", "f2.png", "f10.png"}


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_every_scale(pictures: Path, command: Command, scale: int) -> None:
    ran = command("upscale", "in/f1.png", "-o", "out", "--steps", "1", "--scale", scale)
    assert ran.exit_code == 0, ran.output
    with Image.open(pictures.parent / "out" / "f1.png") as result:
        assert result.size == (32 * scale, 24 * scale)


@pytest.mark.parametrize(
    ("mode", "steps"), [("online", 2), ("per-frame", 2), ("frozen", 0)]
)
def test_every_mode(pictures: Path, command: Command, mode: str, steps: int) -> None:
    ran = command(
        *("upscale", "in", "-o", "out", "--steps", "2", "--mode", mode),
        *("--json", "summary.json", "--preset", "light", "--device", "cpu"),
    )
    assert ran.exit_code == 0, ran.output
    told = summary(pictures.parent / "summary.json")
    assert [frame["steps"] for frame in told["frames"]] == [steps] * 3
    assert (told["mode"], told["preset"], told["device"]) == (mode, "light", "cpu")


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(
    pictures: Path, command: Command
) -> None:
    """With weights that are drawn: shipped ones are used unless adapted ones pass."""
    results = []
    chosen = ("--preset", "light", "--steps", "3")
    for folder, seed in (("a", 7), ("b", 7), ("c", 8)):
        ran = command("upscale", "in", "-o", folder, *chosen, "--seed", seed)
        assert ran.exit_code == 0, ran.output
        paths = sorted((pictures.parent / folder).iterdir())
        results.append([path.read_bytes() for path in paths])
    assert results[0] == results[1]
    assert results[0] != results[2]


def test_without_weights_and_adaptation_the_result_is_bicubic(
    pictures: Path, command: Command
) -> None:
    frozen = ("--preset", "light", "--mode", "frozen")
    ran = command("upscale", "in/f1.png", "-o", "out", *frozen)
    assert ran.exit_code == 0, ran.output
    with (
        Image.open(pictures / "f1.png") as small,
        Image.open(pictures.parent / "out" / "f1.png") as result,
    ):
        bicubic = small.resize((64, 48), Image.Resampling.BICUBIC)
        inside = (slice(8, -8), slice(8, -8))  # libraries differ at the border
        np.testing.assert_allclose(
            np.asarray(result, float)[inside], np.asarray(bicubic, float)[inside], atol=2
        )


def test_run_again_it_does_what_is_missing_unless_it_is_to_start_anew(
    pictures: Path, command: Command
) -> None:
    out = pictures.parent / "out"
    run = ("upscale", "in", "-o", "out", "--steps", "1", "--json", "summary.json")
    assert command(*run).exit_code == 0
    (out / "f2.png").unlink()
    before = (out / "f1.png").stat().st_mtime_ns

    again = command(*run)
    assert again.exit_code == 0
    assert "2 of 3 are done already" in again.output
    told = summary(pictures.parent / "summary.json")["frames"]
    outcomes = {frame["name"]: frame["outcome"] for frame in told}
    assert outcomes.pop("f2.jpg") != "kept"
    assert set(outcomes.values()) == {"kept"}
    assert (out / "f1.png").stat().st_mtime_ns == before

    anew = command(*run, "--overwrite")
    assert anew.exit_code == 0
    assert "done already" not in anew.output
    assert (out / "f1.png").stat().st_mtime_ns > before


def test_results_of_another_scale_are_not_taken_for_done(
    pictures: Path, command: Command
) -> None:
    assert command("upscale", "in", "-o", "out", "--steps", "0").exit_code == 0
    ran = command("upscale", "in", "-o", "out", "--steps", "0", "--scale", "3")
    assert ran.exit_code == 2
    assert "f1.png is not 3 times in/f1.png; use another -o, or --overwrite" in ran.stderr


def test_references_give_figures_of_ours_and_of_bicubic(
    pictures: Path, command: Command
) -> None:
    ran = command(
        *("upscale", "in", "-o", "out", "--steps", "2"),
        *("--reference", "originals", "--json", "summary.json"),
    )
    assert ran.exit_code == 0, ran.output
    assert "PSNR" in ran.stderr
    assert "SSIM" in ran.stderr
    assert "mean" in ran.stderr
    told = summary(pictures.parent / "summary.json")
    assert {"frames", "mean", "fps", "preset", "mode", "device", "version"} <= told.keys()
    assert told["version"] == __version__
    assert told["fps"] > 0
    for frame in told["frames"]:
        assert frame.keys() >= FRAME_KEYS
        with (
            Image.open(
                pictures.parent / "out" / (Path(frame["name"]).stem + ".png")
            ) as ours,
            Image.open(
                pictures.parent / "originals" / (Path(frame["name"]).stem + ".bmp")
            ) as truth,
        ):
            expected = skimage.metrics.peak_signal_noise_ratio(
                np.asarray(truth), np.asarray(ours)
            )
        assert frame["psnr_rgb"] == pytest.approx(expected, abs=1e-6)
        assert frame["psnr_y_bicubic"] > 20
        assert 0.5 < frame["ssim_y"] < 1
    for key in FRAME_KEYS - {"name", "outcome"}:
        mean = fmean(frame[key] for frame in told["frames"])
        assert told["mean"][key] == pytest.approx(mean)


def test_figures_of_what_an_earlier_run_did_are_the_same(
    pictures: Path, command: Command
) -> None:
    run = ("upscale", "in", "-o", "out", "--steps", "1", "--reference", "originals")
    path = pictures.parent / "summary.json"
    told = []
    for _ in range(2):
        assert command(*run, "--json", path).exit_code == 0
        told.append(summary(path))
    for first, second in zip(told[0]["frames"], told[1]["frames"], strict=True):
        for key in ("name", "psnr_y", "psnr_rgb", "ssim_y", "psnr_y_bicubic"):
            assert first[key] == second[key]
    assert told[1]["fps"] is None
    assert told[1]["mean"]["psnr_y"] == told[0]["mean"]["psnr_y"]


def test_without_references_the_figures_are_null(pictures: Path, command: Command) -> None:
    ran = command("upscale", "in", "-o", "out", "--steps", "0", "--json", "summary.json")
    assert ran.exit_code == 0, ran.output
    for row in (
        *(told := summary(pictures.parent / "summary.json"))["frames"],
        told["mean"],
    ):
        assert row["psnr_y"] is row["psnr_rgb"] is row["ssim_y"] is None


def test_a_missing_original_is_an_error_before_anything_is_done(
    pictures: Path, command: Command
) -> None:
    (pictures.parent / "originals" / "f2.bmp").unlink()
    ran = command("upscale", "in", "-o", "out", "--reference", "originals")
    assert ran.exit_code == 2
    assert "originals has no original for f2" in ran.stderr
    assert not (pictures.parent / "out").exists()


def test_originals_of_a_wrong_size_are_an_error_before_anything_is_done(
    pictures: Path, command: Command
) -> None:
    for name in ("f2", "f10"):
        save(pictures.parent / "originals" / f"{name}.bmp", edges(48, 63))
    ran = command("upscale", "in", "-o", "out", "--reference", "originals")
    assert ran.exit_code == 2
    first, second = ran.stderr.splitlines()
    assert "originals/f2.bmp is 63x48; expected 64x48, 2 times 32x24" in first
    assert "originals/f10.bmp is 63x48" in second
    assert not (pictures.parent / "out").exists()


def test_a_bad_picture_fails_alone(pictures: Path, command: Command) -> None:
    spoil(pictures)
    ran = command("upscale", "in", "-o", "out", "--steps", "0", "--json", "summary.json")
    assert ran.exit_code == 1
    assert "text.png is not a picture" in ran.stderr
    assert "bomb.jpg is 65000x65000" in ran.stderr
    assert "9 of 12 pictures failed" in ran.stderr
    assert names_in(pictures.parent / "out") == {
        *("f1.png", "f2.png", "f10.png", ".srstream-upscale.state")
    }
    told = summary(pictures.parent / "summary.json")
    assert [frame["name"] for frame in told["frames"]] == list(NAMES)


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (["no.png", "-o", "out"], 2, "no.png: no such file or folder"),
        (["empty", "-o", "out"], 2, "empty: no pictures in it"),
        (["in", "-o", "file"], 1, "file: cannot be used: "),
        (["in", "-o", "file/out"], 1, "out: cannot be used: "),
        (["in", "-o", "out", "--json", "file/x.json"], 1, "x.json: cannot be written"),
        (["in", "-o", "out", "--preset", "ligth"], 2, "did you mean light?"),
        (["in", "-o", "out", "--device", "cuda:99"], 2, "use auto or cpu"),
        (["in", "-o", "out", "--device", "gpu"], 2, "allowed: auto, cpu, cuda, cuda:N"),
        (["in", "-o", "out", "--mode", "onlin"], 2, "'per-frame'"),
        (["in", "-o", "out", "--scale", "5"], 2, "--scale"),
        (["in", "-o", "out", "--steps", "-1"], 2, "--steps"),
        (["in", "-o", "out", "--steps", "2000000"], 2, "steps is 2000000; allowed"),
        (["in", "-o", "out", "--reference", "no"], 2, "no cannot be listed"),
        (["in"], 2, "--output"),
        (["-o", "out"], 2, "PICTURES_OR_FOLDER"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_done(
    pictures: Path, command: Command, arguments: list[str], status: int, reason: str
) -> None:
    (pictures.parent / "empty").mkdir()
    (pictures.parent / "file").touch()
    ran = command("upscale", *arguments)
    assert ran.exit_code == status
    assert reason in ran.stderr
    assert "Traceback" not in ran.output
    assert names_in(pictures.parent) - {"out"} == {"in", "originals", "empty", "file"}


def test_two_pictures_that_would_meet_in_one_name_keep_their_whole_names(
    pictures: Path, command: Command
) -> None:
    (pictures.parent / "more").mkdir()
    shutil.copy(pictures / "f1.png", pictures.parent / "more" / "f1.png")
    (pictures / "f1.jpg").write_bytes(content("JPEG"))
    ran = command("upscale", "in", "more", "-o", "out", "--steps", "0")
    assert ran.exit_code == 0, ran.output
    assert names_in(pictures.parent / "out") == {
        *("f1.png.png", "f1.jpg.png", "f1.png~2.png", "f2.png", "f10.png")
    }


def test_the_summary_is_one_object_of_strict_json(pictures: Path, command: Command) -> None:
    # An original equal to bicubic would score without end: null, as JSON has no infinity.
    flat = np.full((24, 32, 3), 80, np.uint8)
    save(pictures / "flat.png", flat)
    save(pictures.parent / "originals" / "flat.bmp", flat.repeat(2, 0).repeat(2, 1))
    ran = command(
        *("upscale", "in/flat.png", "in/f1.png", "-o", "out", "--steps", "1"),
        *("--reference", "originals", "--json", "summary.json"),
    )
    assert ran.exit_code == 0, ran.output
    told = summary(pictures.parent / "summary.json")
    flat_row, other = told["frames"]
    assert flat_row["outcome"] == "skipped"
    assert flat_row["psnr_y"] is flat_row["psnr_y_bicubic"] is None
    assert told["mean"]["psnr_y"] == other["psnr_y"]
    assert json.loads(json.dumps(told)) == told


def test_weights_of_a_file_are_used(pictures: Path, command: Command) -> None:
    means = {}
    for shift in (0.0, 1.0):
        save_weights(pictures.parent / "mine.safetensors", tiny_weights(shift=shift))
        ran = command(
            *("upscale", "in/f1.png", "-o", f"out{shift:.0f}", "--mode", "frozen"),
            *("--weights", "mine.safetensors", "--precision", "float32"),
        )
        assert ran.exit_code == 0, ran.output
        with Image.open(pictures.parent / f"out{shift:.0f}" / "f1.png") as result:
            means[shift] = np.asarray(result).mean()
    assert means[1.0] > means[0.0] + 3


def test_weights_that_are_not_there_are_a_wrong_argument(
    pictures: Path, command: Command
) -> None:
    for named in ("no-such-model", "no/such/file"):
        ran = command("upscale", "in", "-o", "out", "--weights", named)
        assert ran.exit_code == 2
        assert "srstream: --weights: " in ran.stderr
        assert "name a model that is shipped" in ran.stderr
    assert names_in(pictures.parent) == {"in", "originals"}


def test_without_weights_a_preset_with_a_network_is_needed(
    pictures: Path, command: Command
) -> None:
    frozen = ("upscale", "in/f1.png", "-o", "out", "--steps", "0", "--weights", "none")
    ran = command(*frozen, "--preset", "realtime")
    assert ran.exit_code == 2
    assert ran.stderr == (
        'srstream: --weights: found "none" (string), and preset realtime has no network of '
        "its own; choose a preset that has one: light, paper, paper-code\n"
    )
    ran = command(*frozen, "--preset", "light")
    assert ran.exit_code == 0, ran.output


def test_what_a_self_test_found_is_kept_for_the_user(
    pictures: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(pictures.parent / "xdg"))
    blob = save_weights(pictures.parent / "mine.safetensors")
    for picture in ("in/f1.png", "in/f2.jpg"):
        ran = command(
            *("upscale", picture, "-o", "out", "--steps", "0"),
            *("--weights", "mine.safetensors"),
        )
        assert ran.exit_code == 0, ran.output
    kept = strict((pictures.parent / "xdg" / "srstream" / "selftest.json").read_text())
    (entry,) = kept["results"]
    assert entry["case"]["model"] == hashlib.sha256(blob).hexdigest()
