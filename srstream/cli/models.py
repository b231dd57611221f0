"""`srstream models`: which trained models there are, and how good they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from srstream.cli.complaints import WRONG_USAGE, complaints, crashes

if TYPE_CHECKING:
    from rich.console import RenderableType

    from srstream.models.catalogue import Model

app = typer.Typer()

_KEY = "models show"
_AsJson = Annotated[bool, typer.Option("--json", help="A list of objects, for scripts.")]


@app.callback(invoke_without_command=True)
@crashes()
def models(context: typer.Context, as_json: _AsJson = False) -> None:
    """List the trained models that are shipped, with their figures, or show one.

    `weights = "NAME"` in the table of a stream takes one of them; or
    `weights = "FILE.safetensors"` a file of `srstream pretrain`.
    """
    if context.invoked_subcommand is not None:
        return
    from srstream.cli.models_report import listed, overview  # noqa: PLC0415 - loads torch
    from srstream.models.catalogue import SHIPPED  # noqa: PLC0415

    with complaints(WRONG_USAGE):
        found = list(SHIPPED)
    if as_json:
        typer.echo(json.dumps([listed(each) for each in found], indent=2, allow_nan=False))
    else:
        _print(overview(found))


@app.command("show")
@crashes()
def show(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME_OR_FILE", help="A model of the list, or any file."),
    ],
    scale: Annotated[
        int | None,
        typer.Option(min=2, max=4, help="2, 3 or 4.", show_default="each there is"),
    ] = None,
    as_json: _AsJson = False,
) -> None:
    """Show how a model was trained, on what, and how good it is."""
    from srstream.cli.models_report import details, told  # noqa: PLC0415 - loads torch

    with complaints(WRONG_USAGE):
        found = _chosen(name, scale)
    if as_json:
        typer.echo(json.dumps([told(each) for each in found], indent=2, allow_nan=False))
    else:
        for each in found:
            _print(details(each))


def _chosen(named: str, scale: int | None) -> list[Model]:
    """Return the models of this name, or of this file, for the scale or for all.

    Raises:
        ConfigError: there is none.
    """
    from srstream.models.catalogue import SHIPPED  # noqa: PLC0415 - loads torch
    from srstream.models.find import find_model, is_file, read_model  # noqa: PLC0415

    here = Path.cwd()
    if scale is None and is_file(named):
        return [read_model(named, here, key=_KEY)]
    scales = SHIPPED.scales().get(named, (2,)) if scale is None else (scale,)
    return [find_model(named, each, here, key=_KEY) for each in scales]


def _print(what: RenderableType) -> None:
    from rich.console import Console  # noqa: PLC0415 - takes a while

    Console().print(what)
