"""Work that comes again and again with inputs of the same shapes: recorded, and replayed.

A step of a small network is some hundred kernels on a GPU, and to launch each of them takes
longer than to run it. Recorded as a CUDA graph they are launched as one. What is recorded
are addresses: so weights, moments and rates stay where they are, and inputs are copied to
where the graph reads them.

Here is what to record and when, without CUDA: `capture` has how. Only shapes that come
again are recorded: the first runs of each are ordinary ones, and warm it up. There are no
more graphs than `most`; one that was not asked for in a long while makes room for another,
and as long as there is none such, work is run as it is. So a stream whose frames have a
dozen sizes in turn does not record anew on each of them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import torch
from torch import Generator, Tensor

from srstream.engine.capture import CudaRecorder
from srstream.engine.device import is_lost

MOST = 8
"""Graphs that are kept: each holds the memory of its inputs and of its result."""
WARM_UPS = 3
"""Ordinary runs before work is recorded: they fill whatever is remembered."""
STALE = 64
"""Runs since a graph was last asked for, after which it makes room for another."""
REMEMBERED = 64
"""Keys whose runs are counted, and keys that could not be recorded."""

Work: TypeAlias = Callable[..., Tensor]


class Captured(Protocol):
    """Work that was recorded."""

    def replay(self, inputs: tuple[Tensor, ...]) -> Tensor:
        """Do it again on other inputs; the result lies where it lay the last time."""
        ...


class Recorder(Protocol):
    """Records work on a device."""

    def warm_up(self, work: Work, inputs: tuple[Tensor, ...]) -> Tensor:
        """Do it as it is, so that nothing is left to be done for the first time."""
        ...

    def capture(
        self, work: Work, inputs: tuple[Tensor, ...], generator: Generator | None
    ) -> Captured:
        """Record it without doing it.

        Raises:
            RuntimeError: it cannot be recorded. What the generator draws for may be lost
                to graphs that were recorded before.
        """
        ...


@dataclass(slots=True)
class Counts:
    """What became of the runs."""

    eager: int = 0
    """Run as they are, warming up included."""
    captured: int = 0
    replayed: int = 0
    evicted: int = 0
    """Graphs that made room."""


class Graphs:
    """The graphs of one user: they are run one after the other, never at once.

    They share their memory, so a result is only valid until the next run of any of them.
    """

    def __init__(
        self,
        recorder: Recorder,
        *,
        most: int = MOST,
        warm_ups: int = WARM_UPS,
        stale: int = STALE,
    ) -> None:
        """Record nothing yet; `most`, `warm_ups` and `stale` are as said above."""
        self._recorder = recorder
        self._most = most
        self._warm_ups = max(warm_ups, 1)
        self._stale = stale
        self._captured: OrderedDict[Hashable, Captured] = OrderedDict()
        """The one that was asked for last comes last."""
        self._last: dict[Hashable, int] = {}
        """When each of them was."""
        self._seen: OrderedDict[Hashable, int] = OrderedDict()
        self._failed: OrderedDict[Hashable, str] = OrderedDict()
        self._runs = 0
        self.counts = Counts()

    def run(
        self,
        key: Hashable,
        work: Work,
        *inputs: Tensor,
        generator: Generator | None = None,
    ) -> Tensor:
        """Return `work(*inputs)`; valid until the next run.

        Args:
            key: tells this work from other work, and all that it depends on but for the
                shapes and types of its inputs: a precision, say.
            work: reads and writes tensors that stay where they are, beside its inputs.
                Nothing in it may wait for the device.
            inputs: on the device.
            generator: what it draws random numbers from; none: it draws none.

        Raises:
            RuntimeError: what `work` raises when it is run as it is, or the device is lost.
        """
        key = (key, *((each.shape, each.dtype) for each in inputs))
        self._runs += 1
        if key in self._captured:
            return self._replayed(key, inputs)
        runs = self._seen[key] = self._seen.pop(key, 0) + 1
        _shorten(self._seen)
        if key in self._failed or runs < self._warm_ups or not self._has_room():
            self._seen[key] = min(runs, self._warm_ups - 1)  # and it is warmed up then
            self.counts.eager += 1
            return work(*inputs)
        if runs == self._warm_ups:
            self.counts.eager += 1
            return self._recorder.warm_up(work, inputs)
        try:
            captured = self._recorder.capture(work, inputs, generator)
        except RuntimeError as error:
            if is_lost(error):
                raise
            self._give_up(key, error)
            self.counts.eager += 1
            return work(*inputs)
        self.counts.captured += 1
        self._captured[key] = captured
        return self._replayed(key, inputs)

    def forget(self) -> None:
        """Give all graphs and their memory up; what comes again is recorded again."""
        self._captured.clear()
        self._last.clear()
        self._seen.clear()

    @property
    def failed(self) -> dict[Hashable, str]:
        """What could not be recorded and is run as it is for good, and why."""
        return dict(self._failed)

    @property
    def kept(self) -> int:
        """How many graphs there are."""
        return len(self._captured)

    def _replayed(self, key: Hashable, inputs: tuple[Tensor, ...]) -> Tensor:
        self.counts.replayed += 1
        self._captured.move_to_end(key)
        self._last[key] = self._runs
        return self._captured[key].replay(inputs)

    def _has_room(self) -> bool:
        """Tell whether another graph may be recorded, after the stalest one left."""
        if len(self._captured) < self._most:
            return True
        oldest = next(iter(self._captured), None)
        if oldest is None or self._runs - self._last[oldest] <= self._stale:
            return False
        del self._captured[oldest], self._last[oldest]
        self.counts.evicted += 1
        return True

    def _give_up(self, key: Hashable, error: RuntimeError) -> None:
        """Run this key as it is from now on; the others are recorded anew.

        A capture that failed leaves the state of its generator unusable; it is replaced
        by the recorder, and graphs that were recorded with it would go on with the old one.
        """
        first = error.__context__ or error
        self._failed[key] = (str(first).splitlines() or [type(first).__name__])[0]
        _shorten(self._failed)
        self.forget()


def graphs_on(device: torch.device) -> Graphs | None:
    """Return graphs for a device; none where there are no such things: on a CPU."""
    return Graphs(CudaRecorder(device)) if device.type == "cuda" else None


def _shorten(remembered: OrderedDict[Hashable, int] | OrderedDict[Hashable, str]) -> None:
    while len(remembered) > REMEMBERED:
        remembered.popitem(last=False)
