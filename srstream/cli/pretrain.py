"""`srstream pretrain`: weights to start from, trained on pictures; its arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from srstream.cli.complaints import WRONG_USAGE, complaints, crashes


@crashes()
def pretrain(
    data: Annotated[
        list[Path],
        typer.Argument(
            metavar="DATA",
            help="Pictures, and folders of pictures, in the highest quality there is.",
            show_default=False,
            readable=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="The weights; ends in .safetensors.",
            readable=False,
        ),
    ],
    net: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The network: lr-residual, zssr or zssr-star.",
            show_default="the recipe's",
        ),
    ] = None,
    net_set: Annotated[
        list[str] | None,
        typer.Option(
            "--net-set",
            metavar="KEY=VALUE",
            help="An option of the network, such as width=48; may be repeated.",
            show_default=False,
        ),
    ] = None,
    scale: Annotated[int, typer.Option(min=2, max=4, help="2, 3 or 4.")] = 2,
    recipe: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE",
            help="realtime, balanced, quick, or a TOML file: network and training.",
        ),
    ] = "realtime",
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Replaces a value of the recipe, such as batch=32; may be repeated.",
            show_default=False,
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Optimiser steps.", show_default="the recipe's")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Of everything drawn at random.", show_default="the recipe's"),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="NAME|FILE",
            help="Begin with what fits of these weights: those of x2 for x3, say.",
            show_default=False,
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Of the CPU.", show_default="those usable here"),
    ] = None,
    test: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FOLDER",
            help=(
                "At the end measure on these pictures too; the figure stands in the "
                "weights, by the folder's name. May be repeated."
            ),
            show_default=False,
            readable=False,
        ),
    ] = None,
    restart: Annotated[
        bool,
        typer.Option(
            "--restart",
            help="Begin anew: throw an unfinished training of FILE away, overwrite FILE.",
        ),
    ] = False,
    json: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="One JSON line for each time it is measured.",
            readable=False,
        ),
    ] = None,
) -> None:
    """Train a network on pictures, for sessions to start from.

    The pictures are shrunk by bicubic, and the network learns to undo it. Some are kept
    aside and measured on: PSNR of the luma in dB, beside that of bicubic. It takes from a
    minute (recipe `quick`) to hours. How it is trained stands in the recipe, a file to copy
    and change; the pictures and --from decide the result with it, and in the last digits
    the device and the threads.

    Interrupted by Ctrl-C or SIGTERM, or killed, it continues from FILE.partial when the
    same command is run again, and ends with the same weights. A FILE that is there is never
    overwritten but with --restart.

    Then name the weights in a configuration, `weights = "./FILE"`, or by --weights.

    For example:

    `srstream pretrain photos/ -o try.safetensors --recipe quick`

    `srstream pretrain photos/ -o mine-x3.safetensors --scale 3 --from mine-x2.safetensors`

    `srstream pretrain photos/ -o wide.safetensors --net-set width=48 --set batch=32`

    Exit status: 0 done, or FILE was there already, 1 the training diverged or the result
    cannot be written, 2 wrong usage, 130 stopped by Ctrl-C or SIGTERM.
    """
    # Heavy: torch.
    from srstream.cli.pretraining import Pretraining, run_pretraining  # noqa: PLC0415

    with complaints(WRONG_USAGE):
        status = run_pretraining(
            Pretraining(
                data=tuple(data),
                output=output,
                net=net,
                net_overrides=tuple(net_set or ()),
                scale=scale,
                recipe=recipe,
                overrides=tuple(sets or ()),
                steps=steps,
                seed=seed,
                start=start,
                device=device,
                threads=threads,
                test=tuple(test or ()),
                restart=restart,
                json=json,
            )
        )
    raise typer.Exit(status)
