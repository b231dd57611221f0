"""What goes wrong in training costs the adaptation and not the frame."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import torch

from exams import weights_of
from pictures import edges, frame
from srstream.engine import AdaptOptions, Session, SessionOptions
from srstream.engine.losses import L1Options
from srstream.engine.nets import LrResidualOptions
from srstream.engine.state import unpack
from srstream.frames import Outcome, Pixels, Upscaled, Used
from trained import lr_weights

WEIGHTS = lr_weights(LrResidualOptions(width=4, depth=2))
OPTIONS = SessionOptions(
    net=None,
    weights="drawn",
    loss=L1Options(),
    adapt=AdaptOptions(
        steps=3, batch=1, crop=24, pairs=None, rate=0.003, milestones=(), carry_moments=True
    ),
)
HERE, THERE = edges(64, 80), 255 - edges(64, 80)


def make(judge: str = "cautious", **adapt: object) -> Session:
    changed = dataclasses.replace(OPTIONS.adapt, judge=judge, **adapt)  # type: ignore[arg-type]
    return Session(dataclasses.replace(OPTIONS, adapt=changed), weights=WEIGHTS)


def nan(difference: torch.Tensor) -> torch.Tensor:
    return difference.square().mean() * torch.nan


def breaking(difference: torch.Tensor) -> torch.Tensor:
    raise IndexError("seven\nand more")


def full(difference: torch.Tensor) -> torch.Tensor:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")


FAULTS: dict[Callable[..., torch.Tensor], str | None] = {
    nan: None,
    breaking: "IndexError: seven",
    full: "out of memory",
}
JUDGES = ["cautious", "enforce", "observe"]


def with_fault(
    session: Session, fault: Callable[..., torch.Tensor], at: Pixels
) -> Upscaled:
    """Step with a loss that goes wrong, and put the right one back."""
    adapter = session._carried.adapter
    loss, adapter._loss = adapter._loss, fault  # type: ignore[assignment]
    result = session.step(frame(at))
    adapter._loss = loss
    return result


def frozen(pixels: Pixels, state: bytes | None = None) -> Pixels:
    session = make(mode="frozen", judge="enforce")
    if state is not None:
        session.load(state)
    return session.step(frame(pixels)).pixels


@pytest.mark.parametrize("judge", JUDGES)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_the_first_frame_is_that_of_a_frozen_session_bit_for_bit(
    fault: Callable[..., torch.Tensor], judge: str
) -> None:
    session = make(judge)
    result = with_fault(session, fault, HERE)
    stats = result.stats
    assert np.array_equal(result.pixels, frozen(HERE))
    assert (stats.outcome, stats.used) == (Outcome.ROLLED_BACK, Used.FROZEN)
    assert (stats.weight_change, stats.fault) == (0.0, FAULTS[fault])
    for values in weights_of(session)[:2]:
        assert torch.equal(values, session._carried.initial_values)


@pytest.mark.parametrize("judge", JUDGES)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_later_frame_is_enlarged_with_what_was_in_use_before_it(
    fault: Callable[..., torch.Tensor], judge: str
) -> None:
    session = make(judge)
    session.step(frame(HERE))
    state = session.dump()
    result = with_fault(session, fault, edges(64, 80, shift=1))
    assert result.stats.outcome is Outcome.ROLLED_BACK
    assert np.array_equal(result.pixels, frozen(edges(64, 80, shift=1), state))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_at_a_cut_it_is_enlarged_with_the_initial_weights(
    fault: Callable[..., torch.Tensor],
) -> None:
    session = make()
    session.step(frame(HERE))
    session._carried.publish(session._carried.initial_values * 1.01)
    session._carried.progress = session._carried.progress.but(used=Used.CARRIED)
    session._adaptation.learning._look_back = no_look_back  # type: ignore[attr-defined]
    result = with_fault(session, fault, THERE)
    assert result.stats.scene_change
    assert (result.stats.outcome, result.stats.used) == (Outcome.ROLLED_BACK, Used.FROZEN)
    assert np.array_equal(result.pixels, frozen(THERE))


def no_look_back(*_: object) -> tuple[()]:
    """The carried weights are not tried on the new scene."""
    return ()


@pytest.mark.parametrize("judge", JUDGES)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_the_session_goes_on_and_a_cut_is_one_only_once(
    fault: Callable[..., torch.Tensor], judge: str
) -> None:
    session = make(judge)
    session.step(frame(HERE))
    seen = [with_fault(session, fault, THERE).stats.scene_change]
    after = [session.step(frame(255 - edges(64, 80, shift=k))).stats for k in range(1, 7)]
    assert [*seen, *(stats.scene_change for stats in after)] == [True] + [False] * 6
    assert {stats.fault for stats in after} == {None}
    assert any(stats.steps and stats.loss_after is not None for stats in after)
    assert bool(torch.isfinite(session._carried.weights.values).all())


def test_moments_that_broke_are_not_carried() -> None:
    session = make()
    with_fault(session, nan, HERE)
    arrays, _ = unpack(session.dump())
    assert all(
        np.isfinite(array).all() for array in arrays.values() if array.dtype.kind == "f"
    )
    make().load(session.dump())


def test_frames_made_singly_get_the_initial_weights_when_something_breaks() -> None:
    session = make("observe", mode="per-frame")
    session.step(frame(HERE))
    result = with_fault(session, breaking, edges(64, 80, shift=1))
    assert np.array_equal(result.pixels, frozen(edges(64, 80, shift=1)))
    assert result.stats.used is Used.FROZEN


def test_a_stream_that_never_fits_into_memory_is_enlarged_all_the_same() -> None:
    session = make()
    for shift in range(4):
        pixels = edges(64, 80, shift=shift)
        result = with_fault(session, full, pixels)
        assert result.stats.fault == "out of memory"
        assert np.array_equal(result.pixels, frozen(pixels))
