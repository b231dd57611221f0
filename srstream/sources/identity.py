"""Is the content of a file known already? Pure.

Size and time of change tell one content from the next, unless the file was read within
the same tick of its clock: then it can have been written once more without a trace.
"""

from __future__ import annotations

from enum import Enum, auto

from srstream.frames import Content
from srstream.ledger import Entry, Fate, Signature

_COARSE = 2_000_000_000  # whole seconds, and FAT has only even ones
_FINE = 20_000_000  # a kernel's clock ticks every 1 to 10 ms


class Knowledge(Enum):
    """What the ledger says about a content, as far as it can be told without reading."""

    KNOWN = auto()
    """It was dealt with."""
    UNSURE = auto()
    """It has to be read: the digest tells."""
    NEW = auto()


def tick_of(mtime_ns: int) -> int:
    """Return the ns around a time of change in which a second change may leave no trace."""
    return _FINE if mtime_ns % 1_000_000_000 else _COARSE


def is_ambiguous(signature: Signature, read_at_ns: int) -> bool:
    """Tell whether a file may have changed after it was read, and still look the same."""
    return abs(read_at_ns - signature.mtime_ns) <= tick_of(signature.mtime_ns)


def judge(entry: Entry | None, signature: Signature) -> Knowledge:
    """Compare a file with what the ledger knows of it."""
    if entry is None or entry.fate is Fate.TAKEN:
        return Knowledge.NEW
    if entry.signature == signature:
        return _judge_same(entry)
    # A remount, a touch or a copy that was brought back change the time alone.
    may_be_same = entry.content is not None and entry.signature.size == signature.size
    return Knowledge.UNSURE if may_be_same else Knowledge.NEW


def _judge_same(entry: Entry) -> Knowledge:
    if entry.content is not None:
        is_unsure = is_ambiguous(entry.signature, entry.content.read_at_ns)
        return Knowledge.UNSURE if is_unsure else Knowledge.KNOWN
    if entry.fate is Fate.FAILED and is_ambiguous(entry.signature, int(entry.time * 1e9)):
        return Knowledge.NEW  # there is no digest of it; it is tried once more
    return Knowledge.KNOWN


def is_same(entry: Entry, signature: Signature, content: Content) -> bool:
    """Tell, for a file that was read to be sure, whether it was dealt with."""
    known = entry.content
    return (
        judge(entry, signature) is not Knowledge.NEW
        and known is not None
        and known.digest == content.digest
    )


def seconds_of_doubt(signature: Signature, read_at_ns: int, *, now_ns: int) -> float | None:
    """Return after how long a change since the reading would show; none: it shows now.

    Args:
        signature: What the file was like when it was read.
        read_at_ns: The wall clock when reading began.
        now_ns: The wall clock now.
    """
    if not is_ambiguous(signature, read_at_ns):
        return None
    clear = signature.mtime_ns + tick_of(signature.mtime_ns) + 1_000_000
    return max(0.0, (clear - now_ns) / 1e9)
