"""What `srstream pretrain` does: pictures, training, weights, and what it tells."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from rich.console import Console

from srstream.atomic import sweep
from srstream.cli.summary import make_parent
from srstream.cli.trainprogress import TrainProgress
from srstream.engine.carried import CHANNELS
from srstream.engine.contracts import NetContext
from srstream.engine.device import choose_device, prepare_thread
from srstream.engine.nets import NETS, Net
from srstream.engine.state import digest_of
from srstream.engine.weights import Weights, pack_weights
from srstream.errors import Complaint, ConfigError, StateError
from srstream.exits import Exit
from srstream.media.printable import printable
from srstream.models.catalogue import SHIPPED
from srstream.models.find import SUFFIX, is_file, read_model
from srstream.runtime.cpus import usable_cpus
from srstream.sinks.storing import store
from srstream.training import Pictures, load_recipe, read_pictures, train
from srstream.training.export import identity_in, identity_of, weights_of
from srstream.training.figures import set_psnr
from srstream.training.partial import Partial, differences
from srstream.training.pictures import Original
from srstream.training.start import take_over

_FROM = "--from"
_OUTPUT = "--output"
_TEST = "--test"


@dataclass(frozen=True, slots=True)
class Pretraining:
    """The command's arguments."""

    data: tuple[Path, ...]
    output: Path
    net: str | None
    net_overrides: tuple[str, ...]
    scale: int
    recipe: str
    overrides: tuple[str, ...]
    steps: int | None
    seed: int | None
    start: str | None
    device: str
    threads: int | None
    test: tuple[Path, ...]
    restart: bool
    json: Path | None


@dataclass(slots=True)
class _Stop:
    """Set by the first signal."""

    number: int = 0

    def asked(self) -> bool:
        return self.number != 0


def run_pretraining(wanted: Pretraining) -> Exit:
    """Train, and write the weights; return the exit status.

    Raises:
        ConfigError: wrong arguments, pictures that do not do, an unfinished training that
            is another one, or a file that would be lost.
        SinkError: something cannot be written.
        Diverged: the training went wrong.
    """
    console = Console(stderr=True)
    recipe, options = load_recipe(
        wanted.recipe,
        scale=wanted.scale,
        overrides=wanted.overrides,
        flags={
            key: value
            for key, value in (("steps", wanted.steps), ("seed", wanted.seed))
            if value is not None
        },
        net=wanted.net,
        net_overrides=wanted.net_overrides,
    )
    device = _device(wanted.device)
    _check_outputs(wanted)
    prepare_thread(wanted.threads or usable_cpus())

    def warn(text: str) -> None:
        console.print(f"warning: {printable(text)}", style="yellow", markup=False)

    name = NETS.name_of(options)
    context = NetContext(CHANNELS, wanted.scale, torch.Generator().manual_seed(recipe.seed))
    net = NETS[name].make(options, context)
    start = None
    if wanted.start is not None:
        _begin_with(wanted.start, net, name, wanted.scale, console)
        digest = digest_of(each.detach().numpy() for each in net.parameters())
        start = {"weights": printable(Path(wanted.start).name), "sha256": digest}
    pictures = read_pictures(wanted.data, aside=recipe.aside, warn=warn)
    data = _about(wanted.data, pictures)
    tests = _tests(wanted.test, pictures, scale=wanted.scale)
    identity = identity_of(recipe, options, scale=wanted.scale, start=start, data=data)
    partial = Partial(
        wanted.output.with_name(f"{wanted.output.name}.partial"),
        {**identity, "device": device.type},
    )
    if wanted.restart:
        partial.remove()
    elif wanted.output.exists() and not partial.path.exists():
        _check_there(wanted.output, identity)
        _tell(console, f"{wanted.output} is there already; --restart trains it again")
        return Exit.DONE
    _introduce(console, name, net, pictures, scale=wanted.scale)
    with _stopping() as stop, TrainProgress(console, recipe.steps, wanted.json) as progress:
        trained = train(
            net,
            pictures,
            recipe,
            scale=wanted.scale,
            device=device,
            partial=partial,
            observe=progress.show,
            continued=progress.continued,
            stopping=stop.asked,
            warn=warn,
        )
    if trained is None:
        anew = ", without --restart," if wanted.restart else ""
        console.print(f"stopped; run the same command again{anew} to continue")
        return Exit.INTERRUPTED
    weights = weights_of(
        trained,
        options,
        recipe,
        scale=wanted.scale,
        name=printable(wanted.recipe),
        start=start,
        data=data,
        figures={
            test: set_psnr(trained.net, originals, scale=wanted.scale)
            for test, originals in tests.items()
        },
    )
    blob = pack_weights(weights)
    store(wanted.output, blob)
    partial.remove()
    _tell(console, f"{wanted.output}: {len(blob)} bytes")
    return Exit.DONE


