"""What stands in a header, checked: whoever sent it may have written anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from srstream.errors import Refused
from srstream.frames import Origin, Picture
from srstream.media.printable import printable
from srstream.wire.message import Format, Message
from srstream.wire.reasons import Reason

MAX_TEXT = 200
"""Characters of a name or another short text; the rest is cut off."""

_UNPACKED = 40
"""Bytes of memory for each byte of JSON, of objects in objects. Measured: 32."""
_LARGEST = 2**63 - 1  # what readers in other languages hold in an integer


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one header. A field that is null is as good as absent."""

    header: Mapping[str, Any]
    is_strict: bool
    """Refuse a field of the wrong kind; else it is as good as absent."""

    def text(self, key: str) -> str:
        """Return one line of printable text, cut to `MAX_TEXT`; empty if absent."""
        value = self.header.get(key)
        if value is None or isinstance(value, str):
            return one_line(value or "")
        self._wrong(key, value, "text")
        return ""

    def choice(self, key: str, allowed: tuple[str, ...]) -> str:
        """Return one of those that are allowed; the first if absent."""
        value = self.header.get(key)
        if isinstance(value, str) and value in allowed:
            return value
        if value is not None:
            self._wrong(key, value, ", ".join(allowed))
        return allowed[0]

    def integer(self, key: str, *, least: int) -> int | None:
        """Return an integer from `least` to 2**63 - 1."""
        value = self.header.get(key)
        if value is None or is_integer(value, least):
            return value
        self._wrong(key, value, f"an integer from {least} to 2**63 - 1")
        return None

    def ratio(self, key: str) -> tuple[int, int] | None:
        """Return numerator and denominator, both at least 1."""
        value = self.header.get(key)
        if value is None:
            return None
        if isinstance(value, list) and len(value) == 2:
            numerator, denominator = value
            if is_integer(numerator, 1) and is_integer(denominator, 1):
                return numerator, denominator
        self._wrong(key, value, "two integers from 1 to 2**63 - 1")
        return None

    def table(self, key: str) -> Mapping[str, Any] | None:
        """Return an object that can be written as JSON again."""
        value = self.header.get(key)
        if value is None:
            return None
        if isinstance(value, dict) and as_json(value) is not None:
            return value
        self._wrong(key, value, "an object that is not deep")
        return None

    def message(
        self,
        written: Format,
        sender: str,
        *,
        nbytes: int,
        read: Callable[[], Picture],
        at_once: bool = False,
    ) -> Message:
        """Return a frame with all that is said of it.

        Args:
            written: the format of the message.
            sender: one line, or empty.
            nbytes: of all parts.
            read: decodes the pixels.
            at_once: whether that takes no time.
        """
        seq = self.integer("seq", least=0)
        stats = self.table("stats")
        if stats is not None:
            nbytes += _UNPACKED * len(orjson.dumps(stats))
        return Message(
            written,
            Origin(
                sender=sender,
                seq=seq,
                pts=self.integer("pts", least=-_LARGEST),
                time_base=self.ratio("time_base"),
                space=self.text("space") or None,
                trace=self.text("trace") or None,
            ),
            nbytes,
            read,
            at_once=at_once,
            stream=self.text("stream"),
            seq=seq,
            run=self.text("run"),
            scale=self.integer("scale", least=1),
            stats=stats,
        )

    def _wrong(self, key: str, found: object, allowed: str) -> None:
        if self.is_strict:
            raise Refused(Reason.FIELD, f"{key} is {shown(found)}; allowed: {allowed}")


def is_integer(value: object, least: int) -> bool:
    """Tell whether it is an integer from `least` on; true and false are none."""
    return type(value) is int and least <= value <= _LARGEST


def one_line(text: str) -> str:
    """Return the text as one line that prints, of at most `MAX_TEXT` characters."""
    return printable(text[:MAX_TEXT])[:MAX_TEXT]


def as_json(value: object) -> str | None:
    """Return compact JSON; none: the value is too deep to be written."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return None


def shown(value: object) -> str:
    """Return what was found in a header, for a detail."""
    text = as_json(value)
    return one_line("something deep" if text is None else text)
