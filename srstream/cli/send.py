"""`srstream send`: pictures to a receiver of frames; its arguments."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Annotated, Literal

import typer

from srstream.cli.complaints import WRONG_USAGE, complaints, crashes
from srstream.cli.linking import (
    CurveClients,
    CurveKey,
    CurveServer,
    Insecure,
    Keys,
    linked,
)

Format = Literal["native", "imagezmq"]
Pattern = Literal["req", "push", "pub"]


@crashes()
def send(
    pictures: Annotated[
        list[Path],
        typer.Argument(
            metavar="PICTURES_OR_FOLDER",
            help="Files as they are given, each folder in natural order of names.",
            show_default=False,
            readable=False,
        ),
    ],
    to: Annotated[
        str,
        typer.Option(metavar="ENDPOINT", help="Such as tcp://127.0.0.1:5555."),
    ],
    format: Annotated[  # noqa: A002 - the word of the configuration
        Format, typer.Option(help="Our own, or that of imagezmq.")
    ] = "native",
    pattern: Annotated[
        Pattern,
        typer.Option(
            help="req: a reply is awaited to each frame; push: the receiver takes them "
            "when it can; pub: what it is too slow for is lost."
        ),
    ] = "req",
    fps: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            max=10_000,
            help="Frames per second.",
            show_default="as fast as they are taken",
        ),
    ] = None,
    loop: Annotated[
        bool, typer.Option("--loop", help="Again and again, until stopped.")
    ] = False,
    name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What the sender is called: one of a stream of its own with --streams "
            "per-sender.",
            show_default="this machine's name",
        ),
    ] = None,
    timeout: Annotated[
        float,
        typer.Option(
            min=0.0, help="Seconds without an answer after which to give up; 0: never."
        ),
    ] = 60.0,
    bind: Annotated[
        bool, typer.Option("--bind", help="Bind the endpoint instead of connecting to it.")
    ] = False,
    insecure: Insecure = False,
    curve_key: CurveKey = None,
    curve_clients: CurveClients = None,
    curve_server: CurveServer = None,
    json: Annotated[
        bool, typer.Option("--json", help="At the end print an object, for scripts.")
    ] = False,
) -> None:
    """Send pictures as frames, to `srstream pipe` or an ImageHub of imagezmq.

    Pictures that cannot be read are named and left out. Where nobody answers it says so
    and goes on trying. A frame that was not answered for 30 s is sent again.

    `srstream send photos/ --to tcp://127.0.0.1:5555 --fps 5 --loop`

    Exit status: 0 done, 1 some pictures could not be read, some frames were refused, or
    nobody answered, 2 wrong usage, 130 stopped by Ctrl-C or SIGTERM.
    """
    from srstream.cli.sending import Sending, run_sending  # noqa: PLC0415 - takes a while
    from srstream.logs import configure_logs  # noqa: PLC0415

    configure_logs(json=False)
    with complaints(WRONG_USAGE):
        keys = Keys(insecure, curve_key, curve_clients, curve_server)
        status = run_sending(
            Sending(
                pictures=tuple(pictures),
                link=linked(to, connects=not bind, keys=keys, flag="--to"),
                pattern=pattern,
                format=format,
                name=name or socket.gethostname(),
                fps=fps,
                loop=loop,
                timeout=timeout or None,
                json=json,
            )
        )
    raise typer.Exit(status)
