"""`srstream config`: look at a configuration without running it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from srstream.cli.complaints import complaints

app = typer.Typer(help="Look at a configuration without running it.", no_args_is_help=True)


@app.callback()
def _config() -> None:
    """Look at a configuration without running it."""


@app.command("check")
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The TOML file.")],
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a key; may be repeated."),
    ] = None,
) -> None:
    """Check a configuration file: every key, every value, and whether streams collide.

    Prints every complaint, each with its key, and exits with 78 if there is any.
    """
    from srstream.settings import load  # noqa: PLC0415 - loads torch

    with complaints():
        settings = load(file, overrides=overrides or [])
    streams = ", ".join(settings.streams)
    typer.echo(f"{file}: good; streams: {streams}")
