"""`srstream demo`: the real daemon on a watched folder, with real photographs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from srstream.cli.complaints import complaints, crashes


@crashes()
def demo(
    folder: Annotated[
        Path,
        typer.Argument(
            help="Where its folders inbox, outbox and truth are made.", readable=False
        ),
    ] = Path("demo"),
    frames: Annotated[int, typer.Option(min=4, max=200, help="How many to drop in.")] = 24,
) -> None:
    """Show the daemon at work on a pan over photographs, and how it compares with bicubic.

    Starts `srstream serve`, drops frames into its folder one after the other, and holds
    the results against the truth they were shrunk from.
    """
    # Heavy: torch, scikit-image.
    from srstream.cli.showing import show  # noqa: PLC0415

    with complaints():
        status = show(folder, frames=frames)
    raise typer.Exit(status)
