from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
import zmq

from sockets import local
from srstream.cli.posting import Pattern, Post
from srstream.errors import LinkError
from srstream.transport.channel import STOPPING, Channel, Kind, opened


@pytest.fixture
def endpoint(tmp_path: Path) -> str:
    return f"ipc://{tmp_path}/s"


@asynccontextmanager
async def receiver(endpoint: str, kind: Kind = "router") -> AsyncIterator[Channel]:
    async with opened(
        kind, local(endpoint), hold=10, max_bytes=10**6, log=structlog.get_logger()
    ) as channel:
        yield channel


@asynccontextmanager
async def post(
    endpoint: str,
    pattern: Pattern = "req",
    *,
    limit: float | None = 20.0,
    tell: Callable[[str], None] = lambda told: None,
    **timing: float,
) -> AsyncIterator[Post]:
    made = Post(
        pattern,
        local(endpoint, connects=True),
        limit=limit,
        tell=tell,
        **timing,
    )
    await made.open()
    try:
        yield made
    finally:
        await made.close()


def text(received: Any) -> list[bytes]:
    return [bytes(part) for part in received.parts]


async def test_a_message_is_answered_and_the_next_follows(endpoint: str) -> None:
    async with receiver(endpoint) as hub, post(endpoint) as sender:
        for number in (b"1", b"2"):
            delivery = asyncio.create_task(sender.deliver([b"header", number]))
            received = await hub.receive()
            assert text(received) == [b"header", number]
            await hub.reply(received, [b"OK " + number])
            assert await delivery == b"OK " + number


async def test_without_a_receiver_it_says_so_and_goes_on_when_one_comes(
    endpoint: str,
) -> None:
    told: asyncio.Queue[str] = asyncio.Queue()
    async with post(endpoint, tell=told.put_nowait, silence=0.01) as sender:
        delivery = asyncio.create_task(sender.deliver([b"x"]))
        assert await told.get() == f"no answer from {endpoint} yet; still trying"
        async with receiver(endpoint) as hub:
            await hub.reply(await hub.receive(), [b"OK"])
            assert await delivery == b"OK"
    assert told.get_nowait() == f"{endpoint} answers"
    assert told.empty()


async def test_who_was_silent_for_too_long_is_named(endpoint: str) -> None:
    async with post(endpoint, limit=0.05) as sender:
        with pytest.raises(LinkError) as caught:
            await sender.deliver([b"x"])
    assert str(caught.value).startswith(f"{endpoint}: no answer within 0.05 s")
    assert "--timeout" in str(caught.value)


async def test_what_a_killed_receiver_took_along_is_sent_to_the_next(
    endpoint: str,
) -> None:
    async with post(endpoint, resent=0.3) as sender:
        delivery = asyncio.create_task(sender.deliver([b"x"]))
        with zmq.Context() as context:
            killed = context.socket(zmq.ROUTER)
            killed.bind(endpoint)
            await asyncio.to_thread(killed.recv_multipart)
            killed.close(0)
        async with receiver(endpoint) as hub:
            received = await hub.receive()
            assert text(received) == [b"x"]
            await hub.reply(received, [b"OK"])
            assert await delivery == b"OK"


async def test_what_a_receiver_refuses_as_it_stops_is_sent_to_the_next(
    endpoint: str,
) -> None:
    async with post(endpoint) as sender:
        async with receiver(endpoint) as hub:
            delivery = asyncio.create_task(sender.deliver([b"x"]))
            await hub.farewell([(await hub.receive(), [STOPPING])])
        async with receiver(endpoint) as hub:
            received = await hub.receive()
            assert text(received) == [b"x"]
            await hub.reply(received, [b"OK"])
            assert await delivery == b"OK"


async def test_a_receiver_that_is_slow_is_sent_a_frame_again_ever_more_seldom(
    endpoint: str,
) -> None:
    async with receiver(endpoint) as hub, post(endpoint, resent=0.05) as sender:
        delivery = asyncio.create_task(sender.deliver([b"x"]))
        await hub.receive()
        await hub.receive()
        assert sender._patience == 0.1
        await hub.reply(await hub.receive(), [b"OK"])
        assert await delivery == b"OK"
        delivery = asyncio.create_task(sender.deliver([b"y"]))
        while text(received := await hub.receive()) != [b"y"]:
            pass
        await hub.reply(received, [b"OK"])
        assert await delivery == b"OK"


async def test_what_is_pushed_arrives_also_when_we_leave_at_once(endpoint: str) -> None:
    async with receiver(endpoint, "pull") as hub:
        async with post(endpoint, "push") as sender:
            for number in range(5):
                assert await sender.deliver([b"%d" % number]) == b""
        assert [text(await hub.receive()) for _ in range(5)] == [
            [b"%d" % number] for number in range(5)
        ]


async def test_what_is_published_reaches_a_subscriber_from_the_first(
    endpoint: str,
) -> None:
    async with receiver(endpoint, "sub") as hub, post(endpoint, "pub") as sender:
        assert await sender.deliver([b"1"]) == b""
        assert text(await hub.receive()) == [b"1"]


async def test_an_endpoint_that_cannot_be_bound_is_named(tmp_path: Path) -> None:
    where = f"ipc://{tmp_path}/missing/s"
    sender = Post("push", local(where), limit=None, tell=[].append)
    with pytest.raises(LinkError, match="its folder is missing"):
        await sender.open()
    await sender.close()
