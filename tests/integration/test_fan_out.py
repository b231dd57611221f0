"""A feed with a stream for each sender: real sockets, the real builder, a small network."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
import structlog
import zmq
import zmq.asyncio
from structlog.testing import capture_logs

from srstream.build import CLOCK, Builder, StreamSpec, specs
from srstream.computes import Computes
from srstream.exits import Exit
from srstream.runtime.minder import Phase, Runnable
from srstream.runtime.supervisor import Supervisor
from srstream.settings import from_tables
from srstream.stores.ledger import Ledger
from srstream.stores.state_dir import StateDir

pytestmark = pytest.mark.integration

GRACE = 20.0


class Running:
    """A daemon's parts at work, and peers of its sockets."""

    def __init__(self, folder: Path, supervisor: Supervisor[StreamSpec]) -> None:
        self.folder = folder
        self.supervisor = supervisor
        self.pipelines: list[Runnable] = []
        self.context = zmq.asyncio.Context()

    @property
    def pipeline(self) -> Runnable:
        return self.pipelines[-1]

    def peer(self, kind: int, name: str) -> zmq.asyncio.Socket:
        socket = self.context.socket(kind)
        socket.linger = 0
        if kind == zmq.SUB:
            socket.subscribe(b"")
        socket.connect(f"ipc://{self.folder}/{name}.sock")
        return socket

    async def send(self, *names: str) -> list[bytes]:
        """Send a frame of each of these names, one after the other; return the replies."""
        socket = self.peer(zmq.REQ, "in")
        replies = []
        for number, name in enumerate(names):
            pixels = np.full((20, 24, 3), number, np.uint8)
            pixels[::2, ::3] = 200
            header = {"msg": name, "dtype": "uint8", "shape": list(pixels.shape)}
            await socket.send_multipart([json.dumps(header).encode(), pixels.tobytes()])
            replies.append(await socket.recv())
        socket.close()
        return replies

    async def done(self, frames: int) -> None:
        await until(lambda: self.pipeline.counters.done >= frames)


Start: TypeAlias = Callable[..., AbstractAsyncContextManager[Running]]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Serve a feed with a stream per sender, until the block ends; may be called again."""

    @asynccontextmanager
    async def start(**source: Any) -> AsyncIterator[Running]:
        stream = {
            "preset": "light",
            "device": "cpu",
            "net": {"width": 4, "depth": 2},
            "adapt": {"steps": 1, "crop": 16},
            "source": {
                "type": "zmq",
                "endpoints": [f"ipc://{tmp_path}/in.sock"],
                "streams": "per-sender",
                **source,
            },
            "sinks": [
                {"type": "directory", "path": "out"},
                {"type": "stats", "path": "out/stats.jsonl"},
                {"type": "zmq", "endpoints": [f"ipc://{tmp_path}/out.sock"]},
            ],
        }
        settings = from_tables({"streams": {"demo": stream}}, base=tmp_path)
        computes = Computes()
        with StateDir.open(tmp_path / "state") as state_dir:
            ledger = Ledger.open(state_dir.ledger)
            builder = Builder(computes, ledger, state_dir, run="r")

            async def make(name: str, spec: StreamSpec) -> Runnable:
                running.pipelines.append((await builder.stream(name, spec)).pipeline)
                return running.pipeline

            supervisor: Supervisor[StreamSpec] = Supervisor(
                make, clock=CLOCK, log=structlog.get_logger(), grace=GRACE
            )
            running = Running(tmp_path, supervisor)
            try:
                await supervisor.apply(specs(settings))
                yield running
            finally:
                await supervisor.stop(GRACE)
                running.context.destroy(linger=0)
                assert ledger.close_now()
                assert computes.close(10.0)

    return start


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - counted by another task, which tells nobody
            await asyncio.sleep(0.01)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


async def test_each_sender_is_a_stream_and_continues_where_it_was(
    start: Start, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    async with start() as running:
        assert await running.send("cam1", "cam2", "cam1") == [b"OK"] * 3
        await running.done(3)
    assert running.supervisor.status is Exit.DONE
    assert names_in(out / "cam1") == ["00000001.png", "00000002.png"]
    assert names_in(out / "cam2") == ["00000001.png"]
    assert [line["seq"] for line in lines(out / "stats.cam1.jsonl")] == [1, 2]
    assert {line["stream"] for line in lines(out / "stats.cam2.jsonl")} == {"demo.cam2"}
    states = tmp_path / "state" / "streams"
    assert names_in(states) == ["demo.cam1", "demo.cam2"]
    with capture_logs() as logs:
        async with start() as running:
            await running.send("cam1")
            await running.done(1)
    restored = [log for log in logs if log["event"] == "weights continue from a checkpoint"]
    assert [(log["stream"], log["seq"]) for log in restored] == [("demo.cam1", 2)]
    assert len(names_in(out / "cam1")) == 3


async def test_what_was_accepted_before_a_stop_is_finished(
    start: Start, tmp_path: Path
) -> None:
    async with start() as running:
        await running.send(*["cam1", "cam2"] * 10)
        await running.supervisor.stop(GRACE)
        assert running.supervisor.states() == {"demo": Phase.ENDED}
        assert running.pipeline.counters.done == 20
    for name in ("cam1", "cam2"):
        assert len(names_in(tmp_path / "out" / name)) == 10


async def test_a_silent_sender_is_put_aside_and_comes_back(
    start: Start, tmp_path: Path
) -> None:
    with capture_logs() as logs:
        async with start(idle=1.0) as running:
            await running.send("cam1")
            await until(lambda: "silent sender put aside" in [log["event"] for log in logs])
            await running.send("cam1", "cam1")
            await running.done(3)
    assert [line["seq"] for line in lines(tmp_path / "out" / "stats.cam1.jsonl")] == [
        1,
        2,
        3,
    ]
    assert len([log for log in logs if log["event"] == "sender has a stream"]) == 2


async def test_one_socket_tells_of_all_senders(start: Start) -> None:
    async with start() as running:
        follower = running.peer(zmq.SUB, "out")
        topics: set[str] = set()
        async with asyncio.timeout(30):
            while len(topics) < 4:  # a subscription takes a moment
                await running.send("cam1", "cam2")
                while await follower.poll(100):
                    topic, header, *_ = await follower.recv_multipart()
                    topics.add(topic.decode())
                    assert json.loads(header)["srstream"] == 1
    assert topics == {f"demo.cam{n}/{kind}" for n in (1, 2) for kind in ("frame", "stats")}
