"""`srstream upscale`: pictures that are there, once, with the parts of the daemon."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from srstream.cli.complaints import WRONG_USAGE, complaints, crashes
from srstream.cli.serve import PRESETS_HELP

Mode = Literal["online", "per-frame", "frozen"]
Precision = Literal["auto", "float32", "bfloat16"]


@crashes()
def upscale(
    pictures: Annotated[
        list[Path],
        typer.Argument(
            metavar="PICTURES_OR_FOLDER",
            help="Files as they are given, each folder in natural order of names.",
            show_default=False,
            readable=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="OUT", help="The folder of results.", readable=False
        ),
    ],
    scale: Annotated[int, typer.Option(min=2, max=4, help="2, 3 or 4.")] = 2,
    preset: Annotated[str | None, typer.Option(help=PRESETS_HELP)] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="NAME_OR_FILE",
            help="A model of `srstream models`, or a file of `srstream pretrain`.",
            show_default="the preset's",
        ),
    ] = None,
    precision: Annotated[
        Precision | None,
        typer.Option(
            help="Of the convolutions; auto: whichever is faster, by a self-test.",
            show_default="the preset's",
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    mode: Annotated[
        Mode | None,
        typer.Option(
            help="Carry the weights, restart on every picture, or do not adapt.",
            show_default="the preset's",
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            min=0, help="Optimiser steps per picture.", show_default="the preset's"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of everything drawn at random.")] = 0,
    reference: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Originals, paired by name: print PSNR and SSIM against them.",
            readable=False,
        ),
    ] = None,
    json: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a summary for scripts.", readable=False),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Start anew instead of continuing.")
    ] = False,
) -> None:
    """Adapt to pictures one after the other and upscale them.

    Results are named as by the daemon. Run again, it continues where it stopped, with the
    weights it had; `--overwrite` starts anew.
    """
    # Heavy: torch.
    from srstream.cli.batch import Batch, run_batch  # noqa: PLC0415
    from srstream.engine.presets import DEFAULT_PRESET  # noqa: PLC0415
    from srstream.logs import configure_logs  # noqa: PLC0415

    configure_logs(json=False)
    with complaints(WRONG_USAGE):
        batch = Batch(
            pictures=tuple(pictures),
            output=output,
            scale=scale,
            preset=preset or DEFAULT_PRESET,
            weights=weights,
            precision=precision,
            device=device,
            mode=mode,
            steps=steps,
            seed=seed,
            reference=reference,
            json=json,
            overwrite=overwrite,
        )
        status = run_batch(batch)
    raise typer.Exit(status)
