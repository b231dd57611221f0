"""Freeze one thread of a process from outside: no signal can, but a debugger.

ptrace(2) stops a thread in whatever it does, and leaves the others as they are.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SEIZE, _INTERRUPT, _DETACH = 0x4206, 0x4207, 17
_WALL = 0x40000000
"""Of waitpid(2): threads that are no children of ours, too."""
_TRIES = 50
_BEATS = 2.5
"""Seconds in which the loop must have woken up twice."""
_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_LIBC.ptrace.restype = ctypes.c_long


def thread_named(pid: int, name: str) -> int:
    """Return the first thread with a name: those that it makes inherit the name."""
    named = [
        int(task.name)
        for task in Path(f"/proc/{pid}/task").iterdir()
        if (task / "comm").read_text().strip() == name
    ]
    assert named, f"process {pid} has no thread {name!r}"
    return min(named)


class Frozen:
    """A thread that is frozen."""

    def __init__(self, thread: int) -> None:
        _ptrace(_SEIZE, thread)
        _ptrace(_INTERRUPT, thread)
        os.waitpid(thread, _WALL)
        self.since = time.monotonic()
        self._thread = thread
        self._is_gone = False

    def is_gone(self) -> bool:
        """Tell whether it ended with its process, whose parent must not see that before."""
        if not self._is_gone:
            found, _ = os.waitpid(self._thread, _WALL | os.WNOHANG)
            self._is_gone = found == self._thread
        return self._is_gone

    def thaw(self) -> None:
        """Let it go on, if it is still there."""
        if not self.is_gone():
            _ptrace(_DETACH, self._thread)


@contextmanager
def frozen(pid: int, thread: int) -> Iterator[Frozen]:
    """Freeze a thread, in a moment in which it does not hold up the main thread.

    It may hold the lock of the interpreter, which would stop the main thread as well: then
    it is let go again, and caught a moment later.
    """
    for _ in range(_TRIES):
        one = Frozen(thread)
        if _turns(pid):
            break
        one.thaw()
        time.sleep(0.05)
    else:
        raise AssertionError("the thread always holds up the main thread")
    try:
        yield one
    finally:
        one.thaw()


def _turns(pid: int) -> bool:
    """Tell whether the loop turns: the main thread waits for events, through two beats.

    One that waits for the lock of the interpreter waits in a futex.
    """
    seen = []
    end = time.monotonic() + _BEATS
    while time.monotonic() < end:
        seen.append("epoll" in Path(f"/proc/{pid}/task/{pid}/wchan").read_text())
        if not any(seen[-10:]) and len(seen) >= 10:
            return False
        time.sleep(0.05)
    return any(seen[-10:])


def _ptrace(request: int, thread: int) -> None:
    if _LIBC.ptrace(request, thread, None, None) == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
