"""Every key of a configuration, from the dataclasses that it fills."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import MISSING, Field, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_origin, get_type_hints

from srstream.engine.losses import LOSSES
from srstream.engine.nets import NETS
from srstream.engine.presets import DEFAULT_PRESET, PRESETS
from srstream.models.catalogue import SHIPPED
from srstream.registry import Registry
from srstream.settings.fielddocs import field_docs, summary_of
from srstream.settings.findings import refuse
from srstream.settings.keys import below
from srstream.settings.schema import CheckpointOptions, DaemonSettings, StreamSettings
from srstream.settings.weights import NONE
from srstream.settings.wording import allowed
from srstream.sinks import SINKS
from srstream.sources import SOURCES

_PROBES = (-(2.0**70), 2.0**70, -(2**62), 2**62, "?", (), (1, 0))
"""Values that no option with a range takes: what it then says is allowed, is shown."""

_ANY = "ipc:///x"
"""What stands for a required value: a path, and an endpoint as well."""

_NAME = "streams.NAME"
_PRESET = PRESETS[DEFAULT_PRESET]


@dataclass(frozen=True, slots=True)
class KeyDoc:
    """What can be said about a key."""

    key: str
    """With `NAME` for a stream's name and `N` for an index."""
    of: str
    """Of which `type` it is a key; empty: of none, it is always known."""
    allowed: str
    default: Any
    """As JSON holds it; none: absent, or required."""
    required: bool
    meaning: str


def explain(wanted: str = "") -> list[KeyDoc]:
    """Return what is known of all keys, or of those wanted.

    Args:
        wanted: `adapt`, `adapt.steps`, `source.directory`, `streams.demo.sinks[0]`: where
            keys begin, or else what stands anywhere in them.

    Raises:
        ConfigError: there is none; names the nearest.
    """
    docs = list(_all())
    path = _path(wanted)
    if not path:
        return docs
    chosen = [doc for doc in docs if any(p[: len(path)] == path for p in _paths(doc))]
    chosen = chosen or [doc for doc in docs if any(_within(path, p) for p in _paths(doc))]
    if not chosen:
        known = {".".join(p[:n]) for d in docs for p in _paths(d) for n in range(1, 5)}
        near = difflib.get_close_matches(".".join(path), sorted(known), n=1)
        meant = f"did you mean {near[0]}? " if near else ""
        raise refuse(wanted, f"unknown key; {meant}without a key, all are shown")
    return chosen


def _path(key: str) -> tuple[str, ...]:
    """Return the parts of a key without what differs between two configurations."""
    parts = [part for part in re.sub(r"\[\w*\]", "", key).split(".") if part]
    if parts[:1] == ["streams"]:
        parts = parts[2:]
    return tuple(part for part in parts if not part.isdecimal())


def _paths(doc: KeyDoc) -> tuple[tuple[str, ...], ...]:
    """Return by which paths a key may be wanted: with its type, and without."""
    path = _path(doc.key)
    return (path, (*path[:-1], doc.of, path[-1])) if doc.of else (path,)


def _within(part: tuple[str, ...], path: tuple[str, ...]) -> bool:
    length = len(part)
    return any(path[n : n + length] == part for n in range(len(path) - length + 1))


def _all() -> Iterator[KeyDoc]:
    yield from _table("daemon", DaemonSettings())
    yield _preset()
    yield from _table(_NAME, _PRESET, only=("scale", "seed", "precision"))
    yield _weights()
    yield from _table(
        _NAME,
        StreamSettings(session=_PRESET, device="auto", source=None, sinks=()),
        only=("device", "deterministic", "identical"),
    )
    yield from _table(below(_NAME, "checkpoint"), CheckpointOptions())
    yield from _rows(below(_NAME, "source"), SOURCES)
    yield from _rows(f"{_NAME}.sinks[N]", SINKS)
    yield from _rows(below(_NAME, "net"), NETS, _PRESET.net, required=False)
    yield from _table(below(_NAME, "adapt"), _PRESET.adapt)
    yield from _rows(below(_NAME, "adapt", "loss"), LOSSES, _PRESET.loss)
    yield from _table(below(_NAME, "upscale"), _PRESET.upscale)


def _preset() -> KeyDoc:
    return KeyDoc(
        key=below(_NAME, "preset"),
        of="",
        allowed=", ".join(PRESETS),
        default=DEFAULT_PRESET,
        required=False,
        meaning=(
            "What holds where the stream sets nothing else; the defaults shown here of "
            f"net, adapt and upscale are those of {DEFAULT_PRESET}."
        ),
    )


def _weights() -> KeyDoc:
    names = ", ".join([NONE, *SHIPPED.scales()])
    return KeyDoc(
        key=below(_NAME, "weights"),
        of="",
        allowed=f"{names}, or a path with a / or ending in .safetensors",
        default=_PRESET.weights or NONE,
        required=False,
        meaning=(
            "The initial weights and their network: those of a model that is shipped, see "
            "`srstream models`, or of a file of `srstream pretrain`; none: they are drawn "
            "at random, for the network of `net`."
        ),
    )


def _rows(
    key: str,
    registry: Registry[Any, Any],
    default: Any = None,
    *,
    required: bool = True,
) -> Iterator[KeyDoc]:
    """Explain the key `type`, then the keys of every row.

    Args:
        key: Of the table.
        registry: Its rows.
        default: Options of one row; none: there is no default.
        required: Without a default, a type must be named.
    """
    names = {name: registry[name].options for name in registry}
    yield KeyDoc(
        key=below(key, "type"),
        of="",
        allowed=", ".join(names),
        default=None if default is None else registry.name_of(default),
        required=required and default is None,
        meaning="; ".join(f"{name}: {summary_of(row)}" for name, row in names.items()),
    )
    for name, options in names.items():
        is_default = type(default) is options
        yield from _table(key, default if is_default else _example(options), of=name)


def _example(options: type[Any]) -> Any:
    """Return options of the row with all its defaults."""
    hints = get_type_hints(options)
    return options(
        **{
            each.name: (_ANY,) if get_origin(hints[each.name]) is tuple else _ANY
            for each in fields(options)
            if _required(each)
        }
    )


def _table(
    key: str, values: Any, *, of: str = "", only: tuple[str, ...] = ()
) -> Iterator[KeyDoc]:
    """Explain the fields of a dataclass; the values are the defaults."""
    options = type(values)
    hints = get_type_hints(options)
    docs = field_docs(options)
    for each in fields(options):
        if only and each.name not in only:
            continue
        required = not only and _required(each)
        yield KeyDoc(
            key=below(key, each.name),
            of=of,
            allowed=_allowed(values, each.name, hints[each.name]),
            default=None if required else _plain(getattr(values, each.name)),
            required=required,
            meaning=docs.get(each.name, ""),
        )


def _required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _allowed(values: Any, name: str, hint: Any) -> str:
    kind = allowed(hint)
    if get_origin(hint) is Literal or hint is bool:
        return kind
    limits = next((said for each in _PROBES if (said := _refused(values, name, each))), "")
    return f"{kind}: {limits}" if limits else kind


def _refused(values: Any, name: str, value: Any) -> str | None:
    """Return what is allowed, as the options say when they are given this; none: no word.

    Only the options know their ranges, so they are asked.
    """
    with suppress(TypeError, AttributeError):  # of another type than the field
        try:
            replace(values, **{name: value})
        except ValueError as error:
            said = re.fullmatch(rf"{name} is .*?; allowed: (.*)", str(error), re.DOTALL)
            return said[1] if said else None
    return None


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, Path) else value
