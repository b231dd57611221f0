"""What the exit status of a command says. Supervisors act on it: see systemd/."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """The statuses, where there is one after sysexits.h."""

    DONE = 0
    """All is well; of `serve`, `pipe` and `tap`: stopped by a signal."""
    FAILED = 1
    """A stream stayed down, some pictures failed, nobody answered, a training diverged, a
    result cannot be written, or the state folder is in use."""
    USAGE = 2
    """The command line is wrong."""
    CRASHED = 70
    """A bug; EX_SOFTWARE."""
    NO_STATE = 73
    """The state folder cannot be written, for want of space or rights; EX_CANTCREAT."""
    DEVICE_LOST = 74
    """The GPU does not answer any more; EX_IOERR. To be started again."""
    CONFIG = 78
    """The configuration is wrong; EX_CONFIG. Not to be started again."""
    INTERRUPTED = 130
    """`upscale`, `pretrain` or `send` was stopped by SIGINT or SIGTERM before it was
    done."""
