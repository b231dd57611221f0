"""The first error of a task group, instead of the group."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def plainly() -> Iterator[None]:
    """Raise the first of several errors, with notes of those that followed."""
    try:
        yield
    except ExceptionGroup as several:
        first, *others = _leaves(several)
        for other in others:
            first.add_note(f"and then: {other!r}")
        raise first from first.__cause__


def _leaves(group: ExceptionGroup[Exception]) -> Iterator[Exception]:
    for error in group.exceptions:
        if isinstance(error, ExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
