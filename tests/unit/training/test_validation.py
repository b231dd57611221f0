from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from pictures import edges, zone_plate
from srstream.evaluation import metrics
from srstream.training.crops import Pair, pair_of
from srstream.training.pictures import Original
from srstream.training.validation import Validation, psnr_y

CPU = torch.device("cpu")


def planes(pixels: np.ndarray[Any, Any]) -> torch.Tensor:
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy()).float() / 255


def test_it_is_the_psnr_of_the_literature() -> None:
    one, two = zone_plate(20, 30), edges(20, 30)
    wanted = metrics.psnr_y(one, two, border=3)
    assert psnr_y(planes(one), planes(two), border=3) == pytest.approx(wanted, abs=1e-4)
    weights = torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)
    lumas = [(planes(each) * weights).sum(0, keepdim=True) for each in (one, two)]
    assert psnr_y(*lumas, border=3) == pytest.approx(wanted, abs=1e-4)


def test_what_lies_outside_of_the_range_is_cut_off() -> None:
    truth = torch.ones(1, 8, 8)
    assert psnr_y(truth + 0.5, truth, border=1) == psnr_y(truth, truth, border=1) > 100


def pair(number: int) -> Pair:
    pixels = torch.from_numpy(edges(40, 44, shift=number).transpose(2, 0, 1).copy())
    made = pair_of(Original("a", b"", pixels), scale=2, colours=3)
    assert made is not None
    return made


def test_it_is_the_mean_over_the_pictures_beside_that_of_bicubic() -> None:
    pairs = [pair(0), pair(5)]
    validation = Validation(pairs, scale=2, device=CPU)
    high = {each.low.numpy().tobytes(): each.high for each in pairs}

    def off_by_a_tenth(low: torch.Tensor) -> torch.Tensor:
        truth = high[low[0].numpy().tobytes()]
        return (truth - 0.1 * torch.ones_like(truth))[None]

    wanted = [psnr_y(each.high - 0.1, each.high, border=2) for each in pairs]
    assert validation.measure(off_by_a_tenth) == pytest.approx(np.mean(wanted))  # type: ignore[arg-type]
    bicubic = [
        metrics.psnr_y(
            (each.high * 255).round().byte().numpy().transpose(1, 2, 0),
            metrics.bicubic((each.low * 255).round().byte().numpy().transpose(1, 2, 0), 2),
            border=2,
        )
        for each in pairs
    ]
    assert validation.bicubic == pytest.approx(np.mean(bicubic), abs=0.1)  # that rounds


def test_without_pictures_nothing_is_measured() -> None:
    validation = Validation([], scale=2, device=CPU)
    assert validation.bicubic is None
    assert validation.measure(lambda low: low) is None  # type: ignore[arg-type]
