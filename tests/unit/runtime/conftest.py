from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import structlog
from structlog.testing import capture_logs
from structlog.typing import EventDict

from fakes import FakeClock, FakeLedger, FakeProcessor
from srstream.frames import Upscaled
from srstream.ledger import Ledger
from srstream.ports import Sink, Source
from srstream.runtime.compute import Compute
from srstream.runtime.pipeline import Pipeline
from srstream.runtime.statekeeper import StateKeeper
from srstream.runtime.tutor import Tutor


@pytest.fixture
def compute() -> Iterator[Compute]:
    compute = Compute("cpu", slice_seconds=0.001)
    yield compute
    assert compute.close(10)


@pytest.fixture
def logs() -> Iterator[list[EventDict]]:
    with capture_logs() as logs:
        yield logs


@pytest.fixture
def make(compute: Compute) -> Callable[..., Pipeline]:
    """Make a pipeline of a source and sinks, and of fakes where nothing else is said."""

    def make(
        source: Source,
        *sinks: Sink,
        stream: str = "demo",
        processor: FakeProcessor | None = None,
        clock: FakeClock | None = None,
        queue_bytes: int = 10_000,
        ledger: Ledger | None = None,
        keeper: StateKeeper | None = None,
        tutor: Tutor | None = None,
        tell: Callable[[Upscaled], str] | None = None,
        reuse: bool = False,
        patient: bool = True,
        observer: Callable[[Upscaled], None] | None = None,
    ) -> Pipeline:
        return Pipeline(
            stream,
            source=source,
            processor=processor or FakeProcessor(),
            compute=compute,
            sinks=sinks,
            ledger=ledger or FakeLedger(),
            keeper=keeper,
            tutor=tutor,
            tell=tell,
            reuse=reuse,
            patient=patient,
            clock=clock or FakeClock(),
            queue_bytes=queue_bytes,
            log=structlog.get_logger(),
            observer=observer,
        )

    return make
