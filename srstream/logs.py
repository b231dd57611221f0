"""The log: for people on a terminal, in fields in the journal, otherwise lines of JSON."""

from __future__ import annotations

import json as json_text
import logging
import math
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import PurePath
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from srstream import journal
from srstream.media.printable import encodable, printable

LEVELS = ("debug", "info", "warning", "error", "critical")

_DEEPEST = 8
"""Nesting of a logged value beyond which its `repr` is logged; ends circles as well."""


def configure_logs(
    *, level: str = "info", json: bool | None = None, cache: bool = True
) -> None:
    """Configure structlog, and send through it what libraries log and warn.

    Args:
        level: One of `LEVELS`; less urgent events are dropped.
        json: One JSON object per line; by default unless stderr is a terminal, or
            the journal, which is then sent the fields of each event.
        cache: Loggers keep this configuration from their first use on. Tests, which
            configure more than once in a process, say no.

    Raises:
        ValueError: there is no such level.
    """
    if level not in LEVELS:
        raise ValueError(f"level is {level!r}; allowed: {', '.join(LEVELS)}")
    on_terminal = sys.stderr.isatty()
    told = os.environ.get("JOURNAL_STREAM")
    in_journal = json is None and journal.is_journal(sys.stderr, told)
    as_json = not on_terminal if json is None else json
    rendered = _fields() if in_journal else _json() if as_json else None
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *(rendered or _console(colors=on_terminal)),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_JournalLogger if in_journal else _StderrLogger,
        cache_logger_on_first_use=cache,
    )
    _take_over_libraries()


def _json() -> list[Processor]:
    return [structlog.processors.format_exc_info, _as_json]


def _fields() -> list[Processor]:
    return [structlog.processors.format_exc_info, _as_fields]


def _console(*, colors: bool) -> list[Processor]:
    # The pretty traceback would print the values of local variables: whole pictures.
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain)]


class _StderrLogger:
    """Writes to what `sys.stderr` is at that moment: a progress bar replaces it."""

    def __init__(self, *args: object) -> None:
        del args

    def msg(self, message: str) -> None:
        # One write, so that lines of several threads do not mix.
        # Where nobody can read it any more, the work still goes on.
        with suppress(OSError):
            sys.stderr.write(message + "\n")
            sys.stderr.flush()

    log = debug = info = warning = warn = error = exception = critical = fatal = msg


class _JournalLogger:
    """Sends to the journal; what does not get there goes to stderr, with its level."""

    def __init__(self, *args: object) -> None:
        del args

    def msg(self, message: str, *, level: str, fields: Mapping[str, str]) -> None:
        if not journal.send(message, level, fields):
            prefix = f"<{journal.PRIORITIES[level]}>"
            _StderrLogger().msg("\n".join(prefix + line for line in message.splitlines()))

    log = debug = info = warning = warn = error = exception = critical = fatal = msg


def _as_fields(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Return the event as a message for people, and each of its values as a field."""
    del logger, method
    level = event.pop("level")
    event.pop("timestamp", None)  # the journal has its own
    said, trace = _text(event.pop("event")), event.pop("exception", None)
    values = {key: _plain(value) for key, value in event.items()}
    fields = {
        key: value if isinstance(value, str) else _line(value)
        for key, value in values.items()
    }
    words = (f"{key}={_word(value)}" for key, value in values.items())
    message = " ".join([printable(said), *words])
    return {
        "message": message if trace is None else f"{message}\n{trace}",
        "level": level,
        "fields": fields,
    }


def _word(value: Any) -> str:
    """Return a value so that it is seen where it ends."""
    if isinstance(value, str) and value.isprintable() and not {*' "='} & {*value} and value:
        return value
    return _line(value)


def _as_json(logger: WrappedLogger, method: str, event: EventDict) -> str:
    del logger, method
    first = {key: event.pop(key) for key in ("timestamp", "level", "event") if key in event}
    return _line(_plain({**first, **event}))


def _line(plain: Any) -> str:
    """Return what `_plain` returned as JSON on one line."""
    line = json_text.dumps(plain, ensure_ascii=False, allow_nan=False)
    # Some readers end a line at more than `\n`, and terminals obey more than `\x1b`.
    return "".join(c if c.isprintable() else json_text.dumps(c)[1:-1] for c in line)


def _plain(value: object, depth: int = 0) -> Any:
    """Return the value as strict JSON can hold it; what it cannot becomes a string."""
    match value:
        case None | bool():
            return value
        case int() if value.bit_length() <= 64:
            return int(value)
        case float() if math.isfinite(value):
            return float(value)
        case str():
            return _text(value)
        case PurePath():
            return _text(str(value))
        case Mapping() if depth < _DEEPEST:
            return {_text(k): _plain(v, depth + 1) for k, v in value.items()}
        case list() | tuple() | set() | frozenset() if depth < _DEEPEST:
            return [_plain(each, depth + 1) for each in value]
    return _text(value)


def _text(value: object) -> str:
    try:
        text = value if isinstance(value, str) else repr(value)
    except Exception:  # noqa: BLE001 - a log line must not end what it tells about
        text = f"<{type(value).__name__}>"
    return encodable(text)


class _ToStructlog(logging.Handler):
    """Passes on what libraries log with the standard library."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            level = min(record.levelno // 10 * 10, logging.CRITICAL)
            structlog.get_logger().log(
                level,
                record.getMessage(),
                library=record.name,
                exc_info=record.exc_info,
            )
        except Exception:  # noqa: BLE001 - as every handler of the standard library does
            self.handleError(record)


def _take_over_libraries() -> None:
    root = logging.getLogger()
    if not any(isinstance(handler, _ToStructlog) for handler in root.handlers):
        root.addHandler(_ToStructlog(logging.WARNING))
    logging.captureWarnings(capture=True)
