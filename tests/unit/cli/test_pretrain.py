from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from files import save
from pictures import edges
from srstream.cli import app
from srstream.cli.trainprogress import described, length_of
from srstream.engine.weights import unpack_weights
from srstream.training import Moment

TINY = (
    *("--recipe", "quick", "--steps", "6", "--device", "cpu", "--threads", "1"),
    *("--set", "batch=2", "--set", "side=12", "--set", "measurements=2"),
    *("--net-set", "width=8", "--net-set", "depth=3"),
)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    for number in range(3):
        save(tmp_path / "data" / f"p{number}.png", edges(60, 64, shift=number))
    return tmp_path / "data"


def pretrain(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["pretrain", *arguments])


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def test_pictures_become_weights(data: Path) -> None:
    done = pretrain("data", "-o", "out/a.safetensors", *TINY, "--json", "log/a.jsonl")
    assert done.exit_code == 0, done.output
    weights = unpack_weights(Path("out/a.safetensors").read_bytes())
    assert (weights.net, weights.scale, weights.options.width) == ("lr-residual", 2, 8)
    assert weights.about["data"]["names"] == ["data"]
    assert weights.about["data"]["training_pictures"] == 2
    assert weights.about["data"]["validation_pictures"] == 1
    assert weights.about["steps"] == 6
    lines = [json.loads(line) for line in Path("log/a.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [3, 6]
    assert lines[-1]["psnr"] == weights.about["figures"]["validation"]
    assert "2 pictures to learn from, 1 to measure on" in done.output
    assert re.search(
        r"step 3 of 6: loss 0\.\d+, \d+\.\d+ dB \(bicubic \d+\.\d+\)", done.output
    )
    assert [path.name for path in Path("out").iterdir()] == ["a.safetensors"]


def test_the_result_is_measured_on_sets_of_pictures_too(data: Path) -> None:
    Path("held").mkdir()
    save(Path("held/t.png"), edges(40, 46, shift=9))
    done = pretrain("data", "-o", "a.safetensors", *TINY, "--test", "held")
    assert done.exit_code == 0, done.output
    figures = unpack_weights(Path("a.safetensors").read_bytes()).about["figures"]
    assert 10 < figures["held"] < 60


def test_a_picture_that_is_learnt_from_tests_nothing(data: Path) -> None:
    Path("held").mkdir()
    save(Path("held/other-name.png"), edges(60, 64, shift=0))
    done = pretrain("data", "-o", "a.safetensors", *TINY, "--test", "held")
    assert done.exit_code == 2
    assert "other-name.png is among the pictures to learn from" in plain(done.output)
    assert not Path("a.safetensors").exists()


@pytest.mark.parametrize(
    ("folders", "height", "told"),
    [
        (("a/held", "b/held"), 40, "b/held: held is the name of other figures"),
        (("validation",), 40, "validation is the name of other figures"),
        (("held",), 5, "held: t.png is too small to measure on"),
    ],
)
def test_sets_to_measure_on_are_looked_at_beforehand(
    data: Path, folders: tuple[str, ...], height: int, told: str
) -> None:
    for shift, folder in enumerate(folders, start=9):
        Path(folder).mkdir(parents=True)
        save(Path(folder, "t.png"), edges(height, 46, shift=shift))
    sets = [part for folder in folders for part in ("--test", folder)]
    done = pretrain("data", "-o", "a.safetensors", *TINY, *sets)
    assert done.exit_code == 2
    assert told in plain(done.output)


def test_another_scale_begins_with_the_body_that_is_there(data: Path) -> None:
    assert pretrain("data", "-o", "x2.safetensors", *TINY).exit_code == 0
    more = ("--scale", "3", "--from", "x2.safetensors")
    done = pretrain("data", "-o", "x3.safetensors", *TINY, *more)
    assert done.exit_code == 0, done.output
    assert (
        "from x2.safetensors (x2): head.weight, head.bias, hidden.0.weight" in done.output
    )
    assert "as at birth: tail.weight, tail.bias" in done.output
    assert unpack_weights(Path("x3.safetensors").read_bytes()).scale == 3


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("nothing", "-o", "a.safetensors"), "nothing: no such file or folder"),
        (("empty", "-o", "a.safetensors"), "empty: no pictures in it"),
        (("data", "-o", "data"), "--output: data is a folder"),
        (("data", "-o", "a"), "--output: a does not end in .safetensors"),
        (("data", "-o", "data/p0.png"), "p0.png does not end in .safetensors"),
        (("data", "-o", "a.safetensors", "--steps", "0"), "srstream: steps: found 0;"),
        (("data", "-o", "a.safetensors", "--steps", "0"), "(from --steps 0)"),
        (
            ("data", "-o", "a.safetensors", "--recipe", "fast"),
            "'fast', for scale 2: known: ",
        ),
        (("data", "-o", "a.safetensors", "--net", "vdsr"), '--net: found "vdsr"'),
        (("data", "-o", "a.safetensors", "--set", "side=99"), "pictures are smaller than"),
        (("data", "-o", "a.safetensors", "--device", "gpu"), "allowed: auto, cpu, cuda"),
        (("data", "-o", "a.safetensors", "--from", "best"), "'best': no such model"),
        (("data", "-o", "a.safetensors", "--from", "./b"), "no such file"),
    ],
)
def test_what_cannot_be_done_is_said(
    data: Path, arguments: tuple[str, ...], told: str
) -> None:
    (data.parent / "empty").mkdir()
    done = pretrain(*TINY, *arguments)
    assert done.exit_code == 2
    assert told in plain(done.output)
    assert "Traceback" not in done.output
    assert not Path("a.safetensors").exists()


