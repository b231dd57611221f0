"""`tcp://127.0.0.1:5555`, `ipc:///run/x.sock`: what they say, and are they ours alone?"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Literal

LONGEST_PATH = 107
"""Bytes of the path of a socket in the file system; Linux takes no more."""

_ALLOWED = "allowed: tcp://HOST:PORT and ipc:///ABSOLUTE/PATH"
_HOST_AND_PORT = re.compile(r"(?P<host>\[[^\[\]]+\]|[^\[\]:]+):(?P<port>[0-9]{1,5}|\*)")
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a socket is bound or connected."""

    text: str
    """As ZeroMQ takes it."""
    kind: Literal["tcp", "ipc"]
    is_local: bool
    """Only this machine is behind it: loopback, or a socket of the file system."""

    @property
    def is_open(self) -> bool:
        """Whether host or port is `*`, which says where to bind, not what to connect to."""
        return self.kind == "tcp" and "*" in self.text

    @property
    def is_ipv6(self) -> bool:
        """Whether it is an address of IPv6."""
        return self.kind == "tcp" and "[" in self.text


def read_endpoint(text: str) -> Endpoint:
    """Read an endpoint.

    Raises:
        ValueError: what was found and what is allowed, on one line.
    """
    transport, _, rest = text.partition("://")
    if transport == "tcp":
        return _tcp(text, rest)
    if transport == "ipc":
        return _ipc(text, rest)
    raise ValueError(f"{text!r} is no endpoint; {_ALLOWED}")


def _tcp(text: str, rest: str) -> Endpoint:
    match = _HOST_AND_PORT.fullmatch(rest)
    if match is None:
        raise ValueError(f"{text!r} is no endpoint; {_ALLOWED}")
    host, port = match["host"], match["port"]
    if port != "*" and not 1 <= int(port) <= 65_535:
        raise ValueError(f"{text!r} has port {port}; allowed: 1 to 65535, or * for any")
    if host == "localhost":
        host = "127.0.0.1"  # whatever the resolver says, it stays on this machine
    local = False
    if host.startswith("["):
        local = _is_loopback(text, ipaddress.IPv6Address, host[1:-1])
    elif re.fullmatch(r"[0-9.]+", host):
        local = _is_loopback(text, ipaddress.IPv4Address, host)
    elif host != "*" and not _NAME.fullmatch(host):
        raise ValueError(
            f"{text!r} has host {host!r}; allowed: an address such as 127.0.0.1 or [::1], "
            "a name, or *"
        )
    return Endpoint(f"tcp://{host}:{port}", "tcp", local)


def _is_loopback(
    text: str, kind: type[ipaddress.IPv4Address | ipaddress.IPv6Address], host: str
) -> bool:
    try:
        address = kind(host)
    except ValueError:
        raise ValueError(f"{text!r} has host {host!r}, which is no address") from None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback


def _ipc(text: str, path: str) -> Endpoint:
    if path.startswith("@"):
        raise ValueError(
            f"{text!r} is abstract, and every local user reaches it; {_ALLOWED}"
        )
    if not path.startswith("/") or path.endswith("/") or "\0" in path:
        raise ValueError(f"{text!r} is no absolute path of a file; {_ALLOWED}")
    length = len(path.encode("utf-8", "surrogateescape"))
    if length > LONGEST_PATH:
        raise ValueError(
            f"{text!r} has a path of {length} bytes; allowed: up to {LONGEST_PATH}"
        )
    return Endpoint(text, "ipc", is_local=True)
