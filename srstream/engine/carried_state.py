"""What is carried ↔ bytes: everything, so that a resumed session misses nothing.

A state is read whole and checked before any of it is taken over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from srstream.engine import scene
from srstream.engine.adapt import Moments
from srstream.engine.carried import CHANNELS, Carried, Snapshot
from srstream.engine.device import is_lost
from srstream.engine.heldout import Reserved
from srstream.engine.letterbox import Box
from srstream.engine.progress import Progress
from srstream.engine.remembered import Remembered, Scene
from srstream.engine.state import array_of, check_fits, pack, unpack
from srstream.errors import StateError

THUMBNAIL_SHAPE = (CHANNELS, scene.THUMBNAIL, scene.THUMBNAIL)

Arrays = Mapping[str, NDArray[Any]]


def dump(carried: Carried, now: Snapshot) -> bytes:
    """Return everything, as it was at `now`, as bytes."""
    arrays = {_random_name(carried): now.random.numpy()}
    arrays.update(_named(carried, now.weights, "weight/{}"))
    if now.moments is not None:
        arrays.update(_named(carried, now.moments.first, "moment/{}/exp_avg"))
        arrays.update(_named(carried, now.moments.second, "moment/{}/exp_avg_sq"))
        for name, _ in carried.weights.named(now.weights):
            arrays[f"moment/{name}/step"] = now.moments.step.cpu().numpy()
    if not torch.equal(now.published, now.weights):
        arrays.update(_named(carried, now.published, "published/{}"))
    if now.thumbnail is not None:
        arrays["thumbnail"] = now.thumbnail.numpy()
    for number, left in enumerate(now.remembered):
        arrays[f"scene/{number}/thumbnail"] = left.thumbnail.numpy()
        arrays[f"scene/{number}/weights"] = left.weights.cpu().numpy()
        arrays[f"scene/{number}/number"] = np.array([left.number], np.int64)
    if now.reserved is not None:
        arrays["reserved"] = now.reserved.corners.cpu().numpy()
    head = {
        "frames": now.frames,
        "steps": now.steps,
        "scene": {
            "reserved": None if now.reserved is None else _head_of(now.reserved),
            "progress": now.progress.as_head(),
            "last": carried.last,
        },
    }
    return pack(arrays, {**carried.fingerprint, **head})


def load(carried: Carried, blob: bytes) -> None:
    """Take over what `dump` returned.

    Random numbers of another kind of device cannot be continued; then this session goes
    on with its own.

    Raises:
        StateError: of another network, scale or seed, or damaged; nothing changed.
    """
    arrays, head = unpack(blob)
    check_fits(head, carried.fingerprint)
    # States that were written before scenes were known have none.
    of_scene = head.get("scene", {"reserved": None, "progress": Progress().as_head()})
    if not isinstance(of_scene, Mapping):
        raise StateError(f"scene is {of_scene!r}; wanted: a table")
    weights = _joined(carried, arrays, "weight/{}")
    is_published = any(name.startswith("published/") for name in arrays)
    published = _joined(carried, arrays, "published/{}") if is_published else weights
    has_thumbnail = "thumbnail" in arrays
    loaded = Snapshot(
        weights=weights,
        published=published,
        moments=_moments(carried, arrays),
        random=_random_state(carried, arrays),
        thumbnail=_tensor(arrays, "thumbnail", THUMBNAIL_SHAPE) if has_thumbnail else None,
        frames=_count(head, "frames"),
        steps=_count(head, "steps"),
        reserved=_reserved(
            arrays,
            of_scene.get("reserved"),
            weights.device,
            scale=carried.scale,
        ),
        progress=Progress.of_head(of_scene.get("progress")),
        remembered=_remembered(carried, arrays),
    )
    last = of_scene.get("last")
    if not isinstance(last, str | None):
        raise StateError(f"last is {last!r}; wanted: a digest or nothing")
    carried.restore(loaded)
    carried.last = last


def _named(carried: Carried, values: Tensor, called: str) -> dict[str, NDArray[Any]]:
    """Return a buffer, [N], as the network's arrays."""
    return {
        called.format(name): weight.cpu().numpy()
        for name, weight in carried.weights.named(values)
    }


