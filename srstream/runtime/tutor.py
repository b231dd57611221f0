"""Learns from a stream's frames beside their enlargement, on a thread of its own.

One frame at a time: those that come meanwhile are not learnt from. What was learnt is
handed over between two frames, so that the two threads never share anything that changes.
"""

from __future__ import annotations

import asyncio

import structlog

from srstream.errors import DeviceLostError, FrameError
from srstream.frames import Frame
from srstream.ports import Teacher
from srstream.runtime.cutoff import Cutoff
from srstream.runtime.workthread import ThreadClosedError, WorkThread

_LAST_LESSON = 5.0
"""Seconds that the lesson in hand may take when the stream ends."""


class Tutor:
    """Gives the frames of one stream to its teacher."""

    def __init__(self, stream: str, teacher: Teacher, thread: WorkThread) -> None:
        """Prepare; nothing is learnt yet.

        Args:
            stream: the stream's name, by which it shares the thread.
            teacher: learns, on `thread` only.
            thread: another one than that which enlarges.
        """
        self.teacher = teacher
        self.thread = thread
        self._stream = stream
        self._frame: Frame | None = None
        self._lesson: object | None = None
        self._offered = asyncio.Event()
        self._closed = False
        self._end = Cutoff()
        self._said = False
        self._log = structlog.get_logger().bind(stream=stream)

    def offer(self, frame: Frame) -> None:
        """Learn from this frame, unless another is in hand."""
        if not self._offered.is_set():
            self._frame = frame
            self._offered.set()

    def lesson(self) -> object | None:
        """Return what was learnt since it was last asked for; none: nothing."""
        lesson, self._lesson = self._lesson, None
        return lesson

    async def begin(self) -> None:
        """Hand over what is known already, such as from a checkpoint."""
        self._lesson = await self.thread.call(self.teacher.present)

    async def run(self) -> None:
        """Work until closed."""
        while True:
            await self._offered.wait()
            frame, self._frame = self._frame, None
            if self._closed or frame is None:
                return
            async with self._end.move_on():
                await self._learn_from(frame)
            if not self._closed:
                self._offered.clear()

    async def _learn_from(self, frame: Frame) -> None:
        """Learn; what goes wrong costs the lesson, and not the stream."""
        try:
            work = self.teacher.learn(frame)
            self._lesson = await self.thread.run(self._stream, work)
        except (DeviceLostError, ThreadClosedError):
            raise
        except FrameError:
            pass  # it cannot be enlarged either, which others say
        except Exception as error:  # noqa: BLE001 - frames are worth more
            say = self._log.debug if self._said else self._log.warning
            self._said = True
            say("learning failed", seq=frame.id.seq, reason=repr(error))

    def close(self) -> None:
        """End after the lesson in hand, or some seconds."""
        self._closed = True
        self._end.set(_LAST_LESSON)
        self._offered.set()
