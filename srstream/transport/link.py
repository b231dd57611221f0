"""How a socket is reached: what the options of sources, sinks and commands say of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from srstream.transport.endpoints import Endpoint, read_endpoint


@dataclass(frozen=True, slots=True)
class Link:
    """Checked: see `link`."""

    endpoints: tuple[Endpoint, ...]
    connects: bool
    """Else it binds."""
    curve_key: Path | None = None
    """Our own secret key; none: plaintext."""
    curve_clients: Path | None = None
    """Folder of the public keys of those who may connect, where we bind."""
    curve_server: Path | None = None
    """The server's public key, where we connect."""

    @property
    def is_exposed(self) -> bool:
        """Whether strangers reach it in plaintext: then a relay stands before it."""
        return self.curve_key is None and not all(e.is_local for e in self.endpoints)


def link(
    endpoints: Sequence[str],
    *,
    connects: bool,
    insecure: bool,
    curve_key: str,
    curve_clients: str,
    curve_server: str,
    base: Path = Path(),
) -> Link:
    """Check what options say. No file is looked at.

    Args:
        endpoints: at least one.
        connects: else it binds.
        insecure: binding beyond this machine in plaintext is wanted.
        curve_key: a file; empty: plaintext. Relative to `base`, like the next two.
        curve_clients: a folder; needed with `curve_key` where we bind.
        curve_server: a file; needed with `curve_key` where we connect.
        base: a folder.

    Raises:
        ValueError: begins with the name of the argument that is wrong, as
            `endpoints are ...` or `insecure is false; ...`, and tells the remedy.
    """
    read = _read(endpoints, connects=connects)
    _check_keys(
        connects=connects,
        curve_key=curve_key,
        curve_clients=curve_clients,
        curve_server=curve_server,
    )
    beyond = [each.text for each in read if not each.is_local]
    if beyond and not (connects or curve_key or insecure):
        raise ValueError(
            f"insecure is false; {beyond[0]} can be reached from other machines, in "
            "plaintext and by anyone: bind to 127.0.0.1, or set curve_key and "
            "curve_clients (`srstream keys new DIR` makes keys), or set insecure = true"
        )
    return Link(
        read,
        connects,
        _below(base, curve_key),
        _below(base, curve_clients),
        _below(base, curve_server),
    )


def _read(endpoints: Sequence[str], *, connects: bool) -> tuple[Endpoint, ...]:
    if not endpoints:
        raise ValueError("endpoints are empty; at least one such as tcp://127.0.0.1:5555")
    read = []
    for text in endpoints:
        try:
            endpoint = read_endpoint(text)
        except ValueError as error:
            raise ValueError(f"endpoints are wrong: {error}") from None
        if connects and endpoint.is_open:
            raise ValueError(
                f"endpoints are to be connected to; {text!r} has a * and can be bound only"
            )
        if endpoint in read and not endpoint.text.endswith(":*"):
            raise ValueError(f"endpoints are named once each; {text!r} is there twice")
        read.append(endpoint)
    return tuple(read)


def _check_keys(
    *, connects: bool, curve_key: str, curve_clients: str, curve_server: str
) -> None:
    if connects:
        needed, value, what = "curve_server", curve_server, "the server's public key"
        other, unwanted = "curve_clients", curve_clients
    else:
        needed, value, what = "curve_clients", curve_clients, "a folder of public keys"
        other, unwanted = "curve_server", curve_server
    if unwanted:
        verb = "connect" if connects else "bind"
        raise ValueError(
            f"{other} is {unwanted!r}, of no use where we {verb}; use {needed}"
        )
    if curve_key and not value:
        raise ValueError(f"{needed} is empty; with curve_key it names {what}")
    if value and not curve_key:
        raise ValueError(
            f"curve_key is empty; with {needed} it names the file of our own secret key"
        )


def _below(base: Path, named: str) -> Path | None:
    return base / named if named else None
