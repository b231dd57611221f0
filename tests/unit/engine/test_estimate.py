from __future__ import annotations

import dataclasses

import pytest
import torch

from pictures import whole
from srstream.engine import AdaptOptions, Estimate, SessionOptions, estimate
from srstream.engine.losses import MseOptions
from srstream.engine.nets import ZssrOptions

OPTIONS = SessionOptions(
    net=ZssrOptions(width=4, depth=2),
    loss=MseOptions(),
    adapt=AdaptOptions(steps=30, batch=1, crop=16, pairs=None, milestones=()),
)


def run(options: SessionOptions) -> Estimate:
    return whole(estimate(options, torch.device("cpu")))


def test_the_time_of_a_frame_is_its_steps_and_its_area() -> None:
    expected = Estimate(step=0.01, steps=20, upscale_megapixel=2.0)
    assert expected.frame(1000, 500) == pytest.approx(0.2 + 1.0)


def test_steps_and_enlargement_are_measured_with_the_given_options() -> None:
    measured = run(OPTIONS)
    assert measured.steps == 30
    assert measured.step > 0.0
    assert measured.upscale_megapixel > 0.0


def test_a_frozen_stream_costs_no_steps() -> None:
    frozen = dataclasses.replace(OPTIONS, adapt=AdaptOptions(mode="frozen"))
    measured = run(frozen)
    assert (measured.step, measured.steps) == (0.0, 0)


def test_a_time_budget_bounds_the_steps() -> None:
    short = dataclasses.replace(OPTIONS.adapt, seconds=0.0)
    assert run(dataclasses.replace(OPTIONS, adapt=short)).steps == 1
