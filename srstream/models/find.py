"""What a configuration calls its weights -> the model, or how to get one that fits."""

from __future__ import annotations

import difflib
from pathlib import Path

from srstream.errors import Complaint, ConfigError, StateError
from srstream.models.catalogue import SHIPPED, Catalogue, Model, model_of
from srstream.regular import read_regular

LARGEST = 1 << 29
"""Bytes of a file; the largest network that can be set takes 0.3 GB."""
SUFFIX = ".safetensors"


def is_file(named: str) -> bool:
    """Tell whether this is the path of a file, and not the name of a shipped model."""
    return "/" in named or named.endswith(SUFFIX)


def check_name(
    named: str, scale: int, *, key: str = "weights", shipped: Catalogue = SHIPPED
) -> None:
    """Raise unless this is a file, there or not, or a model that is shipped for the scale.

    Raises:
        ConfigError: it is neither; says which there are.
    """
    if is_file(named):
        return
    there = shipped.scales()
    if named not in there:
        near = difflib.get_close_matches(named.lower(), there, n=1)
        meant = f"did you mean {near[0]}? " if near else ""
        raise _refuse(key, f'found "{named}"; {meant}{_known(shipped)}')
    if scale not in there[named]:
        scales = ", ".join(f"x{each}" for each in there[named])
        problem = f'"{named}" is for {scales}; wanted: x{scale}'
        raise _refuse(key, f"{problem}; change its scale, or {_known(shipped)}")


def find_model(
    named: str,
    scale: int,
    base: Path,
    *,
    key: str = "weights",
    shipped: Catalogue = SHIPPED,
) -> Model:
    """Return the model of this name, or from this file. Blocks.

    Args:
        named: A shipped model, such as `realtime`; or the path of a file, which has a `/`
            or ends in `.safetensors`.
        scale: What it must be for: 2, 3 or 4.
        base: The path is relative to this folder.
        key: Where `named` was set, for complaints.
        shipped: The models that have names.

    Raises:
        ConfigError: there is none, or it is damaged, too large, or for another scale; says
            what to do about it.
    """
    check_name(named, scale, key=key, shipped=shipped)
    if not is_file(named):
        return shipped.read(named, scale)
    model = read_model(named, base, key=key, shipped=shipped)
    if model.weights.scale != scale:
        problem = f"{base / named} is for x{model.weights.scale}; wanted: x{scale}"
        remedy = f"change its scale, or name weights for x{scale}"
        raise _refuse(key, f"{problem}; {remedy}")
    return model


def read_model(
    path: str, base: Path, *, key: str = "weights", shipped: Catalogue = SHIPPED
) -> Model:
    """Return the model in a file, for whichever scale; else as `find_model`. Blocks.

    Raises:
        ConfigError: there is none, or it is damaged or too large.
    """
    file = base / path
    try:
        return model_of(path, read_regular(file, largest=LARGEST))
    except FileNotFoundError as error:
        raise _refuse(key, f"{file}: no such file; {_known(shipped)}") from error
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        reason = getattr(error, "strerror", None) or error
        raise _refuse(key, f"{file} cannot be read: {reason}; {_known(shipped)}") from error
    except StateError as error:
        remedy = "copy it again, or run `srstream pretrain` again"
        raise _refuse(key, f"{file} cannot be used: {error}; {remedy}") from error


def _known(shipped: Catalogue) -> str:
    names = ", ".join(shipped.scales()) or "none"
    return (
        f"name a model that is shipped ({names}), or a file of `srstream pretrain` by a "
        f"path with a / or ending in {SUFFIX}"
    )


def _refuse(key: str, problem: str) -> ConfigError:
    return ConfigError(Complaint(key, problem))
