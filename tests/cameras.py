"""imagezmq and VidGear as their users have them, in a process of their own.

They wait without a limit, keep threads and warn. The process does what lines of JSON on
its stdin tell it, one after the other, and answers each with a line.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

DTYPES = ("uint8", "uint16", "float32", ">u2")
SHAPES = ((12, 10), (12, 10, 1), (12, 10, 3), (12, 10, 4))
"""Grey as cameras have it and with an axis, blue, green and red, and alpha."""
COLOUR = (30, 120, 220)
"""Blue, green and red of a frame that survives JPEG."""


def noise(dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return a frame in which no two values need be alike: integers of their full range."""
    draw = np.random.default_rng(len(dtype) + len(shape))
    if dtype == "float32":
        return draw.random(shape, np.float32)
    return draw.integers(0, np.iinfo(dtype).max, shape, endpoint=True).astype(dtype)


def plain() -> NDArray[np.uint8]:
    """Return a frame of one colour."""
    return np.full((16, 16, 3), COLOUR, np.uint8)


class Cameras:
    """The process, seen from a test."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def do(self, what: str, **details: Any) -> Any:
        """Let it do something; return its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"what": what, **details}).encode() + b"\n")
        line = await self._process.stdout.readline()
        assert line, f"the cameras ended at {what} {details}"
        return json.loads(line)


@asynccontextmanager
async def cameras() -> AsyncIterator[Cameras]:
    """Start the process; it is killed in the end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "ignore", str(Path(__file__))),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield Cameras(process)
    finally:
        process.kill()
        await process.communicate()


class _Orders:
    """What the process can do."""

    def __init__(self) -> None:
        self._sender: Any = None
        self._hub: Any = None

    def imagezmq(self, endpoint: str, *, asks: bool) -> None:
        import imagezmq  # noqa: PLC0415 - in that process only

        self._sender = imagezmq.ImageSender(connect_to=endpoint, REQ_REP=asks)

    def netgear(self, port: int, *, pattern: int, jpeg: bool) -> None:
        from vidgear.gears import NetGear  # noqa: PLC0415 - in that process only

        self._sender = NetGear(
            address="127.0.0.1",
            port=str(port),
            pattern=pattern,
            jpeg_compression=jpeg,
        )

    def hub(self, endpoint: str, *, asks: bool) -> None:
        import imagezmq  # noqa: PLC0415 - in that process only

        self._hub = imagezmq.ImageHub(open_port=endpoint, REQ_REP=asks)

    def send(self, name: str, *, dtype: str, shape: list[int]) -> str | None:
        return self._sent(name, noise(dtype, tuple(shape)))

    def send_plain(self, name: str) -> str | None:
        return self._sent(name, plain())

    def send_jpeg(self, name: str) -> str:
        import cv2  # noqa: PLC0415 - in that process only

        _, data = cv2.imencode(".jpg", plain())
        return _text(self._sender.send_jpg(name, data.tobytes()))

    def take(self) -> dict[str, Any]:
        name, pixels = self._hub.recv_image()
        if self._hub.REQ_REP:
            self._hub.send_reply(b"OK")
        digest = hashlib.sha256(pixels.tobytes()).hexdigest()
        told = {"dtype": str(pixels.dtype), "shape": list(pixels.shape)}
        return {"name": name, "sha256": digest, **told}

    def close(self) -> None:
        self._sender.close()

    def _sent(self, name: str, pixels: NDArray[Any]) -> str | None:
        if hasattr(self._sender, "send_image"):
            return _text(self._sender.send_image(name, pixels))
        self._sender.send(pixels)
        return None


def _text(reply: bytes | None) -> str | None:
    return None if reply is None else reply.decode()


def _main() -> None:
    logging.disable()
    orders, said = _Orders(), sys.stdout
    sys.stdout = sys.stderr
    for line in sys.stdin:
        order = json.loads(line)
        answer = getattr(orders, order.pop("what"))(**order)
        print(json.dumps(answer), file=said, flush=True)


if __name__ == "__main__":
    _main()
