from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from srstream.engine.state import pack
from srstream.errors import ConfigError
from srstream.models import find
from srstream.models.catalogue import Catalogue
from srstream.models.find import check_name, find_model, is_file, read_model
from trained import save_weights, tiny_weights


@pytest.fixture
def shipped(tmp_path: Path) -> Catalogue:
    folder = tmp_path / "shipped"
    folder.mkdir()
    for scale in (2, 3):
        save_weights(folder / f"realtime-x{scale}.safetensors", tiny_weights(scale))
    return Catalogue(folder)


@pytest.mark.parametrize("named", ["a.safetensors", "a/b", "./realtime", "/models/a"])
def test_a_path_is_told_from_a_name(named: str) -> None:
    assert is_file(named)
    assert not is_file(Path(named).stem)


def test_a_shipped_model_is_found_by_its_name(tmp_path: Path, shipped: Catalogue) -> None:
    assert find_model("realtime", 3, tmp_path, shipped=shipped).weights.scale == 3


def test_a_file_is_found_from_the_folder_of_the_configuration(
    tmp_path: Path, shipped: Catalogue
) -> None:
    (tmp_path / "sub").mkdir()
    save_weights(tmp_path / "sub" / "mine.safetensors")
    for named in ("sub/mine.safetensors", str(tmp_path / "sub" / "mine.safetensors")):
        model = find_model(named, 2, tmp_path, shipped=shipped)
        assert model.name == named


def test_an_unknown_name_is_refused_with_the_nearest(
    tmp_path: Path, shipped: Catalogue
) -> None:
    wrong = r'^streams\.a\.weights: found "Realtim"; did you mean realtime\? name a model'
    with pytest.raises(ConfigError, match=wrong):
        find_model("Realtim", 2, tmp_path, key="streams.a.weights", shipped=shipped)


def test_a_model_that_is_not_shipped_for_the_scale_is_refused(shipped: Catalogue) -> None:
    check_name("realtime", 3, shipped=shipped)
    with pytest.raises(ConfigError, match=r'"realtime" is for x2, x3; wanted: x4; '):
        check_name("realtime", 4, shipped=shipped)


def test_the_name_of_a_file_is_right_even_if_it_is_not_there(shipped: Catalogue) -> None:
    check_name("no/such/file", 4, shipped=shipped)


def test_a_file_of_another_scale_is_refused(tmp_path: Path, shipped: Catalogue) -> None:
    save_weights(tmp_path / "mine.safetensors", tiny_weights(3))
    with pytest.raises(ConfigError, match=r"mine.safetensors is for x3; wanted: x2; "):
        find_model("mine.safetensors", 2, tmp_path, shipped=shipped)
    assert read_model("mine.safetensors", tmp_path, shipped=shipped).weights.scale == 3


def spoil(path: Path, how: str) -> None:
    whole = save_weights(path)
    match how:
        case "cut":
            path.write_bytes(whole[:100])
        case "changed":
            path.write_bytes(whole[:-4] + bytes(4 * [63]))
        case "empty":
            path.write_bytes(b"")
        case "checkpoint":
            path.write_bytes(pack({"a": np.zeros(3, np.float32)}, {"net": "lr-residual"}))
        case "training":
            path.write_bytes(pack({}, {"kind": "training"}))
        case "folder":
            path.unlink()
            path.mkdir()
        case "fifo":
            path.unlink()
            os.mkfifo(path)
        case "missing":
            path.unlink()


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("cut", "cannot be used: not a file of srstream: .*; copy it again, or run"),
        ("changed", "cannot be used: damaged: .*; copy it again, or run"),
        ("empty", "cannot be used: "),
        ("checkpoint", "cannot be used: kind is None; wanted: 'weights'; "),
        ("training", "cannot be used: an unfinished training, which `srstream pretrain` "),
        ("folder", "cannot be read: it is not a regular file; name a model"),
        ("fifo", "cannot be read: it is not a regular file; name a model"),
        ("missing", r"no such file; name a model that is shipped \(realtime\)"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_with_the_remedy(
    tmp_path: Path, shipped: Catalogue, how: str, told: str
) -> None:
    spoil(tmp_path / "mine.safetensors", how)
    with pytest.raises(ConfigError, match=rf"^weights: /.*/mine\.safetensors:? {told}"):
        find_model("mine.safetensors", 2, tmp_path, shipped=shipped)


def test_a_path_that_no_system_takes_is_refused(tmp_path: Path, shipped: Catalogue) -> None:
    with pytest.raises(ConfigError, match=r"^weights: .* cannot be read: .*null byte"):
        find_model("a\0/b", 2, tmp_path, shipped=shipped)


def test_a_huge_file_is_refused_unread(tmp_path: Path, shipped: Catalogue) -> None:
    path = tmp_path / "mine.safetensors"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # a hole: it takes no space
    with pytest.raises(ConfigError, match=rf"has {1 << 40} bytes; at most {find.LARGEST} "):
        find_model("mine.safetensors", 2, tmp_path, shipped=shipped)
