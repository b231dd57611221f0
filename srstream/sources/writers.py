"""Does somebody have a file open for writing? The kernel can tell, on local disks."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
from pathlib import Path


def open_for_writing(path: Path) -> bool | None:
    """Tell whether a regular file is open for writing anywhere; none: cannot be known.

    The kernel grants a read lease only while nobody has the file open for writing, to
    the owner of the file and to root, and on local file systems.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        # Whoever opens the file for writing while the lease is held waits for a moment,
        # and we are sent a signal: SIGIO by default, which would end this process.
        # SIGURG is ignored unless somebody asks for it.
        fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as exc:
        return True if exc.errno == errno.EAGAIN else None
    finally:
        os.close(handle)
    return False
