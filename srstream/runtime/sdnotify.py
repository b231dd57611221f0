"""What a service manager is told: the protocol of sd_notify(3), a datagram of `KEY=value`.

https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
"""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Self

_VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


@dataclass(frozen=True, slots=True)
class SdNotify:
    """Whom to tell; without an address nobody, and nothing happens."""

    address: str | None = None
    """A path, or `@` and a name in the abstract name space."""
    watchdog: float | None = None
    """Seconds within which each `WATCHDOG=1` is expected; none: it is not."""

    @classmethod
    def take(cls, environ: MutableMapping[str, str]) -> Self:
        """Return what the environment says, and take it out: it is not for our children."""
        said = {name: environ.pop(name, "") for name in _VARIABLES}
        address, usec = said["NOTIFY_SOCKET"], said["WATCHDOG_USEC"]
        if not address.startswith(("/", "@")):  # unset, or of a kind of its own (vsock)
            return cls()
        is_ours = said["WATCHDOG_PID"] in {"", str(os.getpid())}
        is_watched = is_ours and usec.isdecimal() and int(usec) > 0
        return cls(address, int(usec) / 1e6 if is_watched else None)

    def __bool__(self) -> bool:
        return self.address is not None

    def tell(self, **fields: object) -> bool:
        """Send the fields, line breaks as spaces; false: not now, to be told again.

        Never waits: a manager that is busy must not hold up the work.
        """
        if self.address is None:
            return True
        lines = (f"{key}={' '.join(str(value).split())}" for key, value in fields.items())
        # "@" stands for the zero byte with which abstract names begin.
        address = (
            self.address.replace("@", "\0", 1) if self.address[0] == "@" else self.address
        )
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
                to.setblocking(False)
                to.sendto("\n".join(lines).encode(errors="backslashreplace"), address)
        except OSError:
            return False
        return True


def usec(seconds: float) -> int:
    """Return microseconds, in which the protocol counts."""
    return round(seconds * 1e6)
