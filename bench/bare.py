"""The shortest loop from one socket to another: `python -m bench.bare SETTINGS`.

What srstream is held against: a whole message is received and sent on, in the same
pattern, without a copy and without a look at it. A REQ sender is answered on receipt.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import zmq

from bench.children import Child, child
from bench.endpoints import wait_for_listener
from bench.stage import START
from srstream.runtime.allocator import keep_freed_memory

_KINDS = {"rep": zmq.ROUTER, "pull": zmq.PULL, "push": zmq.PUSH, "req": zmq.REQ}


@contextmanager
def bare_loop(
    source: Mapping[str, Any], sink: Mapping[str, Any], folder: Path, *, hold: int
) -> Iterator[Child]:
    """Run it; it listens already.

    Args:
        source: keys of a source of srstream: endpoints and pattern are looked at.
        sink: keys of a sink: endpoints, pattern and whether it connects.
        folder: the log goes there.
        hold: high-water mark of both sockets.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"source": source, "sink": sink, "hold": hold}
    with child("bare", settings, log=folder / "bare.log") as process:
        (endpoint,) = source["endpoints"]
        wait_for_listener(endpoint, within=START, is_alive=lambda: process.is_alive)
        yield process


def _main(settings: Mapping[str, Any]) -> None:
    keep_freed_memory()  # as srstream does, so that only the loop is compared
    context = zmq.Context()
    source = _opened(context, settings["source"], settings["hold"])
    sink = _opened(context, settings["sink"], settings["hold"])
    answers = settings["source"]["pattern"] == "rep"
    asks = settings["sink"]["pattern"] == "req"
    while True:
        frames = source.recv_multipart(copy=False)
        if answers:
            head = next(n for n, frame in enumerate(frames) if not len(frame)) + 1
            source.send_multipart([*frames[:head], b"OK"])
            frames = frames[head:]
        sink.send_multipart(frames, copy=False)
        if asks:
            sink.recv()


def _opened(
    context: zmq.Context[zmq.Socket[bytes]], keys: Mapping[str, Any], hold: int
) -> zmq.Socket[bytes]:
    opened = context.socket(_KINDS[keys["pattern"]])
    opened.set_hwm(hold)
    (endpoint,) = keys["endpoints"]
    if keys.get("connect"):
        opened.connect(endpoint)
    else:
        opened.bind(endpoint)
    return opened


if __name__ == "__main__":
    _main(json.loads(sys.argv[1]))
