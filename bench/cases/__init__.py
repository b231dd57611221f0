"""One file per case: a docstring that teaches, `Options`, and `run(options) -> Report`."""

from __future__ import annotations

CASES = {
    "control": "bicubic on the data sets: is the measuring itself right?",
    "paper": "the comparison of paper 1 at a size that a CPU can do",
    "published": "the presets of full size against the published figures; for a GPU",
    "daemon": "what the daemon costs beside the bare engine, and the delay of its loop",
    "memory": "does the resident memory grow over frames of many sizes?",
    "fairness": "one heavy stream beside a light one, and how long a stop takes",
    "openmp": "how OpenMP's threads should wait",
    "speed": "milliseconds of every part, and their share of what the device can do",
}
"""Names as on the command line, each a module here, and what it answers."""
