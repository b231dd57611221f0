"""`srstream keys`: keys for connections that nobody else can read or use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from srstream.cli.complaints import complaints, crashes
from srstream.media.printable import printable

if TYPE_CHECKING:
    from srstream.transport.keys import KeyFolder

app = typer.Typer(no_args_is_help=True)

_WHO = """\
Who has a public key in the folder of curve_clients may connect: remove the file to shut
somebody out; to let another in, make keys for it in a new folder, and copy its client.key
into this one under another name."""


@app.callback()
def keys() -> None:
    """Make keys for frames that leave this machine: encrypted, and from known senders."""


@app.command("new")
@crashes()
def new(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="Is made, for our eyes only.",
            show_default=False,
            readable=False,
        ),
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="The files as an object, for scripts.")
    ] = False,
) -> None:
    """Make keys for one who binds and one who connects, and say where to name them.

    Nothing is overwritten. Secret keys can be read by their owner only.

    Exit status: 0, or 1 if they cannot be written.
    """
    from srstream.transport.keys import make_keys  # noqa: PLC0415 - loads ZeroMQ

    with complaints():
        made = make_keys(folder.absolute())
    options = _options(made)
    if as_json:
        typer.echo(json.dumps(options, indent=2))
        return
    typer.echo(f"Keys are in {printable(str(folder))}.\n")
    typer.echo("The side that binds, in the table of its source or sink:")
    _print(options["bind"])
    typer.echo("\nThe side that connects, with copies of the files that it names:")
    _print(options["connect"])
    typer.echo("\n" + _WHO)


def _options(made: KeyFolder) -> dict[str, dict[str, str]]:
    return {
        "bind": {
            "curve_key": printable(str(made.server_secret)),
            "curve_clients": printable(str(made.clients)),
        },
        "connect": {
            "curve_key": printable(str(made.client_secret)),
            "curve_server": printable(str(made.server)),
        },
    }


def _print(options: dict[str, str]) -> None:
    for key, value in options.items():
        # A string of JSON is one of TOML, too.
        typer.echo(f"  {key} = {json.dumps(value, ensure_ascii=False)}")
