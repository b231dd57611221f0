"""`srstream serve`: the daemon."""

from __future__ import annotations

import hashlib
import os
import re
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer

from srstream.cli.complaints import complaints, crashes
from srstream.errors import Complaint, ConfigError
from srstream.exits import Exit
from srstream.runtime.sdnotify import SdNotify, usec

PRESETS_HELP = "realtime, balanced, light, paper, paper-code; when absent realtime."
"""A test holds it to the presets, which are not loaded for a text of help."""
_UNUSUAL = re.compile(r"[^A-Za-z0-9._-]")
_LOADING = 300.0
"""Seconds that loading torch may take, from a disk that is slow and busy."""
_LONGEST_NAME = 64
"""Characters of the output folder's name that the state folder's begins with."""


@crashes()
def serve(
    inbox: Annotated[
        Path | None,
        typer.Argument(
            metavar="INBOX", help="The folder to watch.", show_default=False, readable=False
        ),
    ] = None,
    outbox: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="OUTBOX",
            help="Where results and stats.jsonl go.",
            readable=False,
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A TOML file, instead of INBOX and -o.", readable=False
        ),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a key of the file."),
    ] = None,
    scale: Annotated[int | None, typer.Option(help="2, 3 or 4; when absent 2.")] = None,
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
    recursive: Annotated[
        bool,
        typer.Option("--recursive", help="Also the folders below INBOX, kept in OUTBOX."),
    ] = False,
    deterministic: Annotated[
        bool,
        typer.Option(
            "--deterministic",
            help="Outputs that are the same byte for byte, even after a kill; slower.",
        ),
    ] = False,
    state_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where the ledger and the saved weights are; when absent that of the "
            "file, or one for INBOX and OUTBOX below ~/.local/state/srstream.",
            readable=False,
        ),
    ] = None,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Watch a folder and upscale every picture that arrives in it, until stopped.

    Either `srstream serve INBOX -o OUTBOX`, or `srstream serve --config FILE`. Nothing is
    lost or done twice, however it ends.

    Stop it with Ctrl-C or SIGTERM: the frame in hand is finished, or left for the next
    start. SIGHUP reads FILE again and opens the statistics anew.

    Exit status: 0 stopped, 1 a stream stayed down or the state folder is in use, 2 wrong
    usage, 70 a bug, 73 no state folder can be written, 74 the GPU is lost, 78 wrong
    configuration.
    """
    flags = {"scale": scale, "preset": preset, "device": device, "weights": weights}
    given = {name: value for name, value in flags.items() if value is not None}
    if config is not None:
        if inbox is not None or outbox is not None or given or recursive:
            raise typer.BadParameter(
                "--config says everything; use --set KEY=VALUE to override a key of it"
            )
    elif inbox is None or outbox is None:
        raise typer.BadParameter("give INBOX and -o OUTBOX, or --config FILE")
    elif overrides:
        raise typer.BadParameter("--set overrides a key of --config FILE")

    with complaints(), stoppable(reloads=config is not None):
        notify = starting()
        # Heavy: torch.
        from srstream.daemon import run_daemon  # noqa: PLC0415
        from srstream.logs import configure_logs  # noqa: PLC0415
        from srstream.settings import Flags, from_tables, load  # noqa: PLC0415

        try:
            configure_logs(level=log_level)
        except ValueError as exc:
            raise typer.BadParameter(str(exc)) from exc
        if config is not None:
            said = Flags(state_dir, deterministic)
            read = partial(load, config, overrides=overrides or [], flags=said)
        else:
            assert inbox is not None  # noqa: S101 - checked above
            assert outbox is not None  # noqa: S101
            place = state_dir or state_dir_for(inbox, outbox, os.environ)
            given["deterministic"] = deterministic
            tables = _tables(inbox, outbox, given, place, recursive=recursive)
            read = partial(from_tables, tables, base=Path.cwd())
        status = run_daemon(read, reloads=config is not None, notify=notify)
        # The usual way takes seconds to take torch apart on a busy machine, in which a
        # signal is no longer heard, and after which the time to stop in may be over.
        os._exit(status)


@contextmanager
def stoppable(*, reloads: bool) -> Iterator[None]:
    """Mind signals from the start; the daemon takes them over when all is loaded.

    Loading takes seconds. A signal to stop ends the process, with the status of a stop, and
    SIGHUP does not, as it would by default: the file is read after it anyway.
    """
    wanted: dict[signal.Signals, Callable[[int, FrameType | None], None] | signal.Handlers]
    wanted = dict.fromkeys((signal.SIGINT, signal.SIGTERM), _leave)
    if reloads:
        wanted[signal.SIGHUP] = signal.SIG_IGN
    before = {number: signal.signal(number, handler) for number, handler in wanted.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def starting() -> SdNotify:
    """Return the service manager, which is asked for the time that loading may take."""
    notify = SdNotify.take(os.environ)
    notify.tell(STATUS="loading torch", EXTEND_TIMEOUT_USEC=usec(_LOADING))
    return notify


def _leave(number: int, frame: FrameType | None) -> None:
    del number, frame
    os._exit(Exit.DONE)


def state_dir_for(inbox: Path, outbox: Path, environ: Mapping[str, str]) -> Path:
    """Return the state folder of the daemon from one folder to another: always the same.

    Raises:
        ConfigError: nobody knows where state belongs.
    """
    paths = [os.path.abspath(path) for path in (inbox, outbox)]  # noqa: PTH100 - `..` too
    digest = hashlib.sha256(b"\0".join(map(os.fsencode, paths))).hexdigest()
    name = _UNUSUAL.sub("_", Path(paths[1]).name)[:_LONGEST_NAME] or "root"
    return state_home(environ) / "srstream" / f"{name}-{digest[:8]}"


def state_home(environ: Mapping[str, str]) -> Path:
    """Return `XDG_STATE_HOME`; the specification has relative paths ignored.

    Raises:
        ConfigError: nobody knows where state belongs.
    """
    home = Path(environ.get("XDG_STATE_HOME", ""))
    if home.is_absolute():
        return home
    try:
        return Path.home() / ".local" / "state"
    except RuntimeError as error:
        problem = "needed: HOME is not set, so there is no place for state"
        raise ConfigError(Complaint("--state-dir", problem)) from error


def _tables(
    inbox: Path, outbox: Path, given: dict[str, Any], state_dir: Path, *, recursive: bool
) -> dict[str, Any]:
    """Return the configuration that INBOX and OUTBOX stand for."""
    stream = {
        **given,
        "source": {"type": "directory", "path": str(inbox), "recursive": recursive},
        "sinks": [
            {"type": "directory", "path": str(outbox)},
            {"type": "stats", "path": str(outbox / "stats.jsonl")},
        ],
    }
    return {"daemon": {"state_dir": str(state_dir)}, "streams": {"main": stream}}
