"""`srstream tap`: follow what a publisher sends; its arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from srstream.cli.complaints import WRONG_USAGE, complaints, crashes
from srstream.cli.linking import CurveKey, CurveServer, Keys, linked


@crashes()
def tap(
    endpoint: Annotated[
        str,
        typer.Argument(
            metavar="ENDPOINT", help="Such as tcp://127.0.0.1:5556.", show_default=False
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR",
            help="Write the pictures there, as STREAM-NUMBER.png.",
            readable=False,
        ),
    ] = None,
    stats: Annotated[
        bool,
        typer.Option("--stats", help="Of each frame the statistics alone, not the pixels."),
    ] = False,
    streams: Annotated[
        list[str] | None,
        typer.Option(
            "--stream",
            metavar="NAME",
            help="Only this stream; may be repeated. Needs a publisher with topics, as "
            "--format native has them; with --stats no pixels are even sent, then.",
            show_default=False,
        ),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="One object per line; see docs/stats.md.")
    ] = False,
    count: Annotated[
        int | None,
        typer.Option(min=1, help="End after so many.", show_default="never"),
    ] = None,
    curve_key: CurveKey = None,
    curve_server: CurveServer = None,
) -> None:
    """Follow the frames of `srstream pipe`, or of any publisher of imagezmq.

    Prints a line for each: stream, number, size, outcome, dB gained over bicubic on pixels
    held out, and milliseconds. Numbers that are missing, because a frame failed or we were
    too slow, are told on stderr and counted.

    `srstream tap tcp://127.0.0.1:5556 -o frames/`

    With --json a frame that nobody enlarged, such as one of a camera, is told by `stream`,
    `seq` and `out_size` alone.

    Exit status: 0 stopped by Ctrl-C or SIGTERM, or all came, 1 a picture cannot be written,
    2 wrong usage.
    """
    from srstream.cli.tapping import Tapping, run_tapping  # noqa: PLC0415 - takes a while
    from srstream.logs import configure_logs  # noqa: PLC0415

    if stats and output is not None:
        raise typer.BadParameter("--stats brings no pixels to write into -o DIR")
    configure_logs(json=False)
    with complaints(WRONG_USAGE):
        keys = Keys(key=curve_key, server=curve_server)
        status = run_tapping(
            Tapping(
                link=linked(endpoint, connects=True, keys=keys, flag="ENDPOINT"),
                output=output,
                stats=stats,
                streams=tuple(streams or ()),
                json=json,
                count=count,
            )
        )
    raise typer.Exit(status)
