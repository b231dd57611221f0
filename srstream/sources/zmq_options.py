"""What can be set about a feed of ZeroMQ."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from srstream.ranges import check_within
from srstream.sources.files import MAX_PIXELS
from srstream.transport.link import Link, link

Overload: TypeAlias = Literal["block", "latest", "drop-oldest"]


@dataclass(frozen=True, slots=True)
class ZmqOptions:
    """Frames from sockets."""

    endpoints: tuple[str, ...]
    """Where to listen, such as tcp://127.0.0.1:5555 or ipc:///run/srstream/in.sock."""
    pattern: Literal["rep", "pull", "sub", "pair"] = "rep"
    """rep: for REQ senders; pull: PUSH; sub: PUB; pair: PAIR, of NetGear's pattern 0."""
    connect: bool = False
    """Connect to the endpoints instead of binding them."""
    streams: Literal["one", "per-sender"] = "one"
    """All frames in one stream, as they come, or a stream and weights for each sender."""
    max_senders: int = 16
    """How many senders have a stream at a time, with per-sender."""
    idle: float = 300.0
    """Seconds after which a sender that is silent is put aside, its weights saved."""
    reply: Literal["ok", "stats"] = "ok"
    """What a REQ sender is answered: OK, or the last statistics of its stream."""
    overload: Literal["auto", "block", "latest", "drop-oldest"] = "auto"
    """Frames faster than we are: senders wait, only the latest is kept, or the oldest is
    dropped; auto: latest for sub, else block."""
    queue_mb: int = 64
    """MB of accepted frames that wait to be decoded, of all senders; one always fits."""
    order: Literal["bgr", "rgb"] = "bgr"
    """Of the colours of raw pixels from imagezmq and NetGear."""
    max_pixels: int = MAX_PIXELS
    """Larger frames are refused, from their header."""
    insecure: bool = False
    """Allow to bind beyond this machine without keys."""
    curve_key: str = ""
    """File of our own secret key, of mode 0600; empty: plaintext."""
    curve_clients: str = ""
    """Folder of the public keys of those who may connect, where we bind."""
    curve_server: str = ""
    """File of the server's public key, where we connect."""

    def __post_init__(self) -> None:
        check_within("max_senders", self.max_senders, 1, 1024)
        check_within("idle", self.idle, 1, 86_400 * 30)
        check_within("queue_mb", self.queue_mb, 1, 65_536)
        check_within("max_pixels", self.max_pixels, 1, 2**31 - 1)
        self.link()

    def link(self, base: Path = Path()) -> Link:
        """Return how the socket is reached; paths are relative to `base`.

        Raises:
            ValueError: the endpoints, or what is said of keys, are wrong.
        """
        return link(
            self.endpoints,
            connects=self.connect,
            insecure=self.insecure,
            curve_key=self.curve_key,
            curve_clients=self.curve_clients,
            curve_server=self.curve_server,
            base=base,
        )

    @property
    def policy(self) -> Overload:
        """What happens to frames that come faster than we are."""
        if self.overload == "auto":
            return "latest" if self.pattern == "sub" else "block"
        return self.overload
