"""`srstream serve`: the daemon."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from srstream.cli.complaints import complaints


def serve(
    inbox: Annotated[
        Path | None,
        typer.Argument(metavar="INBOX", help="The folder to watch.", show_default=False),
    ] = None,
    outbox: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="OUTBOX", help="Where results and stats.jsonl go."
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A TOML file, instead of INBOX and -o."),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a key of the file."),
    ] = None,
    scale: Annotated[int | None, typer.Option(help="2, 3 or 4; when absent 2.")] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="light, paper, paper-code; when absent light."),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(help="auto, cpu, cuda or cuda:N; when absent auto."),
    ] = None,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Watch a folder and upscale every picture that arrives in it, until stopped.

    Either `srstream serve INBOX -o OUTBOX`, or `srstream serve --config FILE`. Stop it with
    Ctrl-C or SIGTERM: the frame in hand is finished, or left for the next start.
    """
    flags = {"scale": scale, "preset": preset, "device": device}
    given = {name: value for name, value in flags.items() if value is not None}
    if config is not None:
        if inbox is not None or outbox is not None or given:
            raise typer.BadParameter(
                "--config says everything; use --set KEY=VALUE to override a key of it"
            )
    elif inbox is None or outbox is None:
        raise typer.BadParameter("give INBOX and -o OUTBOX, or --config FILE")
    elif overrides:
        raise typer.BadParameter("--set overrides a key of --config FILE")

    # Heavy: torch.
    from srstream.daemon import run_daemon  # noqa: PLC0415
    from srstream.logs import configure_logs  # noqa: PLC0415
    from srstream.settings import from_tables, load  # noqa: PLC0415

    try:
        configure_logs(level=log_level)
    except ValueError as exc:
        raise typer.BadParameter(str(exc)) from exc
    with complaints():
        if config is not None:
            settings = load(config, overrides=overrides or [])
        else:
            assert inbox is not None  # noqa: S101 - checked above
            assert outbox is not None  # noqa: S101
            settings = from_tables(_tables(inbox, outbox, given), base=Path.cwd())
        status = run_daemon(settings)
        # The usual way takes seconds to take torch apart on a busy machine, in which a
        # signal is no longer heard, and after which the time to stop in may be over.
        os._exit(status)


def _tables(inbox: Path, outbox: Path, given: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration that INBOX and OUTBOX stand for."""
    stream = {
        **given,
        "source": {"type": "directory", "path": str(inbox)},
        "sinks": [
            {"type": "directory", "path": str(outbox)},
            {"type": "stats", "path": str(outbox / "stats.jsonl")},
        ],
    }
    return {"streams": {"main": stream}}
