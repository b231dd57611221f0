"""The parts of a message to what they say: told apart by the header."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from srstream.errors import Refused
from srstream.wire.fields import one_line, shown
from srstream.wire.foreign import read_imagezmq, read_netgear
from srstream.wire.message import Order, Said
from srstream.wire.native import read_native
from srstream.wire.reasons import Reason

MAX_HEADER = 65_536
"""Bytes of the header part; a longer one is not looked at."""

_TOPICS = (b"/frame", b"/stats")
_LONGEST_TOPIC = max(map(len, _TOPICS))


def read_message(
    parts: Sequence[bytes | memoryview], *, max_pixels: int, order: Order = "bgr"
) -> Said:
    """Tell what a message says; cheap: nothing is decoded and nothing copied.

    Args:
        parts: without what the socket puts before them, such as identities; a topic
            before the header is left out.
        max_pixels: width times height at most.
        order: of the colours of raw pixels from imagezmq and NetGear.

    Raises:
        Refused: its reason is one of `Reason`.
    """
    views = [memoryview(part) for part in parts]
    nbytes = sum(view.nbytes for view in views)
    if len(views) > 1 and bytes(views[0][-_LONGEST_TOPIC:]) in _TOPICS:
        del views[0]  # no JSON ends like that
    if len(views) not in (1, 2):
        raise Refused(Reason.PARTS, f"{len(parts)}")
    header = _header(views[0])
    payload = views[1] if len(views) == 2 else None
    if "srstream" in header:
        return read_native(header, payload, nbytes=nbytes, max_pixels=max_pixels)
    if "terminate_flag" in header:
        return read_netgear(
            header, payload, nbytes=nbytes, max_pixels=max_pixels, order=order
        )
    if "msg" in header:
        return read_imagezmq(
            header, payload, nbytes=nbytes, max_pixels=max_pixels, order=order
        )
    raise Refused(Reason.FORMAT, "none of srstream, msg, terminate_flag in the header")


def _header(part: memoryview) -> dict[str, Any]:
    if part.nbytes > MAX_HEADER:
        raise Refused(
            Reason.HEADER_LENGTH, f"{part.nbytes} bytes; at most {MAX_HEADER} are taken"
        )
    try:
        header = orjson.loads(part)
    except orjson.JSONDecodeError as error:
        raise Refused(Reason.HEADER_JSON, one_line(str(error))) from error
    if not isinstance(header, dict):
        raise Refused(Reason.HEADER_OBJECT, shown(header))
    return header
