"""The threads that compute: made when first asked for, shared by the streams."""

from __future__ import annotations

import time
from functools import partial

import torch

from srstream.engine import prepare_thread
from srstream.runtime.allocator import keep_freed_memory
from srstream.runtime.compute import Compute
from srstream.runtime.cpus import usable_cpus
from srstream.runtime.workthread import WorkThread


class Computes:
    """The compute threads of the devices in use.

    One per device; one more for its deterministic streams, with one thread of torch's,
    since sums are rounded otherwise with each number of threads; and one more for what is
    learnt beside the enlarging.
    """

    def __init__(self) -> None:
        keep_freed_memory()
        self._threads: dict[tuple[torch.device, bool], Compute] = {}
        self._learners: dict[torch.device, WorkThread] = {}

    def on(self, device: torch.device, *, deterministic: bool = False) -> Compute:
        """Return the device's thread."""
        key = device, deterministic
        if key not in self._threads:
            threads = 1 if deterministic else usable_cpus()
            prepare = partial(prepare_thread, threads, deterministic=deterministic)
            kind = " deterministic" if deterministic else ""
            self._threads[key] = Compute(f"compute {device}{kind}", prepare=prepare)
        return self._threads[key]

    def learner_on(self, device: torch.device) -> WorkThread:
        """Return the device's thread for what is learnt beside the enlarging."""
        if device not in self._learners:
            # One of torch's threads: the others are the enlarging's.
            prepare = partial(prepare_thread, 1)
            self._learners[device] = WorkThread(f"learn {device}", prepare=prepare)
        return self._learners[device]

    def still_since(self) -> float | None:
        """Since when one of them has work and does not get on with it; none: all do.

        Of several the longest, in monotonic seconds.
        """
        times = (thread.still_since for thread in self._all())
        return min((since for since in times if since is not None), default=None)

    def close(self, within: float) -> bool:
        """End all threads; true if all ended within as many seconds. Blocks."""
        end = time.monotonic() + within
        ended = [thread.close(max(end - time.monotonic(), 0.0)) for thread in self._all()]
        return all(ended)

    def _all(self) -> list[WorkThread]:
        return [*self._threads.values(), *self._learners.values()]
