from __future__ import annotations

import os

import pytest
import structlog
from structlog.typing import EventDict

from fakes import FakeCheckpoints, FakeClock, FakeProcessor
from srstream.errors import SinkUnavailable
from srstream.runtime.cadence import Cadence
from srstream.runtime.compute import Compute
from srstream.runtime.statekeeper import StateKeeper


def keeper(checkpoints: FakeCheckpoints, cadence: Cadence | None) -> StateKeeper:
    return StateKeeper(checkpoints, cadence, clock=FakeClock(), log=structlog.get_logger())


def every(frames: int) -> Cadence:
    return Cadence(frames, 1e9)


class FullCheckpoints(FakeCheckpoints):
    def save(self, seq: int, state: bytes) -> None:
        raise OSError(28, os.strerror(28))


async def test_a_stream_starts_from_the_newest_state(compute: Compute) -> None:
    checkpoints, processor = FakeCheckpoints(), FakeProcessor()
    checkpoints.states = {3: b"a b c", 5: b"a b c d e"}
    await keeper(checkpoints, every(100)).restore(processor, compute, last_seq=4)
    assert processor.seen == ["a", "b", "c", "d", "e"]


async def test_with_every_frame_it_starts_from_the_state_of_the_last_published_one(
    compute: Compute,
) -> None:
    checkpoints, processor = FakeCheckpoints(), FakeProcessor()
    checkpoints.states = {3: b"a b c", 5: b"a b c d e"}
    await keeper(checkpoints, None).restore(processor, compute, last_seq=4)
    assert processor.seen == ["a", "b", "c"]


async def test_a_state_that_does_not_fit_is_set_aside_for_an_older_one(
    compute: Compute, logs: list[EventDict]
) -> None:
    checkpoints, processor = FakeCheckpoints(), FakeProcessor()
    checkpoints.states = {3: b"a b c", 5: b"does not fit"}
    await keeper(checkpoints, every(100)).restore(processor, compute, last_seq=9)
    assert processor.seen == ["a", "b", "c"]
    assert checkpoints.rejected == {5: "it does not fit"}
    assert [log["event"] for log in logs if log["log_level"] == "warning"] == [
        "checkpoint set aside"
    ]


async def test_without_any_state_the_processor_is_left_as_it_is(compute: Compute) -> None:
    processor = FakeProcessor()
    await keeper(FakeCheckpoints(), None).restore(processor, compute, last_seq=0)
    assert processor.tally["load"] == 0


async def test_states_are_saved_as_often_as_they_are_due(compute: Compute) -> None:
    checkpoints, processor = FakeCheckpoints(), FakeProcessor()
    saver = keeper(checkpoints, every(2))
    for seq in range(1, 6):
        processor.seen.append(str(seq))
        saving = await saver.after(seq, processor, compute)
        if saving is not None:
            assert saving.nbytes == len(b"1 2") or seq > 2
            await saving.save()
    assert checkpoints.states == {2: b"1 2", 4: b"1 2 3 4"}
    await saver.at_the_end(processor, compute)
    assert checkpoints.states[5] == b"1 2 3 4 5"


async def test_at_the_end_nothing_is_saved_twice(compute: Compute) -> None:
    checkpoints, processor = FakeCheckpoints(), FakeProcessor()
    saver = keeper(checkpoints, None)
    saving = await saver.after(1, processor, compute)
    assert saving is not None
    await saving.save()
    checkpoints.states.clear()
    await saver.at_the_end(processor, compute)
    assert checkpoints.states == {}


async def test_a_state_that_may_be_missed_holds_nothing_up(
    compute: Compute, logs: list[EventDict]
) -> None:
    saving = await keeper(FullCheckpoints(), every(1)).after(1, FakeProcessor(), compute)
    assert saving is not None
    await saving.save()
    assert [log["event"] for log in logs] == ["checkpoint not saved"]


async def test_a_state_that_belongs_to_its_frame_must_be_saved(compute: Compute) -> None:
    saving = await keeper(FullCheckpoints(), None).after(1, FakeProcessor(), compute)
    assert saving is not None
    with pytest.raises(SinkUnavailable, match="No space left"):
        await saving.save()
