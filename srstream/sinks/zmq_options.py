"""What can be set about an output to ZeroMQ."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from srstream.ranges import check_within
from srstream.transport.link import Link, link
from srstream.wire.outgoing import Payload


@dataclass(frozen=True, slots=True)
class ZmqSinkOptions:
    """Frames and statistics to sockets."""

    endpoints: tuple[str, ...]
    """Where to send, such as tcp://127.0.0.1:5556 or ipc:///run/srstream/out.sock."""
    pattern: Literal["pub", "push", "req"] = "pub"
    """pub: to all who subscribe, and who is too slow misses frames; push: each frame to
    one, waiting; req: to an ImageHub of imagezmq, and again if it does not reply."""
    connect: bool = False
    """Connect to the endpoints instead of binding them."""
    format: Literal["native", "imagezmq"] = "native"
    """native: with topics and statistics, see docs/wire.md; imagezmq: for an ImageHub."""
    payload: Literal["raw", "jpeg", "png"] = "raw"
    """How pixels are written."""
    quality: int = 90
    """Of JPEG, 1 to 100."""
    budget_mb: int = 64
    """MB of messages that wait for each receiver; at least two do, whatever their size."""
    insecure: bool = False
    """Allow to bind beyond this machine without keys."""
    curve_key: str = ""
    """File of our own secret key, of mode 0600; empty: plaintext."""
    curve_clients: str = ""
    """Folder of the public keys of those who may connect, where we bind."""
    curve_server: str = ""
    """File of the server's public key, where we connect."""

    def __post_init__(self) -> None:
        check_within("quality", self.quality, 1, 100)
        check_within("budget_mb", self.budget_mb, 1, 65_536)
        if self.pattern == "req" and self.format != "imagezmq":
            raise ValueError("pattern is 'req'; allowed with format = 'imagezmq' only")
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

    def encoding(self) -> Payload:
        """Return how pixels are written."""
        return Payload(self.payload, self.quality)
