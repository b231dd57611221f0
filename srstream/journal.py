"""The journal of systemd, spoken to directly: a datagram of fields for each message.

https://systemd.io/JOURNAL_NATIVE_PROTOCOL/
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SOCKET = Path("/run/systemd/journal/socket")
PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
"""Of syslog, by our names for levels."""
_UNUSUAL = re.compile(r"[^A-Z0-9_]")
_LONGEST_NAME = 64
"""Characters of a field's name; the journal drops fields with longer ones."""


def is_journal(stream: Any, told: str | None) -> bool:
    """Tell whether a stream is connected to the journal.

    Args:
        stream: a file of the process, such as `sys.stderr`.
        told: the variable `JOURNAL_STREAM`: device and inode. It is inherited, also where
            stderr is not.
    """
    try:
        found = os.fstat(stream.fileno())
    except (AttributeError, OSError, ValueError):
        return False
    return told == f"{found.st_dev}:{found.st_ino}"


def send(message: str, level: str, fields: Mapping[str, str]) -> bool:
    """Send a message of one of the `PRIORITIES`; false: it did not get there.

    Fields are found as `SRSTREAM_<NAME>`.
    """
    parts = [
        _field("MESSAGE", message),
        _field("PRIORITY", str(PRIORITIES[level])),
        _field("SYSLOG_IDENTIFIER", "srstream"),
        *(_field(_name_of(key), value) for key, value in fields.items()),
    ]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
            journal.sendto(b"".join(parts), str(SOCKET))
    except OSError:  # too long for a datagram, or nobody listens
        return False
    return True


def _field(name: str, value: str) -> bytes:
    data = value.encode(errors="backslashreplace")
    if b"\n" not in data:
        return b"%b=%b\n" % (name.encode(), data)
    return b"%b\n%b%b\n" % (name.encode(), len(data).to_bytes(8, "little"), data)


def _name_of(key: str) -> str:
    return f"SRSTREAM_{_UNUSUAL.sub('_', key.upper())}"[:_LONGEST_NAME]
