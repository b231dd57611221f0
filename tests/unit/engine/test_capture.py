"""Steps and passes, recorded and replayed on a CPU by `tape`, beside those as they are."""

from __future__ import annotations

import copy
import gc
from functools import partial

import pytest
import torch
from torch import Generator, Tensor

from pictures import edges, whole
from srstream.engine import capture
from srstream.engine.adapt import Adapter, Trace
from srstream.engine.capture import CudaRecorder
from srstream.engine.contracts import LossContext
from srstream.engine.flat import FlatWeights
from srstream.engine.graphs import Graphs
from srstream.engine.losses import LOSSES, DogOptions, L1Options
from srstream.engine.nets import LrResidualOptions, Net, ZssrOptions
from srstream.engine.options import AdaptOptions, UpscaleOptions
from srstream.engine.pairs import Batch, Pairs, all_of
from srstream.engine.upscale import Upscaler
from tape import Cuda
from trained import born, lr_net

CPU = torch.device("cpu")
OPTIONS = AdaptOptions(
    steps=12, batch=4, crop=24, pairs=None, rate=3e-3, milestones=(6, 9), heldout=0.0
)
NETS = {
    "lr-residual": LrResidualOptions(width=6, depth=3),
    "rgb": LrResidualOptions(width=6, depth=3, colours="rgb", base="consistent"),
    "zssr": ZssrOptions(width=6, depth=3),
}


@pytest.fixture
def cuda() -> Cuda:
    return Cuda()


def net_of(name: str) -> Net:
    options = NETS[name]
    if isinstance(options, LrResidualOptions):
        return lr_net(options)
    return born(options, 2, Generator().manual_seed(0))


def recorded(cuda: Cuda, **limits: int) -> Graphs:
    return Graphs(CudaRecorder(CPU, cuda=cuda), **limits)


def picture(colours: int, height: int = 40, width: int = 56) -> Tensor:
    pixels = torch.tensor(edges(height, width)).permute(2, 0, 1)[None].float() / 255
    return pixels[:, :colours].contiguous()


class Learner:
    """A network, what it takes to adapt it, and batches that are always the same."""

    def __init__(self, name: str, loss: object, graphs: Graphs | None) -> None:
        self.net = net_of(name)
        self.weights = FlatWeights(self.net)
        made = LOSSES[LOSSES.name_of(loss)].make(loss, LossContext(CPU))
        self.adapter = Adapter(self.net, self.weights, made, OPTIONS, graphs=graphs)
        self.noise = Generator().manual_seed(1)
        frame = picture(self.net.colours)
        self.pairs = Pairs(
            frame,
            all_of(frame),
            options=OPTIONS,
            scale=2,
            generator=Generator().manual_seed(2),
        )

    def learn(self, steps: int = OPTIONS.steps) -> list[float]:
        trace = Trace()
        work = self.adapter.run(
            self.pairs.batches(),
            steps=steps,
            trace=trace,
            noise=self.noise,
            spent=lambda: 0.0,
        )
        whole(work)
        return [float(loss) for loss in trace.losses]


@pytest.mark.parametrize("loss", [L1Options(), DogOptions(levels=2)], ids=["l1", "dog"])
@pytest.mark.parametrize("name", NETS)
def test_recorded_steps_do_what_steps_do(name: str, loss: object, cuda: Cuda) -> None:
    """With rates that fall on the way, which a graph must read and not have in it."""
    graphs = recorded(cuda)
    plain, replayed = Learner(name, loss, None), Learner(name, loss, graphs)
    assert plain.learn() == pytest.approx(replayed.learn(), rel=1e-5)
    assert graphs.counts.captured == 1
    assert graphs.counts.replayed == OPTIONS.steps - graphs.counts.eager
    torch.testing.assert_close(plain.weights.values, replayed.weights.values)
    assert not graphs.failed


