"""System calls as strace tells them, and whether an output was written in the right order.

Wants `strace -f -y -e trace=...`: each line begins with the number of a thread, and file
descriptors are followed by what they are. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

TRACED = (
    *("fsync", "fdatasync", "rename", "renameat", "renameat2"),
    *("openat", "pwrite64", "write", "writev", "pwritev"),
)
_SYNCS = ("fsync", "fdatasync")
_RENAMES = ("rename", "renameat", "renameat2")
_WRITES = ("write", "pwrite64", "writev", "pwritev")

_WHOLE = re.compile(r"(\d+) +(\w+)\((.*)\) += (-?\d+)(?:<.*>)?(?: .*)?")
_BEGUN = re.compile(r"(\d+) +(\w+)\((.*?) *<unfinished \.\.\.>")
_ENDED = re.compile(r"(\d+) +<\.\.\. (\w+) resumed>(.*)\) += (-?\d+)(?:<.*>)?(?: .*)?")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Call:
    """A call that succeeded."""

    name: str
    arguments: str
    began: int
    ended: int
    """Numbers of lines: the first to begin has the lowest."""

    def is_on(self, path: str) -> bool:
        """Tell whether its first argument is a descriptor of this file."""
        descriptor, _, _ = self.arguments.partition(",")
        return descriptor.partition("<")[2].rstrip(">") == path


class Step(StrEnum):
    """What must happen to an output, in this order, each at its end before the next."""

    INTENT = "intent synced before its temporary file is made"
    SYNCED = "temporary file synced before it is named"
    NAMED = "named"
    FOLDER = "folder synced after that"
    DONE = "ledger synced after that"
    TOLD = "line of statistics written after that"


def calls_in(lines: Iterable[str]) -> list[Call]:
    """Return the calls that succeeded, in the order in which they began."""
    begun: dict[tuple[str, str], tuple[str, int]] = {}
    calls = []
    for number, line in enumerate(lines):
        if match := _BEGUN.match(line):
            thread, name, arguments = match.groups()
            begun[thread, name] = arguments, number
        elif match := _ENDED.match(line):
            thread, name, rest, result = match.groups()
            arguments, began = begun.pop((thread, name), ("", number))
            if int(result) >= 0:
                calls.append(Call(name, arguments + rest, began, number))
        elif match := _WHOLE.match(line):
            _, name, arguments, result = match.groups()
            if int(result) >= 0:
                calls.append(Call(name, arguments, number, number))
    return sorted(calls, key=lambda call: call.began)


def named(calls: Sequence[Call], folder: str) -> list[tuple[str, str, Call]]:
    """Return what got a name in a folder: temporary path, final path, and the call."""
    found = []
    for call in calls:
        if call.name in _RENAMES:
            part, final = _QUOTED.findall(call.arguments)[:2]
            if str(PurePosixPath(final).parent) == folder:
                found.append((part, final, call))
    return found


def steps_kept(
    calls: Sequence[Call],
    *,
    part: str,
    rename: Call,
    source: str,
    folder: str,
    ledger: str,
    stats: str,
) -> set[Step]:
    """Return which steps one output took, in order.

    Args:
        calls: all of them.
        part: its temporary path.
        rename: by which it got its name.
        source: what the ledger and the statistics call the frame.
        folder: of results.
        ledger: the write-ahead log of the ledger.
        stats: the file of statistics.
    """
    kept = {Step.NAMED}
    opened = [
        call
        for call in calls
        if call.name == "openat"
        and f'"{part}"' in call.arguments
        and "CREAT" in call.arguments
    ]
    if opened and _noted(calls, PurePosixPath(part).name, ledger, -1, opened[0].began):
        kept.add(Step.INTENT)
    written = [call for call in calls if call.name in _WRITES and call.is_on(part)]
    last = max((call.ended for call in written), default=rename.began)
    if any(
        last < call.began and call.ended < rename.began
        for call in calls
        if call.name in _SYNCS and call.is_on(part)
    ):
        kept.add(Step.SYNCED)

    synced = [
        call.ended
        for call in calls
        if call.name in _SYNCS and call.is_on(folder) and call.began > rename.ended
    ]
    if not synced:
        return kept
    kept.add(Step.FOLDER)
    told = [
        call
        for call in calls
        if call.name in _WRITES
        and call.is_on(stats)
        and source in call.arguments
        and call.began > rename.ended
    ]
    if not told or min(synced) > told[0].began:
        return kept
    if _noted(calls, source, ledger, min(synced), told[0].began):
        kept |= {Step.DONE, Step.TOLD}
    return kept


def _noted(calls: Sequence[Call], what: str, ledger: str, after: int, before: int) -> bool:
    """Tell whether the ledger wrote this, and synced it, between two lines."""
    writes = [
        call
        for call in calls
        if call.name in _WRITES
        and call.is_on(ledger)
        and what in call.arguments
        and after < call.began < before
    ]
    return bool(writes) and any(
        writes[0].ended < call.began and call.ended < before
        for call in calls
        if call.name in _SYNCS and call.is_on(ledger)
    )
