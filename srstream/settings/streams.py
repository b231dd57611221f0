"""The table of one stream -> `StreamSettings`: its preset, and what it overrides."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from srstream.engine.losses import LOSSES
from srstream.engine.nets import NETS
from srstream.engine.options import AdaptOptions, SessionOptions, UpscaleOptions
from srstream.engine.presets import DEFAULT_PRESET, PRESETS
from srstream.registry import Registry
from srstream.settings.fill import fill
from srstream.settings.findings import Findings, refuse
from srstream.settings.keys import below
from srstream.settings.rows import choose, choose_row, row, table_at
from srstream.settings.schema import CheckpointOptions, Identical, StreamSettings
from srstream.settings.values import fit
from srstream.settings.weights import check_weights, refuse_net, with_weights
from srstream.settings.wording import found, unknown
from srstream.sinks import SINKS
from srstream.sources import SOURCES

_NAME = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,64}")
"""A stream's name becomes the name of a folder, so `.` and `..` are out."""

_DEVICE = re.compile(r"auto|cpu|cuda(:\d{1,3})?")


def read_streams(value: Any) -> dict[str, StreamSettings]:
    """Return the settings of every stream below `streams`.

    Raises:
        ConfigError: with the complaints of all streams, or because there is none.
    """
    tables = table_at(value, key="streams")
    if not tables:
        raise refuse("streams", "missing; at least one table [streams.NAME] is needed")
    findings = Findings()
    streams: dict[str, StreamSettings] = {}
    for name, table in tables.items():
        key = below("streams", name)
        if not _NAME.fullmatch(name):
            problem = "allowed in a name: 1 to 64 of A-Z a-z 0-9 . _ -, and not . or .."
            findings.add(key, problem)
        with findings.gathered():
            streams[name] = _read_stream(table_at(table, key=key), key=key)
    findings.settle()
    return streams


def _read_stream(table: Mapping[str, Any], *, key: str) -> StreamSettings:
    findings = Findings()
    for name in sorted(table.keys() - set(_KEYS)):
        findings.add(below(key, name), f"unknown key; {unknown(name, _KEYS)}")
    with findings.gathered():
        session = _read_session(table, key=key)
    with findings.gathered():
        device = _device(table.get("device", "auto"), key=below(key, "device"))
    with findings.gathered():
        source = _source(table, key=below(key, "source"))
    with findings.gathered():
        sinks = _sinks(table, key=below(key, "sinks"))
    own: dict[str, Any] = {}
    for name, read in _OWN.items():
        if name in table:
            with findings.gathered():
                own[name] = read(table[name], below(key, name))
    findings.settle()
    stream = StreamSettings(
        session=session, device=device, source=source, sinks=sinks, **own
    )
    _refuse_what_is_not_deterministic(stream, key=key)
    return stream


def _refuse_what_is_not_deterministic(stream: StreamSettings, *, key: str) -> None:
    if not stream.deterministic:
        return
    findings = Findings()
    adapt = stream.session.adapt
    for name in ("seconds", "target_fps"):
        if getattr(adapt, name) is not None:
            problem = "a time budget, which deterministic = true does not allow; use steps"
            findings.add(below(key, "adapt", name), problem)
    if adapt.thread == "own":
        problem = (
            'found "own" (string); allowed with deterministic = true: same, since what '
            "is learnt beside the frames depends on time"
        )
        findings.add(below(key, "adapt", "thread"), problem)
    if stream.identical == "reuse":
        problem = (
            'found "reuse" (string); allowed with deterministic = true: process, since '
            "the memory of the frame before does not outlive a kill"
        )
        findings.add(below(key, "identical"), problem)
    if stream.session.precision == "bfloat16":
        problem = (
            'found "bfloat16" (string); allowed with deterministic = true: float32, or '
            "auto, which is float32 then"
        )
        findings.add(below(key, "precision"), problem)
    findings.settle()


def _read_session(table: Mapping[str, Any], *, key: str) -> SessionOptions:
    """Return the preset with what the stream's table overrides."""
    findings = Findings()
    session = PRESETS[DEFAULT_PRESET]
    if "preset" in table:
        session = SessionOptions()  # a wrong preset must not hide what else is wrong
        with findings.gathered():
            session = _preset(table["preset"], key=below(key, "preset"))
    for name, override in _OVERRIDES.items():
        if name in table:
            with findings.gathered():
                session = override(session, table[name], key)
    findings.settle()
    if "weights" in table:
        net = f"set {below(key, 'net')} = {{ type = ... }} too"
        check_weights(session, key=below(key, "weights"), remedy=net)
    return session


