from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from pictures import edges, frame
from srstream.engine import Session, SessionOptions, carried_state
from srstream.engine.adapt import Adapter
from srstream.engine.device import is_lost, is_out_of_memory
from srstream.engine.flat import FlatWeights
from srstream.engine.losses import MseOptions
from srstream.engine.nets import ZssrStarOptions
from srstream.engine.options import AdaptOptions
from srstream.errors import DeviceLostError, ResourceError
from srstream.runtime.compute import Compute

OPTIONS = SessionOptions(
    net=ZssrStarOptions(width=4, depth=2),
    loss=MseOptions(),
    adapt=AdaptOptions(steps=2, batch=2, crop=16, pairs=None, milestones=()),
)
FRAME = frame(edges(20, 24))
GONE = "CUDA error: unspecified launch failure\nCUDA kernel errors might be reported later"


class Device:
    """Stands in for a CUDA device: once broken, whatever uses the weights fails."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.is_broken = False
        for owner, name in (
            (FlatWeights, "copy"),
            (FlatWeights, "set"),
            (Adapter, "_step"),
        ):
            patch.setattr(owner, name, self._guarded(getattr(owner, name)))

    def _guarded(self, use: Callable[..., object]) -> Callable[..., object]:
        def guarded(*args: object) -> object:
            if self.is_broken:
                raise torch.AcceleratorError(GONE)
            return use(*args)

        return guarded


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Device:
    return Device(monkeypatch)


CALLS: dict[str, Callable[[Session, bytes], object]] = {
    "step": lambda session, _: session.step(FRAME),
    "begin": lambda session, _: session.begin(FRAME),
    "dump": lambda session, _: session.dump(),
    "load": lambda session, state: session.load(state),
}
CALLS_WITH_A_FRAME: dict[str, Callable[[Session], object]] = {
    "advance": lambda session: session.advance(60.0),
    "finish": lambda session: session.finish(),
    "abandon": lambda session: session.abandon(),
}


@pytest.mark.parametrize("call", CALLS)
def test_between_frames_every_call_finds_a_lost_device(device: Device, call: str) -> None:
    session = Session(OPTIONS)
    state = session.dump()
    device.is_broken = True
    with pytest.raises(DeviceLostError, match=r"^cpu does not answer any more: CUDA error"):
        CALLS[call](session, state)


@pytest.mark.parametrize("call", CALLS_WITH_A_FRAME)
def test_with_a_frame_in_hand_every_call_finds_a_lost_device(
    device: Device, call: str
) -> None:
    session = Session(OPTIONS)
    session.begin(FRAME)
    session.advance(0.0)
    device.is_broken = True
    with pytest.raises(DeviceLostError, match=r"unspecified launch failure$"):
        CALLS_WITH_A_FRAME[call](session)
    session.abandon()


def test_making_a_session_finds_a_lost_device(device: Device) -> None:
    device.is_broken = True
    with pytest.raises(DeviceLostError):
        Session(OPTIONS)


def test_once_it_is_lost_a_device_stays_so_and_abandon_is_silent(device: Device) -> None:
    session = Session(OPTIONS)
    state = session.dump()
    device.is_broken = True
    with pytest.raises(DeviceLostError) as first:
        session.step(FRAME)
    assert isinstance(first.value.__cause__, torch.AcceleratorError)
    device.is_broken = False
    for call in CALLS.values():
        session.abandon()
        with pytest.raises(DeviceLostError, match=r"unspecified launch failure$"):
            call(session, state)


def test_a_loss_between_two_units_is_found_too() -> None:
    """Not only in the work itself: here it is the clock that raises."""
    ticks = iter(range(6))

    def clock() -> float:
        if next(ticks, None) is None:
            raise RuntimeError(GONE)
        return 0.0

    session = Session(OPTIONS, clock=clock)
    with pytest.raises(DeviceLostError):
        session.step(FRAME)
    session.abandon()


def test_a_loss_while_a_state_is_tried_is_no_fault_of_the_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def gone(*_: object) -> None:
        raise torch.AcceleratorError(GONE)

    session = Session(OPTIONS)
    state = session.dump()
    monkeypatch.setattr(carried_state, "Generator", gone)
    with pytest.raises(DeviceLostError):
        session.load(state)


async def test_the_compute_thread_reports_the_loss_and_no_error_after_it(
    device: Device,
) -> None:
    compute = Compute("test")
    session = await compute.call(Session, OPTIONS)
    device.is_broken = True
    try:
        with pytest.raises(DeviceLostError):
            await compute.process("demo", session, FRAME)
    finally:
        assert compute.close(10.0)


@pytest.mark.parametrize(
    ("error", "lost", "memory"),
    [
        (torch.AcceleratorError("CUDA error: an illegal memory access"), True, False),
        (RuntimeError("CUDA error: device-side assert triggered"), True, False),
        (torch.AcceleratorError("CUDA error: out of memory"), False, True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried 20 GiB"), False, True),
        (
            RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `x`"),
            False,
            True,
        ),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), False, True),
        (RuntimeError("the sizes must match; no CUDA error"), False, False),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_lost_device_is_told_from_one_that_is_full(
    error: RuntimeError, *, lost: bool, memory: bool
) -> None:
    assert (is_lost(error), is_out_of_memory(error)) == (lost, memory)


def test_a_full_device_is_no_lost_one(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session(OPTIONS)

    def full(*_: object) -> None:
        raise torch.AcceleratorError("CUDA error: out of memory")

    with monkeypatch.context() as patched:
        patched.setattr(session._upscaler, "enlarge", full)
        with pytest.raises(ResourceError):
            session.step(FRAME)
    session.step(FRAME)