def _joined(carried: Carried, arrays: Arrays, called: str) -> Tensor:
    """Return arrays of the network's shapes as one buffer, [N]."""
    values = torch.empty_like(carried.initial_values)
    for name, view in carried.weights.named(values):
        view.copy_(_tensor(arrays, called.format(name), tuple(view.shape)))
    return values


def _moments(carried: Carried, arrays: Arrays) -> Moments | None:
    if not carried.keeps_moments or not any(name.startswith("moment/") for name in arrays):
        return None
    # Adam has taken as many steps for every weight.
    steps = [
        _tensor(arrays, f"moment/{name}/step", ())
        for name, _ in carried.weights.named(carried.initial_values)
    ]
    return Moments(
        _joined(carried, arrays, "moment/{}/exp_avg"),
        _joined(carried, arrays, "moment/{}/exp_avg_sq"),
        steps[0].to(carried.initial_values.device),
    )


def _remembered(carried: Carried, arrays: Arrays) -> Remembered:
    scenes: list[Scene] = []
    initial = carried.initial_values
    while f"scene/{len(scenes)}/weights" in arrays:
        name = f"scene/{len(scenes)}"
        thumbnail = _tensor(arrays, f"{name}/thumbnail", THUMBNAIL_SHAPE)
        weights = _tensor(arrays, f"{name}/weights", tuple(initial.shape))
        number = arrays.get(f"{name}/number")
        if number is None or number.dtype != np.int64 or number.shape != (1,):
            raise StateError(f"{name}/number is not one whole number")
        scenes.append(Scene(int(number[0]), thumbnail, weights.to(initial.device)))
    return Remembered(tuple(scenes), most=carried.most_scenes)


def _random_name(carried: Carried) -> str:
    return f"random/{carried.random.device.type}"


def _random_state(carried: Carried, arrays: Arrays) -> Tensor:
    """Return the state for the generator, tried on another one first."""
    name = _random_name(carried)
    if name not in arrays and any(each.startswith("random/") for each in arrays):
        return carried.random.get_state()
    try:
        state = torch.from_numpy(arrays[name])
        Generator(carried.random.device).set_state(state)
    except (KeyError, RuntimeError, TypeError) as exc:
        if isinstance(exc, RuntimeError) and is_lost(exc):
            raise
        raise StateError(f"the random state does not fit: {exc}") from exc
    return state


def _tensor(arrays: Arrays, name: str, shape: tuple[int, ...]) -> Tensor:
    return torch.from_numpy(array_of(arrays, name, shape))


def _count(head: dict[str, Any], key: str) -> int:
    value = head.get(key)
    if type(value) is not int or value < 0:
        raise StateError(f"{key} is {value!r}; wanted: a whole number from 0")
    return value


def _head_of(reserved: Reserved) -> dict[str, Any]:
    box = reserved.box
    return {
        "size": list(reserved.size),
        "side": reserved.side,
        "box": [box.top, box.left, box.height, box.width],
    }


def _reserved(
    arrays: Arrays, head: Any, device: torch.device, *, scale: int
) -> Reserved | None:
    """Return the tiles of a state, checked: others would be read beyond the frame.

    Raises:
        StateError: they are not such.
    """
    if head is None:
        return None
    corners = arrays.get("reserved")
    try:
        (height, width), side, (top, left, rows, columns) = (
            head["size"],
            head["side"],
            head["box"],
        )
        numbers = [height, width, side, top, left, rows, columns]
        is_sound = (
            all(type(number) is int and number >= 0 for number in numbers)
            and top + rows <= height
            and left + columns <= width
            and 0 < side <= min(rows, columns)
            and corners is not None
            and corners.dtype == np.int64
            and corners.ndim == 2
            and len(corners) == 2
            and corners.size > 0
            and corners.min() >= 0
            and corners[0].max() <= rows - side
            and corners[1].max() <= columns - side
        )
    except (KeyError, TypeError, ValueError) as exc:
        raise StateError(f"the reserved tiles are {head!r}") from exc
    if corners is None or not is_sound:
        raise StateError(f"the reserved tiles are {head!r}, and do not fit")
    if side % scale or (corners % scale).any():
        raise StateError(f"the reserved tiles are {head!r}, off the grid of {scale}")
    box = Box(top, left, rows, columns)
    return Reserved(box, (height, width), side, torch.from_numpy(corners).to(device))
