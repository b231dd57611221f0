"""Endpoints on this machine: free ones, and when somebody listens there."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from urllib.parse import urlsplit

_POLL = 0.002  # seconds


def free_endpoint(host: str = "127.0.0.1") -> str:
    """Return `tcp://HOST:PORT` with a port that is free now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return f"tcp://{host}:{probe.getsockname()[1]}"


def address_of(endpoint: str) -> tuple[str, int]:
    """Return the address at which this machine reaches an endpoint of TCP."""
    parts = urlsplit(endpoint)
    return "127.0.0.1", int(parts.port or 0)


def wait_until_free(endpoint: str, *, within: float) -> None:
    """Wait until nobody listens at an endpoint.

    Raises:
        ValueError: the time is up.
    """
    end = time.monotonic() + within
    while time.monotonic() < end:
        try:
            socket.create_connection(address_of(endpoint), timeout=within).close()
        except ConnectionRefusedError:
            return
        time.sleep(_POLL)
    raise ValueError(f"somebody still listens at {endpoint} after {within:.0f} s")


def wait_for_listener(
    endpoint: str, *, within: float, is_alive: Callable[[], bool] = lambda: True
) -> float:
    """Wait until somebody listens at an endpoint; return after how many seconds.

    Raises:
        ValueError: the time is up, or who was to listen is not alive.
    """
    began = time.monotonic()
    while time.monotonic() < began + within:
        try:
            with socket.create_connection(address_of(endpoint), timeout=within):
                return time.monotonic() - began
        except ConnectionRefusedError:
            if not is_alive():
                raise ValueError(f"nobody will listen at {endpoint}") from None
            time.sleep(_POLL)
    raise ValueError(f"nobody listens at {endpoint} after {within:.0f} s")
