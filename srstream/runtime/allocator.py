"""Keep freed memory in the process instead of giving it back after every operation.

glibc returns the top of a thread's heap to the system as soon as some of it is free, and
the next operation faults the same pages in again, zeroed: up to 75,000 faults per frame,
and a tenth of the time of a frame. The main thread suffers less, a compute thread more.
"""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
"""From glibc's malloc.h."""
_SETTINGS = {
    _M_TRIM_THRESHOLD: 256 * 2**20,
    _M_TOP_PAD: 64 * 2**20,
    # The most that glibc takes; larger blocks still go back at once, and
    # `engine/upscale.py` keeps a layer below it.
    _M_MMAP_THRESHOLD: 32 * 2**20,
}


def keep_freed_memory() -> bool:
    """Tell glibc's allocator, for the whole process; false where it is another."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    taken = [mallopt(option, value) == 1 for option, value in _SETTINGS.items()]
    return all(taken)
