"""Train FSRCNN and ESPCN as srstream's network is trained, for `compare`.

The same pictures, crops, loss, optimiser and rates, and as many steps: those of the recipe
by which `srstream pretrain` trains `realtime`. What is stopped or killed is continued by
the same command. Each takes tens of minutes on two cores at full length.

As published, both give the picture itself; `--base bicubic` lets them learn what bicubic
leaves out, which is what ours does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import torch

from bench import peers
from bench.cases.compare import TRAINED
from bench.report import Report, Table, say
from srstream import __version__
from srstream.atomic import write_atomically
from srstream.training.loop import Moment, Trained, train
from srstream.training.partial import Partial
from srstream.training.pictures import Pictures, read_pictures
from srstream.training.recipe import Recipe, load_recipe

SETS = ("t91", "bsd200")
_TOLD_EVERY = 500
"""Steps between two lines on how far it is."""
Peer: TypeAlias = Literal["fsrcnn", "espcn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    data: Annotated[Path, "folder that holds t91 and bsd200"]
    output: Annotated[Path, "folder for the weights"] = TRAINED
    peers: Annotated[tuple[Peer, ...], "which"] = ("fsrcnn", "espcn")
    scales: Annotated[tuple[int, ...], "2, 3 or 4"] = (2, 3, 4)
    recipe: Annotated[str, "a recipe of `srstream pretrain`, or a TOML file"] = "realtime"
    steps: Annotated[int | None, "instead of the recipe's"] = None
    base: Annotated[Literal["none", "bicubic"], "what the output is added to"] = "none"
    device: Annotated[str, "auto, cpu, cuda or cuda:N"] = "cpu"


@dataclass(frozen=True, slots=True)
class Done:
    """One training."""

    peer: str
    scale: int
    parameters: int
    steps: int
    loss: float
    psnr_y: float | None
    psnr_y_bicubic: float | None


def run(options: Options) -> Report:
    """Train one after the other; each is written when it is done."""
    overrides = [] if options.steps is None else [f"steps={options.steps}"]
    recipe, _ = load_recipe(options.recipe, overrides=overrides)
    pictures = read_pictures(
        [options.data / name for name in SETS], validation=recipe.validation, warn=say
    )
    options.output.mkdir(parents=True, exist_ok=True)
    done = [
        _train(peer, scale, pictures, recipe, options)
        for scale in options.scales
        for peer in options.peers
    ]
    return _report(done)


def _train(
    peer: Peer, scale: int, pictures: Pictures, recipe: Recipe, options: Options
) -> Done:
    settings = peers.PEERS[peer].options(base=options.base)
    net = peers.make(peer, settings, scale=scale, seed=recipe.seed)
    identity = {
        "net": peer,
        "net_options": asdict(settings),
        "scale": scale,
        "recipe": asdict(recipe),
        "data": pictures.digest(),
    }
    file = peers.file_of(options.output, peer, scale)
    partial = Partial(file.with_name(f"{file.name}.partial"), identity)
    say(f"{peer} x{scale}: {recipe.steps} steps")
    trained = train(
        net,
        pictures,
        recipe,
        scale=scale,
        device=options.device,
        partial=partial,
        observe=_teller(f"{peer} x{scale}"),
        warn=say,
    )
    assert trained is not None  # noqa: S101 - nothing stops it
    about = _about(trained, recipe, pictures)
    write_atomically(
        file, peers.packed(peer, settings, scale=scale, net=trained.net, about=about)
    )
    partial.remove()
    last = trained.moments[-1]
    count = sum(weight.numel() for weight in trained.net.parameters())
    return Done(peer, scale, count, last.step, last.loss, last.psnr, last.psnr_bicubic)


def _about(trained: Trained, recipe: Recipe, pictures: Pictures) -> dict[str, Any]:
    last = trained.moments[-1]
    return {
        "recipe": asdict(recipe),
        "data": {"sets": list(SETS), "sha256": pictures.digest()},
        "steps": last.step,
        "loss": last.loss,
        "validation": {"psnr_y": last.psnr, "psnr_y_bicubic": last.psnr_bicubic},
        "srstream": __version__,
        "torch": torch.__version__,
    }


def _teller(what: str) -> Callable[[Moment], None]:
    def tell(moment: Moment) -> None:
        if not moment.measured and moment.step % _TOLD_EVERY:
            return
        psnr = "" if moment.psnr is None else f", {moment.psnr:.2f} dB"
        say(
            f"{what}: {moment.step} of {moment.steps}, loss {moment.loss:.5f}{psnr}; "
            f"{moment.seconds_left / 60:.0f} min left"
        )

    return tell


def _report(done: list[Done]) -> Report:
    table = Table(
        "Y-PSNR in dB on the pictures that were kept aside",
        ("peer", "scale", "parameters", "steps", "loss", "Y dB", "bicubic"),
        tuple(
            (
                each.peer,
                f"x{each.scale}",
                each.parameters,
                each.steps,
                f"{each.loss:.5f}",
                each.psnr_y,
                each.psnr_y_bicubic,
            )
            for each in done
        ),
    )
    return Report({"each": [asdict(each) for each in done]}, (table,))
