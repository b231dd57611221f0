"""The models in a folder: `<name>-x<scale>.safetensors` each, with what is known of it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from srstream.engine.weights import Weights, unpack_weights
from srstream.errors import Complaint, ConfigError, StateError

_FILE = re.compile(r"([a-z][a-z0-9-]*)-x([234])\.safetensors")


@dataclass(frozen=True, slots=True)
class Model:
    """Trained weights for one scale, and the file that they were read from.

    Equal if name and content of the file are.
    """

    name: str
    """By which a configuration names it: `realtime`, or the path of a file."""
    weights: Weights = field(compare=False)
    size: int
    """Bytes of the file."""
    sha256: str
    """Of the file's bytes; hexadecimal."""

    @property
    def parameters(self) -> int:
        """How many numbers were learnt."""
        return sum(array.size for array in self.weights.arrays.values())

    @property
    def figures(self) -> dict[str, Any]:
        """What was measured after the training; empty if nothing is told."""
        figures = self.weights.about.get("figures")
        return figures if isinstance(figures, dict) else {}


def model_of(name: str, blob: bytes) -> Model:
    """Return the model of a file with this content.

    Raises:
        StateError: these are no weights, they are damaged, or of an unknown network.
    """
    weights = unpack_weights(blob)
    return Model(name, weights, len(blob), hashlib.sha256(blob).hexdigest())


class Catalogue:
    """The models in a folder, looked for each time anew; other files are left alone."""

    def __init__(self, folder: Traversable) -> None:
        """Prepare; nothing is read yet.

        Args:
            folder: of the file system, or of a package.
        """
        self._folder = folder

    def scales(self) -> dict[str, tuple[int, ...]]:
        """Return for which scales each model is there, in the order of names."""
        matches = (_FILE.fullmatch(each.name) for each in self._folder.iterdir())
        found = sorted((match[1], int(match[2])) for match in matches if match)
        return {
            name: tuple(scale for other, scale in found if other == name)
            for name, _ in found
        }

    def read(self, name: str, scale: int) -> Model:
        """Return the model that `scales` told of.

        Raises:
            ConfigError: its file cannot be read, or is not of this scale.
        """
        file = f"{name}-x{scale}.safetensors"
        try:
            model = model_of(name, (self._folder / file).read_bytes())
        except (OSError, StateError) as error:
            raise _damaged(file, str(error)) from error
        if model.weights.scale != scale:
            raise _damaged(file, f"it is for x{model.weights.scale}")
        return model

    def __iter__(self) -> Iterator[Model]:
        """Read one model after the other, by name and scale. Raises `ConfigError`."""
        for name, scales in self.scales().items():
            for scale in scales:
                yield self.read(name, scale)


SHIPPED = Catalogue(files("srstream.models"))
"""Those that come with the program."""


def _damaged(file: str, reason: str) -> ConfigError:
    problem = f"this model is damaged: {reason}; install srstream again"
    return ConfigError(Complaint(file, problem))
