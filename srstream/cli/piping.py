"""What `srstream pipe` serves: its arguments as the tables of a configuration."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from srstream.cli.linking import Keys, flag_of, in_flags
from srstream.cli.serve import state_home
from srstream.errors import Complaint, ConfigError
from srstream.settings import Settings, from_tables

STREAM = "pipe"

_SOURCE = f"streams.{STREAM}.source."
_SINK = f"streams.{STREAM}.sinks[0]."
_IN = {"endpoints": "--in", "pattern": "--in-pattern", "connect": "--in-connect"}
_OTHERS = {"adapt.target_fps": "--fps"}
_OUT = {"endpoints": "--out", "pattern": "--out-pattern", "connect": "--out-connect"}


@dataclass(frozen=True, slots=True)
class Piping:
    """The command's arguments."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    in_pattern: str
    out_pattern: str
    in_connect: bool
    out_connect: bool
    format: str | None
    """None: what the pattern takes."""
    payload: str
    streams: str
    overload: str
    reply: str
    keys: Keys
    session: Mapping[str, Any]
    """Those keys of the stream that were given: scale, preset, device, weights, adapt."""
    state_dir: Path


def settings_of(piping: Piping, base: Path) -> Settings:
    """Return the configuration that the arguments stand for.

    Args:
        piping: The arguments.
        base: Relative paths are relative to this folder.

    Raises:
        ConfigError: with every complaint, named by the flag that is wrong.
    """
    connects = piping.in_connect, _connects(piping)
    piping.keys.check(binds=not all(connects), connects=any(connects))
    try:
        settings = from_tables(tables(piping), base=base)
    except ConfigError as error:
        raise by_flags(error) from None
    return replace(settings, locate=by_flags)


def tables(piping: Piping) -> dict[str, Any]:
    """Return them as `tomllib` would."""
    connects = _connects(piping)
    default = "imagezmq" if piping.out_pattern == "req" else "native"
    source = {
        "type": "zmq",
        "endpoints": list(piping.inputs),
        "pattern": piping.in_pattern,
        "connect": piping.in_connect,
        "streams": piping.streams,
        "overload": piping.overload,
        "reply": piping.reply,
        **piping.keys.options(piping.inputs, connects=piping.in_connect),
    }
    sink = {
        "type": "zmq",
        "endpoints": list(piping.outputs),
        "pattern": piping.out_pattern,
        "connect": connects,
        "format": piping.format or default,
        "payload": piping.payload,
        **piping.keys.options(piping.outputs, connects=connects),
    }
    stream = {**piping.session, "source": source, "sinks": [sink]}
    return {"daemon": {"state_dir": str(piping.state_dir)}, "streams": {STREAM: stream}}


def state_dir_of(
    inputs: Sequence[str], outputs: Sequence[str], environ: Mapping[str, str]
) -> Path:
    """Return the state folder of the pipe between these endpoints: always the same.

    Raises:
        ConfigError: nobody knows where state belongs.
    """
    sides = map(" ".join, (inputs, outputs))
    digest = hashlib.sha256(os.fsencode("\0".join(sides))).hexdigest()
    return state_home(environ) / "srstream" / f"{STREAM}-{digest[:8]}"


def by_flags(error: ConfigError) -> ConfigError:
    """Return the error with the flags of the command line instead of keys."""
    return ConfigError(*map(_by_flag, error.complaints))


def _by_flag(complaint: Complaint) -> Complaint:
    key = complaint.key
    if key.startswith(_SOURCE):
        flag = flag_of(key.removeprefix(_SOURCE), _IN)
    elif key.startswith(_SINK):
        flag = flag_of(key.removeprefix(_SINK), _OUT)
    else:
        own = key.removeprefix(f"streams.{STREAM}.").removeprefix("daemon.")
        flag = flag_of(own, _OTHERS)
    return replace(complaint, key=flag, problem=in_flags(complaint.problem))


def _connects(piping: Piping) -> bool:
    """Tell whether the output does; a hub of imagezmq always binds."""
    return piping.out_connect or piping.out_pattern == "req"
