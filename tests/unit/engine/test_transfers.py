"""What of transfers is not CUDA: whose memory is it, and when may it be read?"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from srstream.engine.finite import finite_sum, is_finite, read
from srstream.engine.streams import computing_on, ordered_after, reached, side_stream
from srstream.engine.tensors import send_pixels, to_pixels
from srstream.engine.transfers import Arriving, to_device, to_host

CPU = torch.device("cpu")


class Buffers:
    """Hands buffers out, and keeps them to see what is in them."""

    def __init__(self) -> None:
        self.given: list[torch.Tensor] = []

    def __call__(self, shape: torch.Size, kind: torch.dtype) -> torch.Tensor:
        self.given.append(torch.empty(shape, dtype=kind))
        return self.given[-1]


class Later:
    """A point that is reached when somebody waits for it: then the bytes are there."""

    def __init__(self, host: torch.Tensor, content: torch.Tensor) -> None:
        self.host, self.content = host, content
        self.waited = 0

    def query(self) -> bool:
        return self.waited > 0

    def synchronize(self) -> None:
        self.waited += 1
        self.host.copy_(self.content)


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
@pytest.mark.parametrize("is_writeable", [False, True])
def test_an_array_goes_through_a_buffer_of_its_own(
    kind: type, *, is_writeable: bool
) -> None:
    array = np.arange(24, dtype=kind).reshape(2, 4, 3)
    array.flags.writeable = is_writeable
    buffers = Buffers()
    found = [to_device(array, CPU, buffer=buffers) for _ in range(2)]
    assert len(buffers.given) == 2
    assert all(np.array_equal(each.numpy(), array) for each in found)
    assert found[0].data_ptr() != found[1].data_ptr()


def test_what_arrives_is_read_after_it_has() -> None:
    host, content = torch.zeros(3), torch.tensor([1.0, 2.0, 3.0])
    point = Later(host, content)
    arriving = Arriving(host, point)
    assert not arriving.is_there()
    assert arriving.wait().tolist() == [1.0, 2.0, 3.0]
    assert arriving.is_there()
    arriving.wait()
    assert point.waited == 1


def test_on_a_cpu_it_has_arrived() -> None:
    arriving = to_host(torch.ones(2))
    assert arriving.is_there()
    assert arriving.wait().tolist() == [1.0, 1.0]


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_sent_pixels_are_those_of_to_pixels(kind: type) -> None:
    colour = torch.rand(1, 3, 5, 7, generator=torch.Generator().manual_seed(0))
    like = np.zeros((1, 1, 3), kind)
    sent = send_pixels(colour, None, like)
    assert np.array_equal(sent.wait(), to_pixels(colour, None, like))
    assert sent.wait().dtype == kind


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_one_value_that_is_not_finite_shows_in_the_sum_of_all(bad: float) -> None:
    picture, weights = torch.rand(1, 3, 9, 9), torch.randn(50)
    good, other = read(finite_sum(picture, weights), torch.tensor(4.0))
    assert is_finite(good)
    assert other == 4.0
    for each in (picture, weights):
        spoilt = each.clone()
        spoilt.view(-1)[7] = bad
        assert not is_finite(*read(finite_sum(picture, weights, spoilt)))


def test_infinities_that_cancel_show_as_well() -> None:
    spoilt = torch.tensor([float("inf"), -float("inf"), 1.0])
    assert not is_finite(*read(finite_sum(spoilt)))


def test_on_a_cpu_there_is_no_order_to_be_kept() -> None:
    assert side_stream(CPU) is None
    with computing_on(None):
        point = reached(CPU)
    assert point is None
    ordered_after(point, CPU)
