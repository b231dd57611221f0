"""What senders are answered who wait for it. Pure.

A REQ sender does; and so does NetGear on a PAIR, while others there would never read it.
"""

from __future__ import annotations

from collections.abc import Sequence

from srstream.errors import Refused
from srstream.sources.zmq_options import ZmqOptions
from srstream.wire.message import Goodbye, Message, Said

OK = b"OK"
"""As the hub of imagezmq answers."""
NOTHING_YET = b"{}"
"""Instead of statistics, before the first frame is published."""

_NETGEAR = b'"terminate_flag"'
_NEAR_THE_START = 256


class Replies:
    """Of one feed."""

    def __init__(self, options: ZmqOptions) -> None:
        """Answer as the options say."""
        self._pattern = options.pattern
        self._tells_statistics = options.reply == "stats"

    @property
    def are_awaited(self) -> bool:
        """Whether all senders wait, each with one frame at a time."""
        return self._pattern == "rep"

    def waits(self, said: Said) -> bool:
        """Tell whether the sender of this waits for a reply."""
        if isinstance(said, Message):
            is_netgear = said.format == "netgear"
        else:
            is_netgear = isinstance(said, Goodbye)
        return self.are_awaited or (self._pattern == "pair" and is_netgear)

    def waits_refused(self, parts: Sequence[memoryview]) -> bool:
        """Tell whether the sender of what is no message of ours waits for a reply."""
        if self._pattern != "pair":
            return self.are_awaited
        return bool(parts) and _NETGEAR in bytes(parts[0][:_NEAR_THE_START])

    def accepted(self, statistics: bytes) -> bytes:
        """Return the reply to a frame; `statistics` are the last of its stream, as JSON."""
        return (statistics or NOTHING_YET) if self._tells_statistics else OK

    def refused(self, refused: Refused) -> bytes:
        """Return the reply to what is not taken."""
        return f"refused: {refused.reason}".encode()
