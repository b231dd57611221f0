"""Recorded work on a CUDA device: what it gives, holds, and does when it fails."""

from __future__ import annotations

import dataclasses
import threading

import pytest
import torch
from torch import Generator, Tensor

from pictures import edges, frame, whole
from srstream.engine import PRESETS, AdaptOptions, Session, SessionOptions
from srstream.engine.adapt import Adapter, Trace
from srstream.engine.capture import CudaRecorder
from srstream.engine.carried import Carried
from srstream.engine.contracts import LossContext
from srstream.engine.graphs import Graphs
from srstream.engine.losses import LOSSES, DogOptions, L1Options
from srstream.engine.nets import LrResidualOptions, ZssrStarOptions
from srstream.engine.options import UpscaleOptions
from srstream.engine.pairs import Pairs, all_of
from srstream.engine.upscale import Upscaler
from trained import lr_weights

ADAPT = AdaptOptions(
    steps=20, crop=64, pairs=None, rate=1e-3, milestones=(8, 14), heldout=0.0
)
NET = LrResidualOptions()
FORWARD_APART = {"float32": 1e-6, "bfloat16": 1e-2}
"""In units of full scale."""
WEIGHTS_APART = {"float32": 1e-4, "bfloat16": 1e-2}
"""After 20 steps, over the largest weight."""


def graphs(device: torch.device, **limits: int) -> Graphs:
    return Graphs(CudaRecorder(device), **limits)


def picture(device: torch.device, channels: int = 3, *, shift: int = 0) -> Tensor:
    pixels = torch.tensor(edges(135, 240, shift=shift)).permute(2, 0, 1)[None]
    return (pixels[:, :channels].float() / 255).to(device)


class Learner:
    """A network that is adapted to batches that are always the same."""

    def __init__(
        self, device: torch.device, options: SessionOptions, recorded: Graphs | None
    ) -> None:
        weights = lr_weights(NET) if options.net is None else None
        self.carried = Carried(options, device, weights=weights)
        self.carried.net.precision = getattr(torch, options.precision)
        loss = LOSSES[LOSSES.name_of(options.loss)].make(options.loss, LossContext(device))
        self.adapter = Adapter(
            self.carried.net, self.carried.weights, loss, options.adapt, graphs=recorded
        )
        frame_of = picture(device, self.carried.net.colours)
        self.pairs = Pairs(
            frame_of,
            all_of(frame_of),
            options=options.adapt,
            scale=options.scale,
            generator=Generator(device).manual_seed(5),
        )

    def learn(self) -> tuple[Tensor, list[float]]:
        trace = Trace()
        work = self.adapter.run(
            self.pairs.batches(),
            steps=20,
            trace=trace,
            noise=self.carried.random,
            spent=lambda: 0.0,
        )
        whole(work)
        return self.carried.weights.copy(), [float(loss) for loss in trace.losses]


