"""The device, and the habits of the one thread that computes on it."""

from __future__ import annotations

import torch


def choose_device(name: str) -> torch.device:
    """Return the device for `auto`, `cpu`, `cuda` or `cuda:N`.

    Raises:
        ValueError: there is no such device here; says which there are.
    """
    if name == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    if name == "cpu":
        return torch.device("cpu")
    kind, _, number = name.partition(":")
    if kind != "cuda" or not (number.isdecimal() or name == "cuda"):
        raise ValueError(f"device is {name!r}; allowed: auto, cpu, cuda, cuda:N")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(number or 0) >= count:
        there = f"cuda:0 to cuda:{count - 1}" if count else "no CUDA device is usable here"
        raise ValueError(f"device is {name!r}, but {there}; use auto or cpu")
    return torch.device("cuda", int(number or 0))


def is_out_of_memory(error: RuntimeError) -> bool:
    """Tell whether torch failed for want of memory, on whichever device."""
    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)


def prepare_thread(threads: int) -> None:
    """Set up the calling thread, before its first operation, as the one that computes.

    Denormal numbers are flushed to zero: late in training they make a step on a CPU
    several times slower. OpenMP's threads inherit the setting when they are first made.
    """
    torch.set_flush_denormal(True)
    torch.set_num_threads(threads)
