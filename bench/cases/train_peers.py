"""Train FSRCNN and ESPCN as srstream's network is trained, for `compare`.

The same pictures, crops, loss, optimiser and rates, and as many steps: those of the recipe
by which `srstream pretrain` trains `realtime`. What is stopped or killed is continued by
the same command, and what was trained so already is left as it is. Each takes tens of
minutes on two cores at full length.

Shorter, `--steps N --peers fsrcnn,espcn,ours --output DIR` trains ours as short as well.
Only x2 is trained alike: ours of x3 and x4 begin with the weights of x2.

As published, both give the picture itself; `--base bicubic` lets them learn what bicubic
leaves out, which is what ours does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import torch

from bench import peers
from bench.cases.compare import TRAINED
from bench.report import Report, Table, say
from srstream import __version__
from srstream.atomic import write_atomically
from srstream.engine import prepare_thread
from srstream.training.loop import Moment, train
from srstream.training.partial import Partial
from srstream.training.pictures import Pictures, read_pictures
from srstream.training.recipe import Recipe, load_recipe

SETS = ("t91", "bsd200")
_NET = "lr-residual"
"""What `ours` is, of the width and depth that the recipe says."""
_TOLD_EVERY = 500
"""Steps between two lines on how far it is."""
Peer: TypeAlias = Literal["fsrcnn", "espcn", "ours"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    data: Annotated[Path, "folder that holds t91 and bsd200"]
    output: Annotated[Path, "folder for the weights"] = TRAINED
    peers: Annotated[tuple[Peer, ...], "which"] = ("fsrcnn", "espcn")
    scales: Annotated[tuple[int, ...], "2, 3 or 4"] = (2,)
    recipe: Annotated[str, "a recipe of `srstream pretrain`, or a TOML file"] = "realtime"
    steps: Annotated[int | None, "instead of the recipe's"] = None
    base: Annotated[
        Literal["none", "bicubic"], "what the output of FSRCNN and ESPCN is added to"
    ] = "none"
    device: Annotated[str, "auto, cpu, cuda or cuda:N"] = "cpu"
    threads: Annotated[int | None, "of the CPU, instead of those usable here"] = None

    def __post_init__(self) -> None:
        if self.threads is not None and self.threads < 1:
            raise ValueError(f"threads is {self.threads}; wanted: 1 at least")


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
    if options.threads is not None:
        prepare_thread(options.threads)
    options.output.mkdir(parents=True, exist_ok=True)
    done = [each for scale in options.scales for each in _at(scale, options)]
    return _report(done)


def _at(scale: int, options: Options) -> Iterator[Done]:
    """Train at one scale, which has a recipe of its own."""
    overrides = [] if options.steps is None else [f"steps={options.steps}"]
    recipe, net_options = load_recipe(
        options.recipe, scale=scale, overrides=overrides, net=_NET
    )
    pictures = read_pictures(
        [options.data / name for name in SETS], aside=recipe.aside, warn=say
    )
    for peer in options.peers:
        settings = net_options
        if peer != peers.OURS:
            settings = peers.PEERS[peer].options(base=options.base)
        file = peers.file_of(options.output, peer, scale)
        trained = _finished(file, settings, recipe, pictures)
        if trained is None:
            trained = _train(peer, settings, scale, file, pictures, recipe, options.device)
        else:
            say(f"{peer} x{scale}: trained already, {file}")
        yield _done(trained)


def _finished(
    file: Path, settings: Any, recipe: Recipe, pictures: Pictures
) -> peers.Trained | None:
    """Return what the same training gave before; none: there is no such file."""
    if not file.is_file():
        return None
    found = peers.load(file)
    asked = peers.training_of(_training(recipe, pictures))
    is_same = found.options == settings and peers.training_of(found.about) == asked
    return found if is_same else None


def _training(recipe: Recipe, pictures: Pictures) -> dict[str, Any]:
    data = {"sets": list(SETS), "sha256": pictures.digest()}
    return {"recipe": asdict(recipe), "data": data}


def _train(
    peer: Peer,
    settings: Any,
    scale: int,
    file: Path,
    pictures: Pictures,
    recipe: Recipe,
    device: str,
) -> peers.Trained:
    net = peers.make(peer, settings, scale=scale, seed=recipe.seed)
    identity = {
        "net": peer,
        "net_options": asdict(settings),
        "scale": scale,
        "recipe": asdict(recipe),
        "data": pictures.digest(),
    }
    partial = Partial(file.with_name(f"{file.name}.partial"), identity)
    say(f"{peer} x{scale}: {recipe.steps} steps")
    trained = train(
        net,
        pictures,
        recipe,
        scale=scale,
        device=device,
        partial=partial,
        observe=_teller(f"{peer} x{scale}"),
        warn=say,
    )
    assert trained is not None  # noqa: S101 - nothing stops it
    last = trained.moments[-1]
    about = {
        **_training(recipe, pictures),
        "steps": last.step,
        "loss": last.loss,
        "validation": {"psnr_y": last.psnr, "psnr_y_bicubic": last.psnr_bicubic},
        "srstream": __version__,
        "torch": torch.__version__,
    }
    found = peers.Trained(peer, settings, scale, trained.net, about)
    write_atomically(file, peers.packed(found))
    partial.remove()
    return found


def _done(trained: peers.Trained) -> Done:
    about = trained.about
    psnr, bicubic = (about["validation"][key] for key in ("psnr_y", "psnr_y_bicubic"))
    count = sum(weight.numel() for weight in trained.net.parameters())
    steps, loss = about["steps"], about["loss"]
    return Done(trained.name, trained.scale, count, steps, loss, psnr, bicubic)


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
