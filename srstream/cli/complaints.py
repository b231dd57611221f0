"""How a command says what is wrong: on stderr, a line per complaint, and its status."""

from __future__ import annotations

import errno
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer

from srstream.errors import (
    ConfigError,
    DeviceLostError,
    SrstreamError,
    StateDirError,
    StateDirInUse,
)
from srstream.exits import Exit
from srstream.media.printable import printable

WRONG_USAGE = Exit.USAGE
WRONG_CONFIGURATION = Exit.CONFIG
"""Systemd is told not to start again on it."""

_FULL = (errno.ENOSPC, errno.EDQUOT)
"""No bug of ours: such as a report that goes into a file on a full disk."""

_STATUSES: tuple[tuple[type[SrstreamError], Exit], ...] = (
    (StateDirInUse, Exit.FAILED),
    (StateDirError, Exit.NO_STATE),
    (DeviceLostError, Exit.DEVICE_LOST),
    (SrstreamError, Exit.FAILED),
)
"""The first that fits."""


@contextmanager
def complaints(status: int = WRONG_CONFIGURATION) -> Iterator[None]:
    """Turn our errors into messages and an exit status, this one for a `ConfigError`."""
    try:
        yield
    except ConfigError as error:
        for complaint in error.complaints:
            typer.echo(f"srstream: {printable(str(complaint))}", err=True)
        raise typer.Exit(status) from None
    except SrstreamError as error:
        typer.echo(f"srstream: {printable(str(error))}", err=True)
        raise typer.Exit(status_of(error)) from None


@contextmanager
def crashes() -> Iterator[None]:
    """Give a bug a status of its own, after its traceback, for whoever supervises us.

    Around every command: what it prints may fail, too.
    """
    try:
        yield
    except (typer.Exit, typer.Abort, typer.BadParameter, BrokenPipeError):
        raise  # of the last typer makes a quiet end: whoever reads has read enough
    except OSError as error:
        if error.errno not in _FULL:
            _crash()
        told = ": ".join(map(str, filter(None, (error.filename, error.strerror))))
        typer.echo(f"srstream: {printable(told)}", err=True)
        raise typer.Exit(Exit.FAILED) from None
    except Exception:  # noqa: BLE001 - told to whoever started us
        _crash()


def _crash() -> NoReturn:
    """Show the traceback of the error that is being handled, and leave."""
    traceback.print_exc()
    raise typer.Exit(Exit.CRASHED) from None


def status_of(error: SrstreamError) -> Exit:
    """Return the exit status for an error that ends the process."""
    return next(status for kind, status in _STATUSES if isinstance(error, kind))
