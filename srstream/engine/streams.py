"""Order on a CUDA device between what is computed beside each other; on a CPU nothing.

Work on one stream of a device is done in turn. So that a network can learn while frames
are upscaled, learning gets a stream of its own:

    learning = side_stream(device)
    with computing_on(learning):            everything in here goes to that stream
        session's steps
        learnt = reached(device)            a point on it
    ordered_after(learnt, device)           what the current stream does next comes later
    publish

Tensors that both streams use must not be freed while the other one still reads them: flat
weights are not, as they live as long as the session.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, cast

import torch


class Point(Protocol):
    """A point that a stream has yet to reach, or has reached."""

    def query(self) -> bool:
        """Tell whether all that was asked of the stream before it is done."""
        ...

    def synchronize(self) -> None:
        """Wait for it."""
        ...


def side_stream(device: torch.device) -> torch.cuda.Stream | None:
    """Return a stream beside the current one; none: the device has no such things.

    It begins empty: let it come after what its work needs, by `ordered_after` in it.
    """
    if device.type != "cuda":
        return None
    return torch.cuda.Stream(device=device)  # type: ignore[no-untyped-call]


def computing_on(stream: torch.cuda.Stream | None) -> AbstractContextManager[object]:
    """Make a stream the current one of this thread, in here; none changes nothing."""
    return nullcontext() if stream is None else torch.cuda.stream(stream)


def reached(device: torch.device) -> Point | None:
    """Return the point that the current stream will have reached with what it was given.

    None: the device does things as they are asked for, and has done all.
    """
    if device.type != "cuda":
        return None
    point = torch.cuda.Event()  # type: ignore[no-untyped-call]
    point.record(torch.cuda.current_stream(device))
    return cast("Point", point)


def ordered_after(point: Point | None, device: torch.device) -> None:
    """Let what the current stream is given from now on wait for a point of another one.

    Nobody waits here: it is the device that does.
    """
    if point is not None:
        torch.cuda.current_stream(device).wait_event(cast("torch.cuda.Event", point))
