from __future__ import annotations

import numpy as np
import pytest
import torch

from srstream.engine.tensors import to_pixels, to_tensors

CPU = torch.device("cpu")


def values(channels: int, height: int = 37, width: int = 53) -> torch.Tensor:
    """[1, C, H, W] from -0.2 to 1.2."""
    shape = (1, channels, height, width)
    return torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 1.4 - 0.2


def like(channels: int, kind: type = np.uint8) -> np.ndarray:
    return np.zeros((1, 1, channels), kind)


def codes_of(planes: torch.Tensor, top: int) -> np.ndarray:
    """[H, W, C], by numpy in double precision."""
    exact = planes[0].double().numpy().transpose(1, 2, 0)
    codes: np.ndarray = np.rint(np.clip(exact, 0, 1) * top)
    return codes


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("kind", "top"), [(np.uint8, 255), (np.uint16, 65535)])
def test_codes_are_the_nearest_ones(channels: int, kind: type, top: int) -> None:
    found = to_pixels(values(channels), None, like(channels, kind))
    assert found.dtype == kind
    assert found.flags.c_contiguous
    difference = np.abs(found.astype(float) - codes_of(values(channels), top))
    assert difference.max() <= 1
    assert (difference > 0).mean() < (1e-4 if kind is np.uint8 else 0.01)


def test_every_code_comes_back_as_it_was() -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    pixels[..., 1] = pixels[::-1, :, 0]
    colour, alpha = to_tensors(pixels, CPU)
    assert np.array_equal(to_pixels(colour, alpha, pixels), pixels)


def test_halves_go_to_the_even_code_and_what_is_out_of_range_to_the_ends() -> None:
    halves = torch.tensor([0.5, 1.5, 2.5, 253.5, 254.5, -3.0, 400.0]) / 255
    found = to_pixels(halves.reshape(1, 1, 1, -1), None, like(1))
    # A float32 is not a half of 255ths exactly: next to it, either code is right.
    assert (
        np.abs(found[0, :, 0] - np.array([0.5, 1.5, 2.5, 253.5, 254.5, 0, 255])).max()
        <= 0.5
    )
    assert to_pixels(torch.tensor([[[[0.5]]]]), None, like(1)).item() == 128


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_alpha_comes_last_whatever_the_order_in_memory(kind: type) -> None:
    colour, alpha = values(3), values(1).flip(-1)
    mixed = colour.contiguous(memory_format=torch.channels_last)
    side_by_side = colour.permute(2, 0, 1, 3).contiguous().permute(1, 2, 0, 3)
    found = [
        to_pixels(each, alpha, like(4, kind)) for each in (colour, mixed, side_by_side)
    ]
    assert all(np.array_equal(each, found[0]) for each in found)
    assert np.array_equal(found[0][..., :3], to_pixels(colour, None, like(3, kind)))
    assert np.array_equal(found[0][..., 3:], to_pixels(alpha, None, like(1, kind)))


def test_what_was_enlarged_is_not_changed() -> None:
    colour = values(3)
    to_pixels(colour, None, like(3))
    assert torch.equal(colour, values(3))


def test_grey_stays_grey() -> None:
    found = to_pixels(values(3), None, like(1))
    assert found.shape == (37, 53, 1)
    truth = codes_of(values(3).mean(dim=1, keepdim=True), 255)
    assert np.abs(found - truth).max() <= 1
