"""The folder of what outlives the daemon: one process at a time, and its paths."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from srstream.errors import StateDirError, StateDirInUse

ELSEWHERE = "in `daemon.state_dir` or by --state-dir"
"""Where another folder is named, for messages."""
SELFTESTS = "selftest.json"
_LONGEST_PID = 32  # bytes


def state_dir_error(message: str, number: int | None) -> StateDirError:
    """Return an error with this message, of this `errno`."""
    error = StateDirError(message)
    error.errno = number
    return error


class StateDir:
    """A folder that this process has for itself until `close`, or until it dies.

    The lock is the kernel's, so that nothing is left of it after `kill -9`.
    """

    def __init__(self, path: Path, handle: int) -> None:
        """Use `StateDir.open`."""
        self.path = path
        self._handle: int | None = handle

    @classmethod
    def open(cls, path: Path) -> Self:
        """Make the folder if it is missing, and lock it. Blocks.

        Raises:
            StateDirInUse: another process has it; the message names its pid.
            StateDirError: it cannot be made or written; with the `errno`.
        """
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Not followed: somebody else's link must not decide what is overwritten.
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
            handle = os.open(lock_in(path), flags, 0o600)
        except OSError as exc:
            raise _unusable(path, exc) from exc
        try:
            _lock(path, handle)
        except BaseException:
            os.close(handle)
            raise
        return cls(path, handle)

    @property
    def ledger(self) -> Path:
        """The file of the ledger."""
        return ledger_in(self.path)

    @property
    def selftests(self) -> Path:
        """The file of what was measured on this machine; it may be missing."""
        return self.path / SELFTESTS

    def stream(self, name: str) -> Path:
        """Return the folder of a stream's checkpoints; it may be missing."""
        return self.path / "streams" / name

    def close(self) -> None:
        """Let another process have it."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def ledger_in(path: Path) -> Path:
    """Return the file of the ledger in a state folder; it may be missing."""
    return path / "ledger.db"


def lock_in(path: Path) -> Path:
    """Return the file that the user of a state folder has locked; it may be missing."""
    return path / "lock"


def holder_of(handle: int) -> str:
    """Return the pid of the process that locked this file last; empty: not known."""
    return os.pread(handle, _LONGEST_PID, 0).split(b"\n")[0].decode(errors="replace")


def _lock(path: Path, handle: int) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        pid = f"{os.getpid()}\n".encode()
        # In this order, so that whoever reads meanwhile never finds it empty.
        os.pwrite(handle, pid, 0)
        os.ftruncate(handle, len(pid))
    except BlockingIOError as exc:
        other = holder_of(handle)
        error = StateDirInUse(
            f"{path}: in use by another srstream"
            + (f" (pid {other}); stop it" if other else "; stop it")
            + f", or name another folder {ELSEWHERE}"
        )
        error.errno = exc.errno
        raise error from exc
    except OSError as exc:
        raise _unusable(path, exc) from exc


def _unusable(path: Path, exc: OSError) -> StateDirError:
    if exc.errno in (errno.ENOLCK, errno.ENOTSUP):
        remedy = f"name a folder on a local disk {ELSEWHERE}"
    elif exc.errno in (errno.ENOSPC, errno.EDQUOT):
        remedy = f"free some space, or name another folder {ELSEWHERE}"
    else:
        remedy = f"allow it, or name another folder {ELSEWHERE}"
    return state_dir_error(
        f"{path}: the state folder cannot be used: {exc.strerror}; {remedy}", exc.errno
    )
