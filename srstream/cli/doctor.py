"""`srstream doctor`: what is wrong with this machine, before anything runs on it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from srstream.cli.complaints import crashes
from srstream.errors import ConfigError
from srstream.exits import Exit
from srstream.media.printable import printable

if TYPE_CHECKING:
    from srstream.cli.checks import Finding

_COLORS = {"ok": "green", "warn": "yellow", "fail": "bold red"}


@crashes()
def doctor(
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Also look at what this TOML file names.", readable=False
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="A list of objects, for scripts.")
    ] = False,
) -> None:
    """Look whether srstream can run here: each check says ok, warn or fail, and the remedy.

    With --config also the folders, devices and limits that the file needs, the ledger, and
    the daemon that runs with it.

    Exit status: 0, or 1 if any check fails.
    """
    # Heavy: torch.
    from srstream.cli.checks import Finding, Status, examine  # noqa: PLC0415
    from srstream.settings import load  # noqa: PLC0415

    findings: list[Finding] = []
    settings = None
    if config is not None:
        try:
            settings = load(config)
            findings.append(Finding("configuration", Status.OK, str(config)))
        except ConfigError as error:
            remedy = "correct it; `srstream config explain` knows every key"
            findings += [
                Finding("configuration", Status.FAIL, str(complaint), remedy)
                for complaint in error.complaints
            ]
    findings += examine(settings)
    if as_json:
        typer.echo(_as_json(findings))
    else:
        _print_table(findings)
    if any(finding.status is Status.FAIL for finding in findings):
        raise typer.Exit(Exit.FAILED)


def _as_json(findings: Iterable[Finding]) -> str:
    """Return a strict list of objects, in which everything can be printed."""
    rows = [
        {
            "check": printable(finding.check),
            "status": finding.status.value,
            "found": printable(finding.found),
            "remedy": printable(finding.remedy),
        }
        for finding in findings
    ]
    return json.dumps(rows, indent=2, allow_nan=False)


def _print_table(findings: Iterable[Finding]) -> None:
    from rich.console import Console  # noqa: PLC0415 - takes a while
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False)
    table.add_column("", no_wrap=True)
    for column in ("check", "found", "remedy"):
        table.add_column(column, overflow="fold")
    for finding in findings:
        table.add_row(
            Text(finding.status.value, _COLORS[finding.status.value]),
            *(
                Text(printable(text))
                for text in (finding.check, finding.found, finding.remedy)
            ),
        )
    Console().print(table)