def options(precision: str = "float32", **changes: object) -> SessionOptions:
    usual: dict[str, object] = {
        "net": None,
        "weights": "drawn",
        "loss": L1Options(),
        "adapt": ADAPT,
        "precision": precision,
    }
    return SessionOptions(**{**usual, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_graphs_of_steps_give_what_steps_give(
    device: torch.device, same_again: None, precision: str
) -> None:
    recorded = graphs(device)
    plain = Learner(device, options(precision), graphs(device, most=0))
    replayed = Learner(device, options(precision), recorded)
    (one, losses), (two, others) = plain.learn(), replayed.learn()
    assert not recorded.failed
    assert recorded.counts.replayed == 17
    assert float((one - two).abs().max() / one.abs().max()) <= WEIGHTS_APART[precision]
    assert losses == pytest.approx(others, rel=1e-2)


def test_a_graph_draws_the_dropout_that_would_have_been_drawn(
    device: torch.device, same_again: None
) -> None:
    """From the session's own generator, which goes on where it was."""
    noisy = options(net=ZssrStarOptions(width=16), weights=None, loss=DogOptions(levels=2))
    recorded = graphs(device)
    plain = Learner(device, noisy, graphs(device, most=0))
    replayed = Learner(device, noisy, recorded)
    (one, losses), (two, others) = plain.learn(), replayed.learn()
    assert not recorded.failed
    assert losses == pytest.approx(others, rel=1e-3)
    assert float((one - two).abs().max() / one.abs().max()) <= WEIGHTS_APART["float32"]
    states = plain.carried.random.get_state(), replayed.carried.random.get_state()
    assert torch.equal(*states)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("tile", [None, 128])
def test_graphs_of_passes_give_what_passes_give(
    device: torch.device, precision: str, tile: int | None
) -> None:
    carried = Carried(options(precision), device, weights=lr_weights(NET))
    carried.published.precision = getattr(torch, precision)
    settings, recorded = UpscaleOptions(tile=tile), graphs(device)
    ways = [
        Upscaler(carried.published, settings, scale=2, device=device, graphs=each)
        for each in (graphs(device, most=0), recorded)
    ]
    for shift in range(8):
        low = picture(device, shift=shift)
        one, two = (whole(way.enlarge(low)) for way in ways)
        assert float((one - two).abs().max()) <= FORWARD_APART[precision]
    assert not recorded.failed
    assert recorded.kept == 1  # all tiles are alike
    assert recorded.counts.replayed > 0


def test_a_graph_enlarges_with_what_was_published_since(device: torch.device) -> None:
    carried = Carried(options(), device, weights=lr_weights(NET))
    recorded = graphs(device)
    upscaler = Upscaler(
        carried.published, UpscaleOptions(), scale=2, device=device, graphs=recorded
    )
    low = picture(device)
    for _ in range(5):
        before = whole(upscaler.enlarge(low))
    carried.publish(carried.initial_values * 1.1)
    after = whole(upscaler.enlarge(low))
    assert recorded.counts.replayed == 3
    with torch.no_grad():
        expected = carried.published(low)
    assert float((after - expected).abs().max()) <= FORWARD_APART["float32"]
    assert float((after - before).abs().max()) > 1e-3


def test_rolled_back_it_goes_on_bit_for_bit(device: torch.device, same_again: None) -> None:
    """Weights, moments and random numbers; with graphs that draw dropout."""
    noisy = options(
        net=ZssrStarOptions(width=16),
        weights=None,
        loss=DogOptions(levels=2),
        adapt=dataclasses.replace(ADAPT, carry_moments=True),
    )
    learner = Learner(device, noisy, graphs(device))
    learner.learn()
    weights, moments = learner.carried.weights.copy(), learner.adapter.snapshot()
    random, batches = learner.carried.random.get_state(), learner.pairs.batches()
    fixed = [next(batches) for _ in range(6)]

    def steps() -> Tensor:
        for batch in fixed:
            learner.adapter._step(batch, learner.carried.random)
        return learner.carried.weights.copy()

    first = steps()
    learner.carried.weights.set(weights)
    learner.adapter.restore(moments)
    learner.carried.random.set_state(random)
    assert torch.equal(first, steps())


def test_the_stalest_graph_makes_room(device: torch.device) -> None:
    recorded = graphs(device, most=2, stale=10)
    for length in (8, 16):
        for _ in range(5):
            recorded.run("", torch.neg, torch.ones(length, device=device))
    for _ in range(20):
        found = recorded.run("", torch.neg, torch.ones(32, device=device))
    assert float(found.sum()) == -32.0
    assert recorded.kept == 2
    assert recorded.counts.evicted == 1
    found = recorded.run("", torch.neg, torch.ones(16, device=device))
    assert float(found.sum()) == -16.0


def test_what_waits_for_the_device_cannot_be_recorded_and_is_run_as_it_is(
    device: torch.device,
) -> None:
    """And whatever draws random numbers still can, on the stream that was current."""
    draw, recorded = Generator(device).manual_seed(1), graphs(device)

    def waits(line: Tensor) -> Tensor:
        noise = torch.rand(line.shape, generator=draw, device=device)
        return line * 2 + noise * float(line.sum() * 0)

    before = torch.cuda.current_stream(device)
    for _ in range(6):
        found = recorded.run("", waits, torch.ones(9, device=device), generator=draw)
        assert found.tolist() == [2.0] * 9
    assert len(recorded.failed) == 1
    assert recorded.counts.captured == 0
    assert torch.cuda.current_stream(device) == before
    assert torch.rand(3, generator=draw, device=device).isfinite().all()
    assert torch.rand(3, device=device).isfinite().all()

    def draws(line: Tensor) -> Tensor:
        return line + torch.rand(line.shape, generator=draw, device=device)

    drawn = [
        recorded.run("draws", draws, torch.zeros(9, device=device), generator=draw).clone()
        for _ in range(6)
    ]
    assert recorded.kept == 1
    assert len({tuple(each.tolist()) for each in drawn}) == 6


def test_another_thread_computes_while_work_is_recorded(device: torch.device) -> None:
    stop, errors = threading.Event(), []

    def busy() -> None:
        try:
            with torch.cuda.stream(torch.cuda.Stream(device)):
                while not stop.is_set():
                    # Of other sizes each time, so that memory is asked for.
                    side = int(torch.randint(1, 900, ()))
                    torch.ones(side, side, device=device).sum().item()
        except RuntimeError as error:
            errors.append(error)

    other = threading.Thread(target=busy)
    other.start()
    try:
        recorded = graphs(device, warm_ups=1)
        for length in range(1, 7):
            for _ in range(3):
                recorded.run("", torch.neg, torch.ones(length, device=device))
    finally:
        stop.set()
        other.join()
    assert errors == []
    assert not recorded.failed
    assert recorded.counts.captured == 6


@pytest.mark.parametrize("preset", ["realtime", "light"])
def test_memory_does_not_grow_over_200_frames_of_12_sizes(
    device: torch.device, preset: str
) -> None:
    settings = PRESETS[preset]
    adapt = dataclasses.replace(settings.adapt, steps=3)
    settings = dataclasses.replace(settings, adapt=adapt)
    weights = lr_weights(NET) if settings.weights else None
    session = Session(settings, weights=weights, device=device)
    sizes = [(80 + 8 * number, 120 + 4 * number) for number in range(12)]
    held: list[int] = []
    for number in range(200):
        session.step(frame(edges(*sizes[number % 12], shift=number), seq=number + 1))
        held.append(torch.cuda.memory_reserved(device))
    # torch asks for 20 MB at a time; a leak of a frame a time would be more.
    assert held[-1] <= max(held[:100]) + 3 * 20 * 2**20
    for used in (session._upscaler.graphs, session._carried.adapter.graphs):
        assert used is not None
        assert not used.failed
        assert used.kept <= 8
        assert used.counts.captured <= 24


def test_a_session_with_graphs_does_what_one_without_does(
    device: torch.device, same_again: None
) -> None:
    settings = dataclasses.replace(
        PRESETS["realtime"],
        adapt=dataclasses.replace(PRESETS["realtime"].adapt, steps=2, judge="observe"),
    )
    with_graphs, without = (
        Session(settings, weights=lr_weights(NET), device=device) for _ in range(2)
    )
    for part in (without._upscaler, without._carried.adapter):
        part._graphs = graphs(device, most=0)  # type: ignore[attr-defined]
    for number in range(12):
        given = frame(edges(96, 128, shift=number), seq=number + 1)
        one, two = with_graphs.step(given), without.step(given)
        assert abs(one.pixels.astype(int) - two.pixels).max() <= 1
    assert with_graphs._upscaler.graphs is not None
    assert with_graphs._upscaler.graphs.counts.replayed > 0
