"""`srstream config`: look at a configuration without running it."""

from __future__ import annotations

import json
import shutil
import textwrap
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from srstream.cli.complaints import WRONG_USAGE, complaints, crashes
from srstream.media.printable import printable

if TYPE_CHECKING:
    from srstream.settings.explain import KeyDoc

_WIDEST = 100
"""Columns of explanations, on wider terminals too."""

app = typer.Typer(help="Look at a configuration without running it.", no_args_is_help=True)


@app.callback()
def _config() -> None:
    """Look at a configuration without running it."""


@app.command("check")
@crashes()
def check(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The TOML file.", readable=False)
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a key; may be repeated."),
    ] = None,
) -> None:
    """Check a configuration file: every key, every value, and whether streams collide.

    Prints every complaint, each with its line and key, and exits with 78 if there is any.
    """
    from srstream.settings import load  # noqa: PLC0415 - loads torch

    with complaints():
        settings = load(file, overrides=overrides or [])
    streams = ", ".join(settings.streams)
    typer.echo(f"{printable(str(file))}: good; streams: {streams}")


@app.command("explain")
@crashes()
def explain(
    key: Annotated[
        str,
        typer.Argument(
            metavar="KEY",
            help="Such as adapt, adapt.steps or source.directory; when absent every key.",
            show_default=False,
        ),
    ] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="A list of objects, for scripts.")
    ] = False,
) -> None:
    """Explain every key of a configuration: what is allowed, the default, the meaning."""
    from srstream.settings.explain import explain as explained  # noqa: PLC0415 - torch

    with complaints(WRONG_USAGE):
        docs = explained(key)
    if as_json:
        typer.echo(json.dumps([asdict(doc) for doc in docs], indent=2, allow_nan=False))
    else:
        width = min(shutil.get_terminal_size().columns, _WIDEST)
        typer.echo("\n\n".join(_told(doc, width) for doc in docs))


def _told(doc: KeyDoc, width: int) -> str:
    """Return the key on a line of its own, and below it what is known of it."""
    of = f'   (type = "{doc.of}")' if doc.of else ""
    facts = f"{doc.allowed}; {_default(doc)}"
    wrapper = textwrap.TextWrapper(
        width,
        initial_indent="    ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join([f"{doc.key}{of}", wrapper.fill(facts), wrapper.fill(doc.meaning)])


def _default(doc: KeyDoc) -> str:
    if doc.required:
        return "required"
    return "absent by default" if doc.default is None else f"default {_toml(doc.default)}"


def _toml(value: Any) -> str:
    """Return a default as it is written in a file; JSON is the same for all of ours."""
    return json.dumps(value)
