"""Our own messages to what they say; see docs/wire.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from srstream.errors import Refused
from srstream.wire.fields import Fields, shown
from srstream.wire.message import VERSION, Message, Statistics
from srstream.wire.payload import declared, encoded, is_view, raw
from srstream.wire.reasons import Reason

_NAMES = {1: ("grey",), 2: ("greya",), 3: ("rgb", "bgr"), 4: ("rgba", "bgra")}
"""What the order of so many channels may be called; the first if nothing is said."""


def read_native(
    header: Mapping[str, Any],
    payload: memoryview | None,
    *,
    nbytes: int,
    max_pixels: int,
) -> Message | Statistics:
    """Tell what a message of ours says.

    Args:
        header: its header.
        payload: its second part, if there is one.
        nbytes: of all its parts.
        max_pixels: width times height at most.

    Raises:
        Refused: it is not as documented.
    """
    version = header["srstream"]
    if type(version) is not int or version != VERSION:
        raise Refused(Reason.VERSION, f"is {shown(version)}; known: {VERSION}")
    fields = Fields(header, is_strict=True)
    if fields.choice("kind", ("frame", "stats")) == "stats":
        return _statistics(fields, payload)
    if payload is None:
        raise Refused(Reason.PARTS, "a frame has two, header and pixels")
    at_once = False
    if fields.choice("encoding", ("raw", "jpeg", "png")) == "raw":
        says = declared(header.get("dtype"), header.get("shape"), max_pixels=max_pixels)
        order = fields.choice("order", _NAMES[says.channels])
        read = raw(payload, says, "bgr" if order.startswith("bgr") else "rgb")
        at_once = is_view(says)
    else:
        read = encoded(payload, max_pixels=max_pixels)
    return fields.message(
        "native", fields.text("sender"), nbytes=nbytes, read=read, at_once=at_once
    )


def _statistics(fields: Fields, payload: memoryview | None) -> Statistics:
    if payload is not None:
        raise Refused(Reason.PARTS, "statistics have one, the header")
    stats = fields.table("stats")
    if stats is None:
        raise Refused(Reason.FIELD, "stats is missing")
    return Statistics(fields.text("stream"), stats)
