"""From the streams that are there to those that are wanted. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TypeVar

SpecT = TypeVar("SpecT")
"""All that makes up a stream; equal ones make equal streams."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Names of streams; each that is there or wanted stands in exactly one place."""

    start: tuple[str, ...] = ()
    """New ones, and those that are there as wanted but do not run."""
    replace: tuple[str, ...] = ()
    """There, but wanted otherwise."""
    stop: tuple[str, ...] = ()
    """Not wanted any more."""
    keep: tuple[str, ...] = ()
    """Not to be touched."""

    def counts(self) -> dict[str, int]:
        """How many, for the log."""
        return {
            "started": len(self.start),
            "replaced": len(self.replace),
            "stopped": len(self.stop),
            "kept": len(self.keep),
        }


def plan(
    present: Mapping[str, SpecT],
    wanted: Mapping[str, SpecT],
    *,
    idle: Collection[str] = (),
) -> Plan:
    """Tell what to do, in the order of `wanted`.

    Args:
        present: the streams that are there.
        wanted: the streams that shall be there.
        idle: those of `present` that ought to run and do not.
    """
    same = {name for name in wanted if name in present and present[name] == wanted[name]}
    again = same.intersection(idle)
    return Plan(
        start=tuple(name for name in wanted if name not in present or name in again),
        replace=tuple(name for name in wanted if name in present and name not in same),
        stop=tuple(name for name in present if name not in wanted),
        keep=tuple(name for name in wanted if name in same and name not in again),
    )
