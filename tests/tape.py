"""A stand-in for `torch.cuda` on a CPU: graphs that are recorded, and replayed.

What it shares with CUDA: capturing does not do the work; replaying does the operations that
were recorded, on the very memory they were recorded on, whatever became of it since; Python
numbers are recorded as they were, and tensors are read anew. Streams are in turn anyway;
they are only noted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class _Recording(TorchDispatchMode):
    """Does operations, notes them, and knows how to undo them."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[tuple[Any, Any, Any, Any]] = []
        self._before: dict[int, tuple[Tensor, Tensor]] = {}
        self._made: set[int] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        for each in _tensors((args, kwargs)):
            place = each.untyped_storage().data_ptr()
            if place not in self._made and place not in self._before:
                whole = torch.empty(0, dtype=torch.uint8).set_(each.untyped_storage())
                self._before[place] = whole, whole.clone()
        result = func(*args, **kwargs)
        self.done.append((func, args, kwargs, result))
        for each in _tensors(result):
            if (place := each.untyped_storage().data_ptr()) not in self._before:
                self._made.add(place)
        return result

    def undo(self) -> None:
        for whole, before in self._before.values():
            whole.copy_(before)


class Graph:
    """As `torch.cuda.CUDAGraph`."""

    def __init__(self) -> None:
        self.done: list[tuple[Any, Any, Any, Any]] = []
        self.shared: Any = None
        self.replays = 0
        self.generators: list[torch.Generator] = []

    def register_generator_state(self, generator: torch.Generator) -> None:
        self.generators.append(generator)

    def replay(self) -> None:
        self.replays += 1
        with torch.no_grad():
            for func, args, kwargs, before in self.done:
                now = func(*args, **kwargs)
                for old, new in zip(_tensors(before), _tensors(now), strict=True):
                    if old.data_ptr() != new.data_ptr():
                        old.copy_(new)

    def pool(self) -> Any:
        return self.shared


class Stream:
    def __init__(self, name: str) -> None:
        self.name = name
        self.waited_for: list[str] = []

    def wait_stream(self, other: Stream) -> None:
        self.waited_for.append(other.name)


class Cuda:
    """As `torch.cuda`, as far as `CudaRecorder` asks of it."""

    CUDAGraph = Graph

    def __init__(self) -> None:
        self.current = Stream("current")
        self.side: list[Stream] = []
        self.pools: list[Any] = []
        """Given to each capture."""
        self.modes: set[str] = set()
        self.failing: str | None = None
        """What the next captures raise as they end."""
        self.default_generators: list[Any] = [None]

    def Stream(self, device: Any) -> Stream:  # noqa: N802 - as torch calls it
        self.side.append(Stream(f"side {len(self.side)}"))
        return self.side[-1]

    def current_stream(self, device: Any) -> Stream:
        return self.current

    def current_device(self) -> int:
        return 0

    @contextmanager
    def stream(self, stream: Stream) -> Iterator[None]:
        before, self.current = self.current, stream
        try:
            yield
        finally:
            self.current = before

    @contextmanager
    def graph(
        self, graph: Graph, *, pool: Any, stream: Stream, capture_error_mode: str
    ) -> Iterator[None]:
        self.pools.append(pool)
        self.modes.add(capture_error_mode)
        graph.shared = object() if pool is None else pool
        self.current = stream  # and it stays so, where the end raises
        recording = _Recording()
        try:
            with recording:
                yield
        finally:
            recording.undo()
            if self.failing is not None:
                raise torch.AcceleratorError(self.failing)
        graph.done = recording.done


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]
