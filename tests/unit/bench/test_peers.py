"""FSRCNN and ESPCN: are they what their papers say, and compared on equal terms?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from bench import opencv, peers
from bench.cases import compare, train_peers
from bench.methods import OfOpenCv, OfTorch, plane_of
from bench.opencv import Published, published
from bench.pictures import photographs, save, shrunk, window
from bench.timing import timing_of
from srstream.engine import PRESETS
from srstream.engine.nets.lr_residual import LrResidualOptions
from srstream.engine.resample import enlarge
from srstream.training.recipe import Recipe, load_recipe
from trained import save_weights

BOTH = ("fsrcnn", "espcn")
SCALES = (2, 3, 4)


@pytest.fixture(autouse=True)
def _realtime_has_learnt_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "tiny.safetensors"
    save_weights(file)
    mine = replace(PRESETS["realtime"], weights=str(file))
    monkeypatch.setitem(PRESETS, "realtime", mine)


def made(name: str, *, scale: int = 2, base: str = "none") -> peers.Net:
    return peers.make(name, peers.PEERS[name].options(base=base), scale=scale)


def kernels(net: peers.Net) -> int:
    return sum(weight.numel() for weight in net.parameters() if weight.dim() == 4)


def test_they_have_as_many_weights_as_their_papers_say() -> None:
    # FSRCNN's Table 1: 12464 for (56, 12, 4), kernels only. ESPCN: 5x5x64, 3x3x32, 3x3.
    assert kernels(made("fsrcnn")) == 12_464
    assert kernels(made("espcn")) == 64 * 25 + 32 * 64 * 9 + 4 * 32 * 9


@pytest.mark.parametrize("scale", SCALES)
def test_the_deconvolution_is_that_of_torch(scale: int) -> None:
    layer = peers._Deconvolution(5, scale)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        layer.weight.normal_(generator=generator)
        layer.bias.fill_(0.5)
        features = torch.randn(2, 5, 7, 9, generator=generator)
        theirs = F.conv_transpose2d(
            features,
            layer.weight,
            layer.bias,
            stride=scale,
            padding=4,
            output_padding=scale - 1,
        )
        assert torch.allclose(layer(features), theirs, atol=1e-4)


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("scale", SCALES)
def test_an_output_pixel_sees_no_farther_than_they_say(name: str, scale: int) -> None:
    net = made(name, scale=scale)
    low = torch.rand(1, 1, 31, 31, generator=torch.Generator().manual_seed(1))
    low.requires_grad_()
    middle = slice(15 * scale, 16 * scale)
    (seen,) = torch.autograd.grad(net(low)[..., middle, middle].sum(), low)
    rows = seen[0, 0].abs().sum(dim=1).nonzero().flatten()
    assert 15 - int(rows.min()) <= net.reach
    assert int(rows.max()) - 15 <= net.reach


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("base", ["none", "bicubic"])
def test_colour_is_enlarged_by_bicubic_but_for_its_luma(name: str, base: str) -> None:
    net = made(name, base=base)
    low = torch.rand(1, 3, 12, 14, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        added = net(low) - enlarge(low, 2)
    assert torch.allclose(added[:, 0], added[:, 1], atol=1e-6)
    assert torch.allclose(added[:, 0], added[:, 2], atol=1e-6)
    assert (float(added.abs().max()) < 1e-6) == (base == "bicubic")  # at birth


@pytest.mark.parametrize("name", BOTH)
def test_in_bfloat16_they_give_nearly_the_same(name: str) -> None:
    net = made(name)
    low = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        exact = net(low)
        net.precision = torch.bfloat16
        short = net(low)
    assert short.dtype == torch.float32
    assert float((exact - short).abs().max()) < 0.05 * float(exact.abs().max())


def test_their_weights_are_kept_with_what_is_known_of_them(tmp_path: Path) -> None:
    options = peers.EspcnOptions(first=4, second=3, base="bicubic")
    net = peers.make("espcn", options, scale=3, seed=7)
    file = peers.file_of(tmp_path, "espcn", 3)
    kept = peers.Trained("espcn", options, 3, net, {"steps": 5})
    file.write_bytes(peers.packed(kept))
    found = peers.load(file)
    assert (found.name, found.scale, found.about) == ("espcn", 3, {"steps": 5})
    assert found.options == options
    low = torch.rand(1, 3, 9, 9)
    with torch.no_grad():
        assert torch.equal(found.net(low), net(low))


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not of a peer"):
        peers.load(tmp_path / "tiny.safetensors")
    file = tmp_path / "broken.safetensors"
    file.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="no weights of a peer"):
        peers.load(file)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in ("t91", "bsd200", "set5", "set14"):
        (tmp_path / name).mkdir()
        for number in (1, 2):
            pixels = window(photographs()[number], 100, 100, moved=0)
            save(pixels, tmp_path / name / f"im_{number}.png")
    return tmp_path


RECIPE = """\
steps = 2
batch = 2
side = 16
[net]
type = "lr-residual"
width = 4
depth = 3
"""
"""Of the network that `save_weights` writes."""


def compared(data: Path, **options: object) -> compare.Options:
    small = {"scales": (2,), "width": 24, "height": 16, "rounds": 2}
    folders = {"data": data, "peers": data, "trained": data / "trained"}
    return compare.Options(**{**small, **folders, **options})


def test_they_are_trained_as_ours_and_then_compared(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trained, recipe = data / "trained", data / "recipe.toml"
    recipe.write_text(RECIPE)
    short = train_peers.Options(
        data=data, output=trained, recipe=str(recipe), peers=("espcn", "ours")
    )
    figures = train_peers.run(short).figures
    assert [(each["peer"], each["steps"]) for each in figures["each"]] == [
        ("espcn", 2),
        ("ours", 2),
    ]
    files = {file: file.stat().st_mtime_ns for file in trained.iterdir()}
    assert sorted(file.name for file in files) == [
        "espcn-x2.safetensors",
        "ours-x2.safetensors",
    ]
    assert train_peers.run(short).figures == figures
    assert capsys.readouterr().err.count("trained already") == 2
    assert {file: file.stat().st_mtime_ns for file in trained.iterdir()} == files
    again = train_peers.run(replace(short, steps=1, peers=("espcn",))).figures["each"]
    assert again[0]["steps"] == 1
    train_peers.run(replace(short, peers=("espcn",)))

    monkeypatch.setattr(compare, "published", lambda folder, scale, threads: [])
    report = compare.run(compared(data))
    assert [(each["name"], each["precision"]) for each in report.figures["speed"]] == [
        (name, precision)
        for name in ("realtime", "ESPCN, retrained", "ours, 2 steps")
        for precision in ("float32", "bfloat16")
    ]
    goals = [goal["what"] for goal in report.figures["goals"]]
    assert goals[0] == "dB of ours, 2 steps over ESPCN, retrained, on Set5"
    found = {
        (each["name"], each["input"]): each["psnr_y"]
        for each in report.figures["quality"]
        if each["set"] == "set5"
    }
    assert found["realtime", "antialiased"] == pytest.approx(
        found["bicubic", "antialiased"], abs=0.05
    )
    assert ("ESPCN, retrained", "aliased") in found
    assert "FSRCNN, retrained: not there; python -m bench train-peers makes it." in (
        report.notes
    )


def test_every_scale_is_trained_by_its_own_recipe(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides = {}

    def note(net: object, pictures: object, recipe: Recipe, **rest: Any) -> None:
        sides[rest["scale"]] = recipe.side
        raise ValueError("noted")

    monkeypatch.setattr(train_peers, "train", note)
    for scale in (2, 3):
        one = train_peers.Options(data=data, output=data / "trained", scales=(scale,))
        with pytest.raises(ValueError, match="noted"):
            train_peers.run(one)
    assert sides == {
        scale: load_recipe("realtime", scale=scale)[0].side for scale in (2, 3)
    }
    assert sides[2] != sides[3]


def test_a_thread_more_or_less_can_be_asked_for(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(train_peers, "prepare_thread", asked.append)
    train_peers.run(train_peers.Options(data=data, output=data / "x", scales=(), threads=3))
    assert asked == [3]
    with pytest.raises(ValueError, match="threads is 0"):
        train_peers.Options(data=data, threads=0)


def test_a_published_file_that_is_missing_is_told_before_anything_is_timed(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_at_three(folder: Path, scale: int, threads: int) -> list[Published]:
        if scale == 3:
            raise FileNotFoundError("FSRCNN_x3.pb: no such file")
        return []

    def timed(*_: object) -> None:
        raise AssertionError("timed")

    monkeypatch.setattr(compare, "published", none_at_three)
    monkeypatch.setattr(compare, "_timed", timed)
    with pytest.raises(FileNotFoundError, match="FSRCNN_x3"):
        compare.run(compared(data, preset="light", scales=(2, 3)))


def test_networks_are_trained_alike_if_recipe_pictures_and_start_are_the_same() -> None:
    recipe = {"steps": 5, "shrunken": (0.75,), "save_every": 10}
    about = {"recipe": recipe, "data": {"sha256": "ab", "sets": ["t91"]}, "loss": 0.1}
    shipped = {
        "recipe": {"name": "realtime", "steps": 5, "shrunken": [0.75], "save_every": 20},
        "data": {"sha256": "ab", "training_pictures": 3},
        "from": None,
    }
    assert peers.training_of(about) == peers.training_of(shipped)
    assert peers.training_of(about) != peers.training_of({**shipped, "from": {}})
    other = {**shipped, "recipe": {**recipe, "steps": 6}}
    trainings = {
        "realtime": peers.training_of(other),
        "FSRCNN, retrained": peers.training_of(about),
        "ESPCN, retrained": peers.training_of(other),
    }
    assert compare.notes_on(trainings, "realtime") == [
        "FSRCNN, retrained: not trained as realtime; what differs: recipe.steps."
    ]


def test_a_peer_is_held_against_ours_in_the_precision_that_suits_it() -> None:
    def speed(name: str, precision: str, over_ours: float) -> compare.Speed:
        timing = timing_of([over_ours])
        ratios: dict[compare.Part, float | None] = {"luma": None, "colour": over_ours}
        return compare.Speed(name, precision, 2, None, None, timing, ratios)

    speeds = [
        speed("realtime", "bfloat16", 1.0),
        speed("ESPCN, retrained", "float32", 1.4),
        speed("ESPCN, retrained", "bfloat16", 0.9),
    ]
    scores = [
        compare.Quality(name, 2, "antialiased", "set5", psnr, {})
        for name, psnr in (("realtime", 37.5), ("ESPCN, retrained", 37.0))
    ]
    alike = {name: {"recipe.steps": 5} for name in ("realtime", "ESPCN, retrained")}
    better, slower = compare.goals_of(speeds, scores, alike, "realtime")
    assert (better.found, better.is_met) == (0.5, True)
    assert (slower.found, slower.is_met) == (0.9, False)


class Doubling:
    """In place of OpenCV's model: every pixel four times."""

    def upsample(self, picture: np.ndarray) -> np.ndarray:
        return picture.repeat(2, axis=0).repeat(2, axis=1)


