from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from srstream.errors import ConfigError, StateError
from srstream.models.catalogue import Catalogue, model_of
from trained import ABOUT, OPTIONS, save_weights, tiny_weights


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, scale in (("small", 3), ("small", 2), ("big-one", 2)):
        save_weights(tmp_path / f"{name}-x{scale}.safetensors", tiny_weights(scale))
    for other in ("catalogue.py", "small-x5.safetensors", "Small-x2.safetensors", "x2"):
        (tmp_path / other).touch()
    return tmp_path


def test_models_are_found_by_the_names_of_files(folder: Path) -> None:
    assert Catalogue(folder).scales() == {"big-one": (2,), "small": (2, 3)}
    assert [(each.name, each.weights.scale) for each in Catalogue(folder)] == [
        ("big-one", 2),
        ("small", 2),
        ("small", 3),
    ]


def test_a_folder_without_models_has_none(tmp_path: Path) -> None:
    assert Catalogue(tmp_path).scales() == {}
    assert not list(Catalogue(tmp_path))


def test_a_model_tells_what_stands_in_its_file(folder: Path) -> None:
    model = Catalogue(folder).read("small", 3)
    blob = (folder / "small-x3.safetensors").read_bytes()
    assert model.size == len(blob)
    assert model.sha256 == hashlib.sha256(blob).hexdigest()
    assert (model.weights.net, model.weights.options) == ("lr-residual", OPTIONS)
    # Three convolutions of 3x3 with biases: 1 to 4, 4 to 4, 4 to 9 maps.
    assert model.parameters == (9 * 4 + 4) + (9 * 16 + 4) + (9 * 36 + 9)
    assert model.figures == ABOUT["figures"]
    expected = tiny_weights(3).arrays["head.weight"]
    np.testing.assert_array_equal(model.weights.arrays["head.weight"], expected)


def test_a_model_without_figures_has_none(tmp_path: Path) -> None:
    blob = save_weights(tmp_path / "a.safetensors", tiny_weights(figures="good"))
    assert model_of("a", blob).figures == {}


def test_a_damaged_file_is_told_by_its_name(folder: Path) -> None:
    path = folder / "small-x2.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ConfigError, match=r"^small-x2\.safetensors: .* install .* again$"):
        Catalogue(folder).read("small", 2)


def test_a_file_under_the_name_of_another_scale_is_damaged(folder: Path) -> None:
    save_weights(folder / "small-x2.safetensors", tiny_weights(4))
    with pytest.raises(ConfigError, match="it is for x4"):
        Catalogue(folder).read("small", 2)


def test_what_is_not_a_file_of_weights_is_refused() -> None:
    with pytest.raises(StateError):
        model_of("a", b"a picture")
