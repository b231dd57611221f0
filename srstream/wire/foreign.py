"""Messages of unmodified imagezmq and NetGear senders to what they say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from srstream.errors import Refused
from srstream.frames import Origin
from srstream.wire.fields import Fields, as_json, one_line, shown
from srstream.wire.message import Goodbye, Message, Order
from srstream.wire.payload import declared, encoded, is_view, raw
from srstream.wire.reasons import Reason


def read_imagezmq(
    header: Mapping[str, Any],
    payload: memoryview | None,
    *,
    nbytes: int,
    max_pixels: int,
    order: Order,
) -> Message:
    """Tell what a message of an imagezmq sender says: without `dtype` it is encoded.

    What our own output adds to such a header is taken where it is as we write it.

    Args:
        header: its header, with `msg`: the sender's name, or any other JSON.
        payload: its second part, if there is one.
        nbytes: of all its parts.
        max_pixels: width times height at most.
        order: of raw colours.

    Raises:
        Refused: it is no frame that we take.
    """
    if payload is None:
        raise Refused(Reason.PARTS, "a frame has two, header and pixels")
    sender, at_once = _name(header["msg"]), False
    if "dtype" in header:
        says = declared(header["dtype"], header.get("shape"), max_pixels=max_pixels)
        read, at_once = raw(payload, says, order), is_view(says)
    else:
        read = encoded(payload, max_pixels=max_pixels)
    fields = Fields(header, is_strict=False)
    return fields.message("imagezmq", sender, nbytes=nbytes, read=read, at_once=at_once)


def read_netgear(
    header: Mapping[str, Any],
    payload: memoryview | None,
    *,
    nbytes: int,
    max_pixels: int,
    order: Order,
) -> Message | Goodbye:
    """Tell what a message of a NetGear sender says; its name is its port, or empty.

    Args:
        header: its header, with `terminate_flag`.
        payload: its second part; none in a goodbye.
        nbytes: of all its parts.
        max_pixels: width times height at most.
        order: of raw colours.

    Raises:
        Refused: it is no frame that we take.
    """
    ends = header["terminate_flag"]
    if ends is True:
        return Goodbye()
    if ends is not False:
        raise Refused(
            Reason.FIELD, f"terminate_flag is {shown(ends)}; allowed: true, false"
        )
    if payload is None:
        raise Refused(Reason.PARTS, "a frame has two, header and pixels")
    at_once = False
    if header.get("compression"):
        read = encoded(payload, max_pixels=max_pixels)
    else:
        says = declared(header.get("dtype"), header.get("shape"), max_pixels=max_pixels)
        read, at_once = raw(payload, says, order), is_view(says)
    port = header.get("port")
    return Message(
        "netgear",
        Origin(sender="" if port is None else _name(port)),
        nbytes,
        read,
        at_once=at_once,
    )


def _name(said: object) -> str:
    """Return what a sender calls itself as a line; what is not text as compact JSON."""
    name = said if isinstance(said, str) else as_json(said)
    if name is None:
        raise Refused(Reason.FIELD, "the sender's name is too deep")
    return one_line(name)
