"""Which work is recorded, and when; without CUDA, by a recorder that only counts."""

from __future__ import annotations

import pytest
import torch
from torch import Generator, Tensor

from srstream.engine import graphs as module
from srstream.engine.device import is_lost
from srstream.engine.graphs import Graphs, Work, graphs_on


class Remembered:
    def __init__(self, work: Work) -> None:
        self.work = work

    def replay(self, inputs: tuple[Tensor, ...]) -> Tensor:
        return self.work(*inputs)


class Counting:
    """Records by remembering."""

    def __init__(self) -> None:
        self.warmed: list[int] = []
        self.captured: list[int] = []
        self.error: RuntimeError | None = None
        self.unable: set[int] = set()

    def warm_up(self, work: Work, inputs: tuple[Tensor, ...]) -> Tensor:
        self.warmed.append(len(inputs[0]))
        return work(*inputs)

    def capture(
        self, work: Work, inputs: tuple[Tensor, ...], generator: Generator | None
    ) -> Remembered:
        if self.error is not None or len(inputs[0]) in self.unable:
            raise self.error or RuntimeError("not while capturing\nand more")
        self.captured.append(len(inputs[0]))
        return Remembered(work)


@pytest.fixture
def recorder() -> Counting:
    return Counting()


def double(line: Tensor) -> Tensor:
    return line * 2


def run(graphs: Graphs, length: int, *, times: int = 1) -> None:
    for _ in range(times):
        found = graphs.run("double", double, torch.ones(length))
        assert torch.equal(found, torch.full((length,), 2.0))


def test_what_comes_again_is_warmed_up_then_recorded_then_replayed(
    recorder: Counting,
) -> None:
    graphs = Graphs(recorder, warm_ups=3)
    run(graphs, 5, times=3)
    assert (recorder.warmed, recorder.captured) == ([5], [])
    run(graphs, 5, times=4)
    assert (recorder.warmed, recorder.captured) == ([5], [5])
    assert (graphs.counts.eager, graphs.counts.replayed) == (3, 4)


@pytest.mark.parametrize("other", ["a key", "a shape", "a type"])
def test_each_key_shape_and_type_has_a_graph_of_its_own(
    recorder: Counting, other: str
) -> None:
    graphs = Graphs(recorder, warm_ups=1)
    run(graphs, 5, times=3)
    for _ in range(3):
        graphs.run(
            "again" if other == "a key" else "double",
            double,
            torch.ones(
                6 if other == "a shape" else 5,
                dtype=torch.float64 if other == "a type" else torch.float32,
            ),
        )
    assert graphs.kept == 2


def test_there_are_no_more_than_the_most_and_the_others_are_run_as_they_are(
    recorder: Counting,
) -> None:
    graphs = Graphs(recorder, most=2, warm_ups=1)
    for _ in range(10):
        for length in (1, 2, 3):
            run(graphs, length)
    assert recorder.captured == [1, 2]
    assert graphs.counts.evicted == 0


def test_the_one_that_was_not_asked_for_the_longest_makes_room(recorder: Counting) -> None:
    graphs = Graphs(recorder, most=2, warm_ups=1, stale=10)
    run(graphs, 1, times=2)
    run(graphs, 2, times=2)
    run(graphs, 1)
    run(graphs, 3, times=9)
    assert recorder.captured == [1, 2]
    run(graphs, 3)  # the graph of 2 is stale now
    assert (recorder.warmed, recorder.captured) == ([1, 2, 3], [1, 2])
    run(graphs, 3)
    assert recorder.captured == [1, 2, 3]
    assert graphs.counts.evicted == 1
    replayed = graphs.counts.replayed
    run(graphs, 1)
    assert graphs.counts.replayed == replayed + 1


def test_what_cannot_be_recorded_is_run_as_it_is_for_good_and_says_why(
    recorder: Counting,
) -> None:
    recorder.unable = {7}
    graphs = Graphs(recorder, warm_ups=1)
    run(graphs, 7, times=5)
    assert list(graphs.failed.values()) == ["not while capturing"]
    assert graphs.counts.captured == 0
    assert graphs.counts.eager == 5


def test_after_a_failure_the_others_are_recorded_anew(recorder: Counting) -> None:
    """Those that were there may draw from a state that is no longer the generator's."""
    recorder.unable = {7}
    graphs = Graphs(recorder, warm_ups=1)
    run(graphs, 5, times=3)
    run(graphs, 7, times=2)
    assert graphs.kept == 0
    run(graphs, 5, times=2)
    assert recorder.captured == [5, 5]


def test_of_a_failed_capture_what_went_wrong_first_is_told(recorder: Counting) -> None:
    recorder.error = RuntimeError("CUDA error: previous error during capture")
    recorder.error.__context__ = RuntimeError("item() of a tensor")
    graphs = Graphs(recorder, warm_ups=1)
    run(graphs, 5, times=2)
    assert list(graphs.failed.values()) == ["item() of a tensor"]


def test_a_lost_device_is_no_failed_capture(recorder: Counting) -> None:
    recorder.error = torch.AcceleratorError("CUDA error: unspecified launch failure")
    graphs = Graphs(recorder, warm_ups=1)
    run(graphs, 5)
    with pytest.raises(torch.AcceleratorError):
        run(graphs, 5)


@pytest.mark.parametrize(
    "text",
    [
        "operation not permitted when stream is capturing",
        "operation failed due to a previous error during capture",
        "operation would make the legacy stream depend on a capturing blocking stream",
    ],
)
def test_a_failed_capture_is_no_lost_device(text: str) -> None:
    assert not is_lost(torch.AcceleratorError(f"CUDA error: {text}\nCUDA kernel errors"))
    assert is_lost(torch.AcceleratorError("CUDA error: an illegal memory access"))


def test_keys_without_end_are_not_remembered_without_end(
    recorder: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 4)
    recorder.unable = set(range(1, 50))
    graphs = Graphs(recorder, warm_ups=1)
    for length in range(1, 50):
        run(graphs, length, times=2)
    assert len(graphs.failed) == 4
    assert len(graphs._seen) <= 4


def test_a_cpu_has_no_graphs() -> None:
    assert graphs_on(torch.device("cpu")) is None
    assert graphs_on(torch.device("cuda")) is not None  # nothing of CUDA is touched yet