def test_recording_takes_no_step(cuda: Cuda) -> None:
    """Neither weights nor moments are other ones after a capture, before the replay."""
    graphs = recorded(cuda)
    learner = Learner("lr-residual", L1Options(), graphs)
    learner.learn(3)
    before = learner.weights.copy(), learner.adapter.snapshot()
    batch = next(learner.pairs.batches())
    work = partial(learner.adapter._stepped, learner.noise)
    CudaRecorder(CPU, cuda=cuda).capture(work, batch, None)
    assert torch.equal(before[0], learner.weights.values)
    now = learner.adapter.snapshot()
    assert before[1] is not None
    assert now is not None
    assert all(torch.equal(a, b) for a, b in zip(before[1], now, strict=True))


def test_rolled_back_and_replayed_it_goes_on_bit_for_bit(cuda: Cuda) -> None:
    learner = Learner("lr-residual", L1Options(), recorded(cuda))
    learner.learn(5)
    weights, moments = learner.weights.copy(), learner.adapter.snapshot()
    batches = learner.pairs.batches()
    fixed = [next(batches) for _ in range(6)]

    def steps() -> Tensor:
        for batch in fixed:
            learner.adapter._step(batch, learner.noise)
        return learner.weights.copy()

    first = steps()
    learner.weights.set(weights)
    learner.adapter.restore(moments)
    assert torch.equal(first, steps())
    learner.weights.set(weights)
    learner.adapter.forget()
    assert not torch.equal(first, steps())


def test_the_generator_is_told_to_the_graph_of_a_network_that_draws(cuda: Cuda) -> None:
    told: list[Generator] = []

    class Told(type(Cuda.CUDAGraph())):  # type: ignore[misc]
        def register_generator_state(self, generator: Generator) -> None:
            told.append(generator)

    cuda.CUDAGraph = Told  # type: ignore[misc,assignment]
    quiet = Learner("lr-residual", L1Options(), recorded(cuda))
    quiet.learn(5)
    assert told == []
    noisy = Learner("zssr", L1Options(), recorded(cuda))
    noisy.net.is_noisy = True
    noisy.learn(5)
    assert told == [noisy.noise]


def test_what_a_graph_reads_is_kept_also_where_a_loss_forgets_it(cuda: Cuda) -> None:
    """The loss drops its matrices after many sizes; a graph would read others' memory."""
    kept: list[Tensor] = []
    graphs = recorded(cuda)
    learner = Learner("lr-residual", DogOptions(levels=2), graphs)
    learner.learn(5)
    (graph,) = graphs._captured.values()
    kept.extend(graph.others)  # type: ignore[attr-defined]
    held = {each.untyped_storage().data_ptr() for each in kept}
    blurs = learner.adapter._loss._blurs  # type: ignore[attr-defined]
    assert {blur.untyped_storage().data_ptr() for blur in blurs.values()} <= held
    moments = learner.adapter._moments
    must = [learner.weights.values, learner.weights.values.grad, *moments]
    must.append(learner.adapter.optimiser.param_groups[0]["lr"])
    for each in must:
        assert each is not None
        assert each.untyped_storage().data_ptr() in held
    assert len(held) < 30  # and not everything that was made on the way


def test_the_loss_on_a_batch_is_recorded_as_well(cuda: Cuda) -> None:
    graphs = recorded(cuda)
    plain = Learner("lr-residual", L1Options(), None)
    replayed = Learner("lr-residual", L1Options(), graphs)
    batches = plain.pairs.batches()
    for _ in range(6):
        batch: Batch = next(batches)
        expected = plain.adapter.loss_on(batch)
        assert replayed.adapter.loss_on(batch) == pytest.approx(expected, rel=1e-6)
    assert graphs.counts.replayed == 3


