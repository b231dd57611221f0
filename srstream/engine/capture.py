"""How work on a CUDA device is recorded as a graph, and what goes wrong with that.

By `torch.cuda.graph` in its thread-local mode: other threads go on using the device. The
rest is what torch leaves to whoever captures:

- What is recorded reads its inputs where they lay then: they are copied there.
- It reads other tensors as well, weights and what losses remember: these are kept for as
  long as the graph, or it would read what others wrote to their memory since.
- It draws random numbers from the state of a generator that is told to it beforehand.
- A capture that fails leaves its generators in a state in which they cannot draw, and
  leaves the stream of the capture the current one.
- A pool of memory that all its graphs have left is never to be used again.

Work is warmed up on the stream of the capture, since libraries keep memory per stream.
Only one capture at a time may be under way in a process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakSet

import torch
from torch import Generator, Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

Work = Callable[..., Tensor]


class CudaRecorder:
    """Records work on one device; its graphs share their memory."""

    def __init__(self, device: torch.device, *, cuda: Any = torch.cuda) -> None:
        """Do nothing yet.

        Args:
            device: a CUDA device.
            cuda: what `torch.cuda` has; another one in tests.
        """
        self._device = device
        self._cuda = cuda
        self._stream: Any = None
        self._living: WeakSet[CudaGraph] = WeakSet()

    def warm_up(self, work: Work, inputs: tuple[Tensor, ...]) -> Tensor:
        """As `Recorder` says."""
        current, side = self._cuda.current_stream(self._device), self._side()
        side.wait_stream(current)
        with self._cuda.stream(side):
            result = work(*inputs)
        current.wait_stream(side)
        # Its memory is the side stream's. It may be used again at once: what comes on that
        # stream next begins by waiting for the current one, and so for this copy.
        return result.clone()

    def capture(
        self, work: Work, inputs: tuple[Tensor, ...], generator: Generator | None
    ) -> CudaGraph:
        """As `Recorder` says."""
        cuda, side = self._cuda, self._side()
        with torch.inference_mode(mode=False), torch.no_grad():
            places = tuple(torch.empty_like(each).copy_(each) for each in inputs)
        neighbour = next(iter(self._living), None)
        graph, others = cuda.CUDAGraph(), ReadFromOutside()
        if generator is not None:
            graph.register_generator_state(generator)
        try:
            # Twice the stream: where the inner one raises as it ends, it stays current.
            with (
                cuda.stream(side),
                cuda.graph(
                    graph,
                    pool=None if neighbour is None else neighbour.pool(),
                    stream=side,
                    capture_error_mode="thread_local",
                ),
                others,
            ):
                result = work(*places)
        except BaseException:
            self._mend(generator)
            raise
        captured = CudaGraph(graph, places, result, others.tensors())
        self._living.add(captured)
        return captured

    def _side(self) -> Any:
        if self._stream is None:
            self._stream = self._cuda.Stream(device=self._device)
        return self._stream

    def _mend(self, generator: Generator | None) -> None:
        """Give generators a state that no capture is under way for.

        torch leaves that of every generator of a failed capture, the global one among
        them, as it was in the middle of it: whatever draws next raises "Offset increment
        outside graph capture encountered unexpectedly".
        """
        number: int | None = getattr(self._device, "index", None)  # `cuda` has none
        number = self._cuda.current_device() if number is None else number
        for each in (generator, self._cuda.default_generators[number]):
            if each is not None:
                fresh = Generator(each.device)
                fresh.set_state(each.get_state())
                each.graphsafe_set_state(fresh.graphsafe_get_state())


class CudaGraph:
    """Recorded work, with all the memory that it touches."""

    def __init__(
        self,
        graph: Any,
        places: tuple[Tensor, ...],
        result: Tensor,
        others: tuple[Tensor, ...],
    ) -> None:
        """Hold on to it.

        Args:
            graph: of torch.
            places: the inputs are read there.
            result: is written there.
            others: whatever else is read or written, and must not be freed.
        """
        self._graph = graph
        self._places = places
        self._result = result
        self.others = others

    def replay(self, inputs: tuple[Tensor, ...]) -> Tensor:
        """As `Captured` says; on the current stream."""
        for place, given in zip(self._places, inputs, strict=True):
            place.copy_(given)
        self._graph.replay()
        return self._result

    def pool(self) -> Any:
        """Return the memory that it shares with others."""
        return self._graph.pool()


class ReadFromOutside(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes which tensors are read or written that were not made in here."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._outside: dict[int, Tensor] = {}
        self._made: set[int] = set()

    def tensors(self) -> tuple[Tensor, ...]:
        """Return one tensor for each piece of memory."""
        return tuple(self._outside.values())

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Do an operation and note what it reads."""
        del types
        kwargs = kwargs or {}
        for each in _tensors((args, kwargs)):
            if (place := _place(each)) not in self._made:
                self._outside.setdefault(place, each.detach())
        result = func(*args, **kwargs)
        for each in _tensors(result):
            if (place := _place(each)) not in self._outside:
                self._made.add(place)
        return result


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _place(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
