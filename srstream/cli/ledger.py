"""`srstream ledger`: what became of every frame, and what is to be tried again."""

from __future__ import annotations

import json as json_text
import os
from pathlib import Path
from typing import Annotated

import typer

from srstream.cli.complaints import WRONG_USAGE, complaints, crashes
from srstream.cli.serve import state_dir_for
from srstream.errors import Complaint, ConfigError


@crashes()
def ledger(
    inbox: Annotated[
        Path | None,
        typer.Argument(
            metavar="INBOX",
            help="The folder that is watched.",
            show_default=False,
            readable=False,
        ),
    ] = None,
    outbox: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="OUTBOX", help="Where its results go.", readable=False
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The daemon's configuration, instead of both.",
            readable=False,
        ),
    ] = None,
    state_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The daemon's state folder, instead of all of these.",
            show_default="state",
            readable=False,
        ),
    ] = None,
    stream: Annotated[
        str | None, typer.Option(metavar="STREAM", help="Only this one; else all.")
    ] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="List what failed, with the reason.")
    ] = False,
    retry: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Try a failed source again; may be repeated; all: every failed one.",
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option(metavar="N", min=0, help="List at most so many per stream.")
    ] = 20,
    json: Annotated[
        bool, typer.Option("--json", help="Write JSON for scripts instead of tables.")
    ] = False,
) -> None:
    """Show what the daemon has taken, done and failed, and ask for failed ones again.

    Name what the daemon was started with: INBOX and -o OUTBOX, or --config FILE; and
    --state-dir DIR if that was given.

    Works while the daemon runs and while it does not. What is asked for again is taken up
    at the next look at the whole folder, or at the next start.
    """
    if (inbox is None) != (outbox is None):
        raise typer.BadParameter("give INBOX and -o OUTBOX, both as the daemon has them")
    if inbox is not None and config is not None:
        raise typer.BadParameter("give INBOX and -o OUTBOX, or --config FILE")

    from rich.console import Console  # noqa: PLC0415 - only here, as what is heavy

    from srstream.cli.ledger_report import (  # noqa: PLC0415
        Report,
        Retries,
        chosen,
        read,
    )
    from srstream.cli.retrying import choose  # noqa: PLC0415
    from srstream.stores.ledger_view import LedgerView  # noqa: PLC0415

    with complaints():
        folder = state_dir or _folder(inbox, outbox, config)
    with (
        complaints(WRONG_USAGE),
        LedgerView.open(_ledger_in(folder), requesting=bool(retry)) as view,
    ):
        streams = chosen(view.streams(), stream)
        if retry:
            wanted = choose(view, streams, retry)
            view.request(wanted)
            report: Retries | Report = Retries(wanted)
        else:
            report = read(view, streams, failed=failed, limit=limit)
        if json:
            typer.echo(json_text.dumps(report.as_dict(), allow_nan=False, indent=2))
        else:
            report.print_to(Console())


def _folder(inbox: Path | None, outbox: Path | None, config: Path | None) -> Path:
    if inbox is not None and outbox is not None:
        return state_dir_for(inbox, outbox, os.environ)
    if config is None:
        return Path("state")
    from srstream.settings import load  # noqa: PLC0415 - loads torch

    settings = load(config)
    return settings.base / settings.daemon.state_dir


def _ledger_in(folder: Path) -> Path:
    from srstream.stores.state_dir import ledger_in  # noqa: PLC0415

    path = ledger_in(folder)
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        problem = (
            "there is no ledger; `srstream serve` makes it when it first starts; name the "
            "daemon by INBOX and -o OUTBOX, by --config FILE or by --state-dir DIR"
        )
        raise ConfigError(Complaint(str(path), problem)) from error
    except PermissionError as error:
        problem = "permission denied; run this as the user of the daemon"
        raise ConfigError(Complaint(str(path), problem)) from error
    return path
