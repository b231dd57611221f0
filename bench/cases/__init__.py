"""One file per case: a docstring that teaches, `Options`, and `run(options) -> Report`."""

from __future__ import annotations

CASES = {
    "control": "bicubic on the data sets: is the measuring itself right?",
    "paper": "the comparison of paper 1 at a size that a CPU can do",
    "published": "the presets of full size against the published figures; for a GPU",
    "daemon": "what the daemon costs beside the bare engine, and the delay of its loop",
    "memory": "does the resident memory grow over frames of many sizes?",
    "bombs": "what files cost that are made to cost much",
    "fairness": "one heavy stream beside a light one, and how long a stop takes",
    "openmp": "how OpenMP's threads should wait",
    "frames": "what a frame costs, part by part, and how good it is",
    "quality": "the presets with trained weights on stills, against their goals",
    "gpu": "the bare engine on a CUDA device, with quality beside speed",
    "compare": "beside FSRCNN and ESPCN: as published, and trained as ours are",
    "train-peers": "train FSRCNN and ESPCN as ours are trained, for `compare`",
    "gate": "does online adaptation ever harm? What sessions claim, beside the truth",
    "kills": "is anything lost, done twice or partial when the daemon is killed?",
    "order": "is every output written in the order that a power cut cannot break?",
    "full": "what happens when the disk of results, or of state, is full?",
    "arrivals": "is a file ever taken before it is complete, or never?",
    "burst": "ten thousand files at once, and a start with a hundred thousand",
    "blind": "is what no event tells of found, and how soon?",
    "restarts": "is anything done again after a restart, and how long does one take?",
    "million": "does a ledger of a million pictures make a start slow, or large?",
    "feed": "frames from ZeroMQ to ZeroMQ: is one lost, and how fast beside a bare loop?",
    "live": "does the whole daemon keep up with a camera, and how late is a frame?",
    "resume": "do unmodified senders go on by themselves after a restart?",
    "subscribers": "what a subscriber that stopped costs the others and the publisher",
    "fuzz": "broken and hostile messages, and a good sender beside them",
    "soak": "does anything grow over hours, while peers come and go?",
    "flood": "parts without end from a peer: memory, and who is served meanwhile",
}
"""Names as on the command line, and what each answers."""


def module_of(case: str) -> str:
    """Return the name of a case's module, which is here: `train-peers` is `train_peers`."""
    return f"{__name__}.{case.replace('-', '_')}"