def test_a_recorded_network_enlarges_frame_after_frame(cuda: Cuda) -> None:
    network = lr_net(LrResidualOptions(width=6, depth=3))
    graphs = recorded(cuda)
    upscaler = Upscaler(network, UpscaleOptions(), scale=2, device=CPU, graphs=graphs)
    pictures = [picture(3).roll(shift, -1) for shift in range(8)]
    found = [whole(upscaler.enlarge(each)) for each in pictures]
    assert graphs.counts.replayed == 5
    for each, enlarged in zip(pictures, found, strict=True):
        with torch.no_grad():
            torch.testing.assert_close(enlarged, network(each), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("size", [(75, 111), (40, 200), (64, 70)])
def test_tiles_of_one_shape_give_what_others_give(size: tuple[int, int]) -> None:
    network = lr_net(LrResidualOptions(width=6, depth=3))
    plain = Upscaler(network, UpscaleOptions(tile=64), scale=2, device=CPU)
    graphs = recorded(Cuda())
    alike = Upscaler(network, UpscaleOptions(tile=64), scale=2, device=CPU, graphs=graphs)
    low = picture(3, *size)
    for _ in range(2):
        torch.testing.assert_close(
            whole(alike.enlarge(low)), whole(plain.enlarge(low)), atol=1e-5, rtol=0
        )
    assert graphs.counts.captured == 1
    assert graphs.kept == 1


def test_the_members_of_an_ensemble_are_not_each_others(cuda: Cuda) -> None:
    network = lr_net(LrResidualOptions(width=6, depth=3))
    options = UpscaleOptions(ensemble=True)
    plain = Upscaler(network, options, scale=2, device=CPU)
    replayed = Upscaler(network, options, scale=2, device=CPU, graphs=recorded(cuda))
    low = picture(3)
    for _ in range(2):
        torch.testing.assert_close(
            whole(replayed.enlarge(low)), whole(plain.enlarge(low)), atol=1e-6, rtol=1e-6
        )


def test_capturing_is_thread_local_on_a_side_stream_and_graphs_share_memory(
    cuda: Cuda,
) -> None:
    graphs = recorded(cuda, warm_ups=1)
    for length in (3, 4):
        for _ in range(2):
            graphs.run("", torch.neg, torch.ones(length))
    assert cuda.modes == {"thread_local"}
    assert [stream.name for stream in cuda.side] == ["side 0"]
    assert cuda.current.name == "current"
    assert cuda.side[0].waited_for == ["current"] * 2
    assert cuda.current.waited_for == ["side 0"] * 2
    first, second = cuda.pools
    assert first is None
    assert second is not None


def test_a_pool_that_all_graphs_have_left_is_not_used_again(cuda: Cuda) -> None:
    graphs = recorded(cuda, warm_ups=1)
    for length in (3, 4):
        for _ in range(2):
            graphs.run("", torch.neg, torch.ones(length))
        graphs.forget()
        gc.collect()
    assert cuda.pools == [None, None]


class Drawing:
    """A generator whose state can be replaced; those of a CPU cannot."""

    def __init__(self, device: torch.device = CPU) -> None:
        self.device = device
        self.state = object()
        self.numbers = torch.zeros(1)

    def get_state(self) -> Tensor:
        return self.numbers

    def set_state(self, numbers: Tensor) -> None:
        self.numbers = numbers.clone()

    def graphsafe_get_state(self) -> Drawing:
        return self

    def graphsafe_set_state(self, other: Drawing) -> None:
        self.state, self.numbers = other.state, other.numbers


def test_after_a_failed_capture_streams_and_generators_are_as_before(
    cuda: Cuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "Generator", Drawing)
    everybodys, mine = Drawing(), Drawing()
    cuda.default_generators = [everybodys]
    everybodys.numbers, mine.numbers = torch.tensor([5.0]), torch.tensor([7.0])
    states = everybodys.state, mine.state
    cuda.failing = "CUDA error: operation failed due to a previous error during capture"
    graphs = recorded(cuda, warm_ups=1)
    for _ in range(3):
        found = graphs.run("", torch.neg, torch.ones(3), generator=mine)  # type: ignore[arg-type]
        assert torch.equal(found, -torch.ones(3))
    assert cuda.current.name == "current"
    assert len(graphs.failed) == 1
    assert everybodys.state is not states[0]
    assert mine.state is not states[1]
    assert (everybodys.numbers.item(), mine.numbers.item()) == (5.0, 7.0)


def test_deep_copies_are_of_networks_and_not_of_graphs(cuda: Cuda) -> None:
    learner = Learner("lr-residual", L1Options(), recorded(cuda))
    learner.learn(5)
    other = copy.deepcopy(learner.net)
    before = [each.detach().clone() for each in other.parameters()]
    learner.learn(3)
    assert all(map(torch.equal, before, other.parameters()))