def _preset(name: Any, *, key: str) -> SessionOptions:
    if not isinstance(name, str) or name not in PRESETS:
        raise refuse(key, f"{found(name)}; {unknown(str(name), PRESETS)}")
    return PRESETS[name]


def _with_scale(session: SessionOptions, value: Any, stream: str) -> SessionOptions:
    scale = fit(value, Literal[2, 3, 4], key=below(stream, "scale"))
    return replace(session, scale=scale)


def _with_field(
    session: SessionOptions, value: Any, stream: str, *, name: str
) -> SessionOptions:
    return fill(SessionOptions, {name: value}, key=stream, base=session)


def _with_weights(session: SessionOptions, value: Any, stream: str) -> SessionOptions:
    return with_weights(session, value, key=below(stream, "weights"))


def _with_net(session: SessionOptions, value: Any, stream: str) -> SessionOptions:
    refuse_net(session, stream=stream)
    net = choose(NETS, value, key=below(stream, "net"), base=session.net)
    return replace(session, net=net)


def _with_adapt(session: SessionOptions, value: Any, stream: str) -> SessionOptions:
    """Merge `adapt`, in which the loss is set as well, by name or as a table."""
    key = below(stream, "adapt")
    table = dict(table_at(value, key=key))
    findings = Findings()
    if "loss" in table:
        with findings.gathered():
            loss = _loss(table.pop("loss"), key=below(key, "loss"), base=session.loss)
            session = replace(session, loss=loss)
    with findings.gathered():
        adapt = fill(AdaptOptions, table, key=key, base=session.adapt, also=["loss"])
        session = replace(session, adapt=adapt)
    findings.settle()
    return session


def _loss(value: Any, *, key: str, base: Any) -> Any:
    if isinstance(value, str):
        return choose_row(row(LOSSES, value, key=key), {}, key=key, base=base)
    if not isinstance(value, Mapping):
        raise refuse(key, f"{found(value)}; allowed: a name or a table with a type")
    return choose(LOSSES, value, key=key, base=base)


def _with_upscale(session: SessionOptions, value: Any, stream: str) -> SessionOptions:
    key = below(stream, "upscale")
    table = table_at(value, key=key)
    upscale = fill(UpscaleOptions, table, key=key, base=session.upscale)
    return replace(session, upscale=upscale)


_OVERRIDES: dict[str, Callable[[SessionOptions, Any, str], SessionOptions]] = {
    "scale": _with_scale,
    "seed": partial(_with_field, name="seed"),
    "precision": partial(_with_field, name="precision"),
    "weights": _with_weights,
    "net": _with_net,
    "adapt": _with_adapt,
    "upscale": _with_upscale,
}
"""What a stream may override: from session, value and the stream's key. In this order:
weights bring their network, so `net` is refused beside them."""

_OWN: dict[str, Callable[[Any, str], Any]] = {
    "deterministic": lambda value, key: fit(value, bool, key=key),
    "identical": lambda value, key: fit(value, Identical, key=key),
    "checkpoint": lambda value, key: fill(
        CheckpointOptions, table_at(value, key=key), key=key
    ),
}
"""What a stream may say beside its session: from value and key."""

_KEYS = ("source", "sinks", "device", "preset", *_OVERRIDES, *_OWN)


def _device(name: Any, *, key: str) -> str:
    """Check the form only: which devices there are is known where one is chosen."""
    if not isinstance(name, str) or not _DEVICE.fullmatch(name):
        raise refuse(key, f"{found(name)}; allowed: auto, cpu, cuda or cuda:N")
    return name


def _source(table: Mapping[str, Any], *, key: str) -> Any:
    if "source" not in table:
        raise refuse(key, f"missing; a table with a type is needed: {_names(SOURCES)}")
    return choose(SOURCES, table["source"], key=key)


def _sinks(table: Mapping[str, Any], *, key: str) -> tuple[Any, ...]:
    if "sinks" not in table:
        raise refuse(key, f"missing; tables with a type are needed: {_names(SINKS)}")
    value = table["sinks"]
    if not isinstance(value, list) or not value:
        raise refuse(key, f"{found(value)}; allowed: an array of at least one table")
    findings = Findings()
    sinks = []
    for index, item in enumerate(value):
        with findings.gathered():
            sinks.append(choose(SINKS, item, key=below(key, index)))
    findings.settle()
    return tuple(sinks)


def _names(registry: Registry[Any, Any]) -> str:
    return ", ".join(sorted(registry))