def test_weights_that_are_there_are_not_trained_again_unless_asked(data: Path) -> None:
    command = ("data", "-o", "a.safetensors", *TINY)
    assert pretrain(*command).exit_code == 0
    first = Path("a.safetensors").read_bytes()
    again = pretrain(*command, "--set", "save_every=7")
    assert again.exit_code == 0
    told = "a.safetensors is there already; --restart trains it again"
    assert plain(again.output).strip() == told
    anew = pretrain(*command, "--restart")
    assert anew.exit_code == 0
    assert "step 6 of 6" in anew.output
    assert Path("a.safetensors").read_bytes() == first


def test_what_it_would_not_make_is_not_overwritten_unless_asked(data: Path) -> None:
    path = Path("a.safetensors")
    assert pretrain("data", "-o", path.name, *TINY).exit_code == 0
    first = path.read_bytes()
    for other, told in (
        (("--seed", "3"), "trained with recipe.seed 0 (now 3); "),
        (("--set", "aside=0"), "data.training_pictures 2 (now 3), data.validation"),
    ):
        done = pretrain("data", "-o", path.name, *TINY, *other)
        assert done.exit_code == 2
        assert "srstream: --output: a.safetensors is there already" in plain(done.output)
        assert told in plain(done.output)
        assert path.read_bytes() == first
    path.write_bytes(b"a picture")
    done = pretrain("data", "-o", path.name, *TINY)
    assert done.exit_code == 2
    told = "is there already, and holds no weights; name another file, or overwrite it with"
    assert told in plain(done.output)
    assert path.read_bytes() == b"a picture"
    assert pretrain("data", "-o", path.name, *TINY, "--restart").exit_code == 0
    assert path.read_bytes() == first


def test_one_that_diverges_says_so_and_writes_nothing(data: Path) -> None:
    rate = ("--set", "rate=1", "--set", "clip=1e6", "--set", "warm_up=0", "--set", "ema=0")
    steps = ("--steps", "400", "--set", "measurements=400", "--set", "muon_rate=0")
    size = ("--net-set", "depth=32", "--net-set", "width=16")
    done = pretrain("data", "-o", "a.safetensors", *TINY, *rate, *steps, *size)
    assert done.exit_code == 1, done.output
    assert "try a smaller rate, with --restart" in plain(done.output)
    assert not Path("a.safetensors").exists()


def test_weights_of_another_network_are_refused(data: Path) -> None:
    assert pretrain("data", "-o", "x2.safetensors", *TINY).exit_code == 0
    other = ("--net", "zssr-star", "--from", "./x2.safetensors")
    done = pretrain("data", "-o", "b.safetensors", *TINY, *other)
    assert done.exit_code == 2
    assert "these are weights of lr-residual; wanted: of zssr-star" in plain(done.output)


def test_what_is_shown_reads_well() -> None:
    moment = Moment(3, 9, 0.0123456, 36.2149, 33.1, True, 310.4, 3909.2)
    assert described(moment) == (
        "loss 0.01235, 36.215 dB (bicubic 33.10), 310 crops/s, 1:05:09 left"
    )
    unmeasured = Moment(3, 9, 0.0123456, None, None, False, 310.4, 127.0)
    assert described(unmeasured) == "loss 0.01235, 310 crops/s, 2:07 left"
    assert length_of(0.2) == "0:00"
