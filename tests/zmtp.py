"""A peer that never ends its message."""

from __future__ import annotations

from contextlib import suppress

from bench.zmtp import connected, part, shake_hands


def flood(endpoint: str, most: int) -> int:
    """Send parts of a message that never ends, until this many bytes or cut off.

    Returns:
        How many bytes of it were sent; none where the handshake failed.
    """
    parts = part(b"x" * 200, more=True) * 5_000
    sent = 0
    with suppress(OSError), connected(endpoint, patience=10.0) as connection:
        shake_hands(connection, b"PUSH")
        while sent < most:
            connection.sendall(parts)
            sent += len(parts)
    return sent
