"""Pinned memory and streams on a CUDA device."""

from __future__ import annotations

import gc

import numpy as np
import pytest
import torch

from srstream.engine.streams import computing_on, ordered_after, reached, side_stream
from srstream.engine.tensors import send_pixels, to_pixels, to_tensors
from srstream.engine.transfers import to_device, to_host

SIZE = (540, 960, 3)


def frames(count: int) -> list[np.ndarray]:
    draw = np.random.default_rng(0)
    return [draw.integers(0, 256, SIZE, dtype=np.uint8) for _ in range(count)]


def slow(device: torch.device) -> None:
    """Keep the device busy for a few milliseconds."""
    torch.cuda._sleep(20_000_000)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_pixels_come_back_as_they_went(
    device: torch.device, kind: type, channels: int
) -> None:
    draw = np.random.default_rng(1)
    pixels = draw.random((37, 53, channels)).astype(np.float32)
    if kind is not np.float32:
        pixels = np.round(pixels * np.iinfo(kind).max).astype(kind)
    # Grey as one channel: the mean of three that are equal is rounded.
    colour, alpha = to_tensors(pixels, device, colours=1 if channels <= 2 else 3)
    assert np.array_equal(to_pixels(colour, alpha, pixels), pixels)


@pytest.mark.parametrize("is_pinned", [False, True])
def test_two_frames_on_their_way_are_not_mixed_up(
    device: torch.device, *, is_pinned: bool
) -> None:
    """The device is busy, so that copies are late, and buffers are given back early."""
    given = frames(12)
    if is_pinned:
        given = [torch.from_numpy(each).pin_memory().numpy() for each in given]
    on_their_way = []
    for number, pixels in enumerate(given):
        slow(device)
        colour, alpha = to_tensors(pixels, device)
        on_their_way.append((number, send_pixels(colour, alpha, pixels)))
        del colour
        if len(on_their_way) > 2:
            which, sent = on_their_way.pop(0)
            assert np.array_equal(sent.wait(), given[which])
    for which, sent in on_their_way:
        assert np.array_equal(sent.wait(), given[which])


def test_a_result_is_not_written_to_while_it_is_held(device: torch.device) -> None:
    given = frames(8)
    kept = []
    for pixels in given:
        colour, alpha = to_tensors(pixels, device)
        kept.append(to_pixels(colour, alpha, pixels))
        gc.collect()
    assert all(np.array_equal(a, b) for a, b in zip(kept, given, strict=True))


def test_sending_waits_for_nothing(device: torch.device) -> None:
    pixels = frames(1)[0]
    colour, _ = to_tensors(pixels, device)
    to_pixels(colour, None, pixels)  # whatever is done for the first time
    torch.cuda.synchronize(device)
    torch.cuda.set_sync_debug_mode("error")
    try:
        slow(device)
        there = to_device(pixels, device)
        sent = to_host(there)
        assert not sent.is_there()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert np.array_equal(sent.wait(), pixels)
    assert sent.is_there()


def test_streams_keep_the_order_that_is_asked_for(device: torch.device) -> None:
    """Learn on one, publish on the other, many times: what is read is what was learnt."""
    side = side_stream(device)
    assert side is not None
    learnt = torch.zeros(1 << 20, device=device)
    published = torch.zeros_like(learnt)
    seen = []
    for _ in range(20):
        here = reached(device)
        with computing_on(side):
            ordered_after(here, device)
            slow(device)
            learnt.add_(1.0)
            point = reached(device)
        ordered_after(point, device)
        published.copy_(learnt)
        seen.append(published.min() + published.max())
    assert [float(each) for each in seen] == [2.0 * number for number in range(1, 21)]


def test_a_stream_of_its_own_does_not_wait_for_the_other(device: torch.device) -> None:
    side, quick = side_stream(device), torch.zeros(4, device=device)
    torch.cuda.synchronize(device)
    with computing_on(side):
        torch.cuda._sleep(400_000_000)
        busy = reached(device)
    quick.add_(1.0)
    done = reached(device)
    assert done is not None
    assert busy is not None
    done.synchronize()
    assert not busy.query()
    busy.synchronize()
