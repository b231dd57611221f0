"""How a command says what is wrong: on stderr, a line per complaint, and its status."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from srstream.errors import ConfigError, SrstreamError
from srstream.media.printable import printable

WRONG_USAGE = 2
WRONG_CONFIGURATION = 78
"""EX_CONFIG of sysexits.h; systemd is told not to restart on it."""


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
        raise typer.Exit(1) from None