def _check_outputs(wanted: Pretraining) -> None:
    """Make their folders; before the work, not after it."""
    if wanted.output.is_dir():
        raise ConfigError(Complaint(_OUTPUT, f"{wanted.output} is a folder; name a file"))
    if wanted.output.suffix != SUFFIX:
        problem = f"{wanted.output} does not end in {SUFFIX}, as names of weights do"
        raise ConfigError(Complaint(_OUTPUT, problem))
    make_parent(wanted.output)
    sweep(wanted.output.parent)  # what a kill has left
    if wanted.json is not None:
        make_parent(wanted.json)


def _check_there(output: Path, identity: Mapping[str, Any]) -> None:
    """Refuse to overwrite what this training would not make. Raises `ConfigError`."""
    remedy = "name another file, or overwrite it with --restart"
    try:
        found = read_model(str(output), Path.cwd(), key=_OUTPUT).weights
    except ConfigError as error:
        problem = f"{output} is there already, and holds no weights; {remedy}"
        raise ConfigError(Complaint(_OUTPUT, problem)) from error
    if differing := differences(identity_in(found), identity):
        problem = f"{output} is there already, trained with {differing}; {remedy}"
        raise ConfigError(Complaint(_OUTPUT, problem))


@contextmanager
def _stopping() -> Iterator[_Stop]:
    """Take SIGINT and SIGTERM over: the first asks to stop, the second ends at once."""
    stop = _Stop()

    def take(number: int, frame: FrameType | None) -> None:
        del frame
        if stop.number:
            os._exit(128 + number)
        stop.number = number

    before = {
        number: signal.signal(number, take) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _device(name: str) -> torch.device:
    try:
        return choose_device(name)
    except ValueError as error:
        raise ConfigError(Complaint("--device", str(error))) from error


def _begin_with(start: str, net: Net, name: str, scale: int, console: Console) -> None:
    """Give the network what fits. Raises `ConfigError`."""
    weights = _weights(start, scale)
    try:
        parts = take_over(net, name, weights)
    except StateError as error:
        raise ConfigError(Complaint(_FROM, f"{start}: {error}")) from error
    left = f"; as at birth: {', '.join(parts.left)}" if parts.left else ""
    _tell(console, f"from {start} (x{weights.scale}): {', '.join(parts.taken)}{left}")


def _weights(start: str, scale: int) -> Weights:
    """Return a shipped model, of this scale if there is one, or that in a file."""
    if is_file(start):
        return read_model(start, Path.cwd(), key=_FROM).weights
    scales = SHIPPED.scales()
    if start not in scales:
        known = ", ".join(scales) or "none"
        problem = f"{start!r}: no such model; known: {known}; a file has a / or ends in"
        raise ConfigError(Complaint(_FROM, f"{problem} .safetensors"))
    there = scales[start]
    return SHIPPED.read(start, scale if scale in there else there[0]).weights


def _tests(
    folders: tuple[Path, ...], pictures: Pictures, *, scale: int
) -> dict[str, tuple[Original, ...]]:
    """Return the pictures of each set, by its name. Raises `ConfigError`."""

    def refuse(text: str) -> None:
        raise ConfigError(Complaint(_TEST, text))

    known = {each.digest for each in pictures.training}
    tests: dict[str, tuple[Original, ...]] = {}
    for folder in folders:
        name = printable(folder.resolve().name)
        if name in tests or name.startswith("validation"):
            refuse(f"{folder}: {name} is the name of other figures; rename the folder")
        tests[name] = read_pictures([folder], aside=0, warn=refuse).training
        for each in tests[name]:
            picture = f"{folder}: {printable(each.name)}"
            if each.digest in known:
                refuse(f"{picture} is among the pictures to learn from")
            if min(each.pixels.shape[-2:]) < 3 * scale:
                refuse(f"{picture} is too small to measure on")
    return tests


def _about(data: tuple[Path, ...], pictures: Pictures) -> dict[str, Any]:
    return {
        "names": [printable(path.resolve().name) for path in data],
        "training_pictures": len(pictures.training),
        "validation_pictures": len(pictures.validation),
        "sha256": pictures.digest(),
    }


def _introduce(
    console: Console,
    name: str,
    net: Net,
    pictures: Pictures,
    *,
    scale: int,
) -> None:
    parameters = sum(each.numel() for each in net.parameters())
    _tell(
        console,
        f"{name} x{scale}, {parameters} parameters; "
        f"{len(pictures.training)} pictures to learn from, "
        f"{len(pictures.validation)} to measure on",
    )


def _tell(console: Console, text: str) -> None:
    """Print a line as it is."""
    console.print(printable(text), markup=False, highlight=False, soft_wrap=True)
