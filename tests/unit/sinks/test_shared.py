from __future__ import annotations

import asyncio

import pytest

from fakes import FailingSink, FakeProcessor, Gate, ListSink, frame
from srstream.errors import SinkUnavailable
from srstream.frames import Upscaled
from srstream.sinks.shared import Shared


def upscaled(value: int = 0, *, stream: str = "demo") -> Upscaled:
    processor = FakeProcessor()
    processor.begin(frame(value, stream=stream))
    return processor.finish()


class OneAtATime(ListSink):
    """Fails when a write begins before the one before has ended."""

    def __init__(self, hold: Gate) -> None:
        super().__init__(hold=hold)
        self.is_busy = False

    async def write(self, item: Upscaled) -> None:
        assert not self.is_busy
        self.is_busy = True
        try:
            await super().write(item)
        finally:
            self.is_busy = False


@pytest.mark.parametrize("reports", [False, True])
def test_a_view_is_of_the_kind_of_its_sink(reports: bool) -> None:
    sink = ListSink(reports=reports)
    sink.lasting = not reports
    view = Shared(sink).view()
    assert (view.reports, view.lasting) == (reports, not reports)


async def test_only_the_owner_opens_and_closes_it() -> None:
    sink = ListSink()
    shared = Shared(sink)
    await shared.open()
    for view in (shared.view(), shared.view()):
        await view.open()
        await view.write(upscaled())
        await view.close()
    assert (sink.tally["open"], sink.tally["close"]) == (1, 0)
    await shared.close()
    assert (sink.tally["open"], sink.tally["close"]) == (1, 1)
    assert len(sink.items) == 2


async def test_views_write_one_after_the_other_in_the_order_they_came() -> None:
    hold = Gate()
    sink = OneAtATime(hold)
    shared = Shared(sink)
    views = [shared.view() for _ in range(3)]
    async with asyncio.TaskGroup() as group:
        for number, view in enumerate(views):
            group.create_task(view.write(upscaled(number)))
        await sink.tally.reached("write")
        hold.open()
    assert sink.names == ["0", "1", "2"]


async def test_a_write_that_is_given_up_lets_the_next_one_go() -> None:
    sink = OneAtATime(Gate())
    shared = Shared(sink)
    stuck = asyncio.create_task(shared.view().write(upscaled(1)))
    await sink.tally.reached("write")
    stuck.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stuck
    sink._hold = None
    await shared.view().write(upscaled(2))
    assert sink.names == ["2"]


async def test_an_error_reaches_the_stream_whose_frame_it_was() -> None:
    sink = FailingSink(at_write=SinkUnavailable("nobody listens"), names=["1"])
    shared = Shared(sink)
    with pytest.raises(SinkUnavailable, match="nobody listens"):
        await shared.view().write(upscaled(1))
    await shared.view().write(upscaled(2))
    assert sink.names == ["2"]


async def test_an_error_of_opening_reaches_the_owner() -> None:
    shared = Shared(FailingSink(at_open=SinkUnavailable("in use"), names=[]))
    with pytest.raises(SinkUnavailable, match="in use"):
        await shared.open()
    await shared.view().write(upscaled())
    await shared.close()
