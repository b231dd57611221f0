"""Learning beside the enlarging: a pipeline, a fake teacher on a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest
import structlog
from structlog.typing import EventDict

from fakes import FakeCheckpoints, FakeClock, FakeProcessor, ListSink, ListSource, picture
from srstream.errors import FrameError
from srstream.frames import Frame, FrameId
from srstream.runtime.cadence import Cadence
from srstream.runtime.pipeline import Pipeline
from srstream.runtime.statekeeper import StateKeeper
from srstream.runtime.tutor import Tutor
from srstream.runtime.workthread import WorkThread

Make = Callable[..., Pipeline]


class FakePupil(FakeProcessor):
    """Notes what it is taught, and after which frame."""

    def __init__(self) -> None:
        super().__init__()
        self.lessons: list[tuple[Any, int]] = []

    def teach(self, lesson: Any) -> None:
        self.lessons.append((lesson, len(self.seen)))


class FakeTeacher:
    """Learns the names of frames; notes on which thread."""

    def __init__(self, *, refuses: tuple[str, ...] = ()) -> None:
        self.learnt: list[str] = []
        self.threads: set[str] = set()
        self._refuses = refuses

    def learn(self, frame: Frame) -> Generator[None, None, str]:
        self.threads.add(threading.current_thread().name)
        yield
        if frame.id.name in self._refuses:
            raise FrameError("no such pixels")
        self.learnt.append(frame.id.name)
        return f"lesson of {frame.id.name}"

    def present(self) -> str:
        return f"what is known: {' '.join(self.learnt)}"

    def dump(self) -> bytes:
        return " ".join(self.learnt).encode()

    def load(self, blob: bytes) -> None:
        self.learnt = blob.decode().split()


@pytest.fixture
def thread() -> Iterator[WorkThread]:
    thread = WorkThread("learn cpu")
    yield thread
    assert thread.close(10)


async def test_what_is_known_at_the_start_is_taught_before_the_first_frame(
    make: Make, thread: WorkThread
) -> None:
    pupil, teacher, sink = FakePupil(), FakeTeacher(), ListSink()
    tutor = Tutor("demo", teacher, thread)
    await make(ListSource("a"), sink, processor=pupil, tutor=tutor).run()
    assert pupil.lessons[0] == ("what is known: ", 0)
    assert sink.names == ["a"]
    assert teacher.learnt == ["a"]
    assert teacher.threads == {"learn cpu"}


async def test_lessons_are_taught_between_two_frames_and_every_frame_is_published(
    make: Make, thread: WorkThread
) -> None:
    pupil, teacher, sink = FakePupil(), FakeTeacher(), ListSink()
    names = [f"f{number}" for number in range(20)]
    tutor = Tutor("demo", teacher, thread)
    await make(ListSource(*names), sink, processor=pupil, tutor=tutor).run()
    assert sink.names == names
    assert teacher.learnt[0] == "f0"
    taught = [lesson for lesson, _ in pupil.lessons[1:]]
    assert taught == [f"lesson of {name}" for name in teacher.learnt[: len(taught)]]
    assert set(teacher.learnt) <= set(names)


async def test_a_frame_that_comes_during_a_lesson_is_not_learnt_from(
    thread: WorkThread,
) -> None:
    tutor = Tutor("demo", FakeTeacher(), thread)
    first, second = (_frame(name) for name in ("a", "b"))
    tutor.offer(first)
    tutor.offer(second)
    tutor.close()
    await tutor.run()  # closed before it began: nothing is learnt, and it ends
    assert tutor.lesson() is None


async def test_pixels_that_cannot_be_learnt_from_do_not_end_the_stream(
    make: Make, thread: WorkThread
) -> None:
    teacher, sink = FakeTeacher(refuses=("a",)), ListSink()
    tutor = Tutor("demo", teacher, thread)
    await make(ListSource("a"), sink, processor=FakePupil(), tutor=tutor).run()
    assert sink.names == ["a"]
    assert teacher.learnt == []


async def test_a_bug_in_learning_costs_the_lesson_and_not_the_stream(
    make: Make, thread: WorkThread, logs: list[EventDict]
) -> None:
    class Broken(FakeTeacher):
        def learn(self, frame: Frame) -> Generator[None, None, str]:
            yield
            raise ValueError("a bug")

    sink, tutor = ListSink(), Tutor("demo", Broken(), thread)
    await make(ListSource("a", "b"), sink, processor=FakePupil(), tutor=tutor).run()
    assert sink.names == ["a", "b"]
    said = [log for log in logs if log["event"] == "learning failed"]
    assert said[0]["log_level"] == "warning"
    assert "a bug" in said[0]["reason"]


async def test_the_state_that_is_kept_is_the_teachers(
    make: Make, thread: WorkThread
) -> None:
    checkpoints, teacher = FakeCheckpoints(), FakeTeacher()
    checkpoints.states = {0: b"before"}
    keeper = StateKeeper(
        checkpoints, Cadence(100, 1e9), clock=FakeClock(), log=structlog.get_logger()
    )
    pupil, tutor = FakePupil(), Tutor("demo", teacher, thread)
    pipeline = make(
        ListSource("a"), ListSink(), processor=pupil, keeper=keeper, tutor=tutor
    )
    await pipeline.run()
    assert pupil.lessons[0] == ("what is known: before", 0)
    newest = checkpoints.newest()
    assert newest is not None
    assert newest[1] == b"before a"


def _frame(name: str) -> Frame:
    return Frame(FrameId("demo", 1, name, name), picture())
