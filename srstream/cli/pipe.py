"""`srstream pipe`: frames from one socket to another, without a configuration file."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from srstream.cli.complaints import complaints, crashes
from srstream.cli.linking import CurveClients, CurveKey, CurveServer, Insecure, Keys
from srstream.cli.serve import PRESETS_HELP, starting, stoppable

InPattern = Literal["rep", "pull", "sub", "pair"]
OutPattern = Literal["pub", "push", "req"]
Format = Literal["native", "imagezmq"]
Payload = Literal["raw", "jpeg", "png"]
Overload = Literal["auto", "block", "latest", "drop-oldest"]
Reply = Literal["ok", "stats"]
Streams = Literal["one", "per-sender"]


@crashes()
def pipe(
    inputs: Annotated[
        list[str],
        typer.Option(
            "--in",
            metavar="ENDPOINT",
            help="Where frames come in, such as tcp://127.0.0.1:5555; may be repeated.",
        ),
    ],
    outputs: Annotated[
        list[str],
        typer.Option(
            "--out", metavar="ENDPOINT", help="Where they go out; may be repeated."
        ),
    ],
    scale: Annotated[int, typer.Option(min=2, max=4, help="2, 3 or 4.")] = 2,
    format: Annotated[  # noqa: A002 - the word of the configuration
        Format | None,
        typer.Option(
            help="Of frames that go out; native: with statistics and topics, imagezmq: for "
            "its ImageHub.",
            show_default="native; with --out-pattern req imagezmq",
        ),
    ] = None,
    in_pattern: Annotated[
        InPattern,
        typer.Option(
            help="rep: from REQ senders, which are answered; pull: from PUSH; sub: from "
            "PUB; pair: of NetGear's pattern 0."
        ),
    ] = "rep",
    out_pattern: Annotated[
        OutPattern,
        typer.Option(
            help="pub: to all who subscribe, who miss what is too fast for them; push: to "
            "one of all, waiting; req: connects to a hub of imagezmq, waiting."
        ),
    ] = "pub",
    in_connect: Annotated[
        bool, typer.Option("--in-connect", help="Connect to --in instead of binding it.")
    ] = False,
    out_connect: Annotated[
        bool, typer.Option("--out-connect", help="Connect to --out instead of binding it.")
    ] = False,
    payload: Annotated[
        Payload, typer.Option(help="How pixels are written that go out.")
    ] = "raw",
    streams: Annotated[
        Streams,
        typer.Option(
            help="All frames in one stream, as they come, or each sender with weights of "
            "its own."
        ),
    ] = "one",
    overload: Annotated[
        Overload,
        typer.Option(
            help="When frames are too fast: senders wait, only the latest is kept, or the "
            "oldest is dropped; auto: latest for sub, else block."
        ),
    ] = "auto",
    reply: Annotated[
        Reply,
        typer.Option(help="To REQ senders: OK, or the last statistics of their stream."),
    ] = "ok",
    preset: Annotated[str | None, typer.Option(help=PRESETS_HELP)] = None,
    device: Annotated[
        str | None,
        typer.Option(help="auto, cpu, cuda or cuda:N; when absent auto."),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="NAME_OR_FILE",
            help="A model of `srstream models`, or a file of `srstream pretrain`; when "
            "absent the preset's.",
        ),
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            help="Frames per second to be held: adaptation gets what enlarging leaves of "
            "the time; when absent every frame takes as long as it takes.",
        ),
    ] = None,
    insecure: Insecure = False,
    curve_key: CurveKey = None,
    curve_clients: CurveClients = None,
    curve_server: CurveServer = None,
    state_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where the saved weights are; when absent one for these endpoints below "
            "~/.local/state/srstream.",
            readable=False,
        ),
    ] = None,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Upscale frames that come in over ZeroMQ and send them on, until stopped.

    `--in` takes frames of `srstream send`, of imagezmq and of VidGear's NetGear, told apart
    by themselves. Frames leave in the order in which they were accepted.

    `srstream pipe --in tcp://127.0.0.1:5555 --out tcp://127.0.0.1:5556`

    For cameras say how fast they are: `--fps 30`. Then a frame is learnt from as far as
    there is time, and none is late for it.

    Keys, and --insecure, hold for both sides; `ipc` needs none. What is not to be had here,
    such as several streams or folders of results besides, a file for `srstream serve` says.

    Stop it with Ctrl-C or SIGTERM: frames that were accepted are finished, as far as 20
    seconds reach.

    Exit status: 0 stopped, 1 an endpoint cannot be used or the state folder is in use, 2
    wrong usage, 70 a bug, 73 no state folder can be written, 74 the GPU is lost, 78 wrong
    arguments.
    """
    given = {"scale": scale, "preset": preset, "device": device, "weights": weights}
    adapt = {} if fps is None else {"adapt": {"target_fps": fps}}
    with complaints(), stoppable(reloads=False):
        notify = starting()
        # Heavy: torch.
        from srstream.cli.piping import Piping, settings_of, state_dir_of  # noqa: PLC0415
        from srstream.daemon import run_daemon  # noqa: PLC0415
        from srstream.logs import configure_logs  # noqa: PLC0415

        try:
            configure_logs(level=log_level)
        except ValueError as exc:
            raise typer.BadParameter(str(exc)) from exc
        piping = Piping(
            inputs=tuple(inputs),
            outputs=tuple(outputs),
            in_pattern=in_pattern,
            out_pattern=out_pattern,
            in_connect=in_connect,
            out_connect=out_connect,
            format=format,
            payload=payload,
            streams=streams,
            overload=overload,
            reply=reply,
            keys=Keys(insecure, curve_key, curve_clients, curve_server),
            session={
                **{name: value for name, value in given.items() if value is not None},
                **adapt,
            },
            state_dir=state_dir or state_dir_of(inputs, outputs, os.environ),
        )
        read = partial(settings_of, piping, Path.cwd())
        status = run_daemon(read, reloads=False, notify=notify)
        # As in `serve`: torch takes seconds to be taken apart.
        os._exit(status)
