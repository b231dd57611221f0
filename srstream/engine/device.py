"""The device, and the habits of the one thread that computes on it."""

from __future__ import annotations

import torch

_OUT_OF_MEMORY = (
    "DefaultCPUAllocator",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)
_CAPTURE_CODES = range(900, 909)
"""Of `cudaError_t`: what went wrong while work was recorded as a graph."""


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
    text = str(error)
    return isinstance(error, torch.OutOfMemoryError) or any(
        sign in text for sign in _OUT_OF_MEMORY
    )


def is_lost(error: RuntimeError) -> bool:
    """Tell whether torch failed because of the device itself.

    Nearly all such errors come again with every later call, until the process ends; and
    since a device works behind the program's back, any call may be the one to raise it.
    """
    lost = isinstance(error, torch.AcceleratorError) or str(error).startswith("CUDA error")
    return lost and not is_out_of_memory(error) and not _is_of_capture(error)


def _is_of_capture(error: RuntimeError) -> bool:
    """Tell whether work could not be recorded as a graph: the device is well.

    All of CUDA's messages of these codes speak of capturing; nothing else does.
    """
    code = getattr(error, "error_code", None)
    return code in _CAPTURE_CODES or (code is None and "captur" in str(error))


def prepare_thread(threads: int, *, deterministic: bool = False) -> None:
    """Set up the calling thread, before its first operation, as the one that computes.

    Denormal numbers are flushed to zero: late in training they make a step on a CPU
    several times slower. OpenMP's threads inherit the setting when they are first made.

    Args:
        threads: how many CPU threads torch uses for what this thread asks of it. Sums are
            rounded otherwise with each number of them.
        deterministic: the same results for the same input, which on a CPU takes the same
            `threads` too. Operations that cannot promise that raise `RuntimeError`; and
            on CUDA the environment must have `CUBLAS_WORKSPACE_CONFIG=:4096:8` before the
            first operation. It is set for the whole process and stays: streams on other
            threads compute so too, somewhat slower on CUDA.
    """
    torch.set_flush_denormal(True)
    # To ask first is no idle question: a thread that has computed nothing yet takes, at
    # its first operation, the number that was last set by any thread.
    torch.get_num_threads()
    torch.set_num_threads(threads)
    if deterministic:
        torch.use_deterministic_algorithms(mode=True)
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.allow_tf32 = False
        torch.set_float32_matmul_precision("highest")