def test_a_published_network_takes_the_order_of_colours_of_opencv() -> None:
    method = OfOpenCv(Published("ESPCN", Doubling()))
    picture = window(photographs()[0], 6, 8, moved=0)
    assert np.array_equal(method.enlarge(picture)[::2, ::2], picture)
    assert method.enlarge(picture[:, :, :1]).shape == (12, 16, 1)
    work = method.luma_work(picture)
    assert work is not None
    assert np.array_equal(work(), Doubling().upsample(plane_of(picture)))


def test_a_network_enlarges_the_luma_alone_as_it_does_in_colour() -> None:
    method = OfTorch("ESPCN", made("espcn"), scale=2, precision="float32")
    grey = window(photographs()[0], 16, 16, moved=0)[:, :, :1].repeat(3, axis=2)
    work = method.luma_work(grey)
    assert work is not None
    alone = np.asarray(work())
    assert alone.shape == (32, 32, 1)
    assert np.abs(method.enlarge(grey)[:, :, :1].astype(int) - alone).max() <= 1
    assert method.gflop(grey) == pytest.approx(2 * 256 * kernels(made("espcn")) / 1e9)


@pytest.mark.parametrize("name", [*BOTH, "ours"])
def test_all_are_timed_with_their_weights_in_the_order_that_sessions_have(
    name: str,
) -> None:
    net = made(name) if name in BOTH else peers.make(name, LrResidualOptions(), scale=2)
    OfTorch(name, net, scale=2, precision="float32")
    for weight in net.parameters():
        if weight.dim() == 4:
            assert weight.is_contiguous(memory_format=torch.channels_last)


def test_a_missing_opencv_is_told_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(opencv, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"make setup.*opencv-contrib-python-headless"):
        published(tmp_path, scale=2, threads=1)


def test_a_missing_published_file_is_named(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2", reason="needs OpenCV: see bench/README.md")
    if not hasattr(cv2, "dnn_superres"):
        pytest.skip("this OpenCV has no contributed modules")
    with pytest.raises(FileNotFoundError, match=r"FSRCNN_x2\.pb"):
        published(tmp_path, scale=2, threads=1)


def test_both_ways_of_shrinking_give_the_same_size() -> None:
    picture = window(photographs()[0], 48, 36, moved=0)
    assert {way(picture, 3).shape for way in compare.INPUTS.values()} == {(16, 12, 3)}
    assert compare.INPUTS["antialiased"] is shrunk
