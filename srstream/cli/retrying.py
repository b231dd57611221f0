"""Which failed sources an operator means."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence

from srstream.errors import Complaint, ConfigError
from srstream.ledger import Fate
from srstream.media.printable import printable
from srstream.stores.ledger_view import LedgerView

ALL = "all"


def choose(
    view: LedgerView, streams: Collection[str], names: Sequence[str]
) -> list[tuple[str, str]]:
    """Return stream and source of every failed one that is meant.

    Args:
        view: The ledger.
        streams: Where to look.
        names: Sources as they are, or as they are listed; or `all`.

    Raises:
        ConfigError: names that did not fail; with the nearest ones that did.
    """
    failed = [(stream, entry.source) for stream in streams for entry in view.failed(stream)]
    if ALL in names:
        return failed
    wanted: list[tuple[str, str]] = []
    complaints = []
    for name in names:
        found = [pair for pair in failed if name in (pair[1], printable(pair[1]))]
        wanted += [pair for pair in found if pair not in wanted]
        if not found:
            complaints.append(Complaint("--retry", _unknown(view, streams, name, failed)))
    if complaints:
        raise ConfigError(*complaints)
    return wanted


def _unknown(
    view: LedgerView,
    streams: Collection[str],
    name: str,
    failed: Collection[tuple[str, str]],
) -> str:
    for stream in streams:
        match view.fate(stream, name):
            case Fate.DONE:
                return f"{name} is done; only what failed can be tried again"
            case Fate.TAKEN:
                return f"{name} is taken, and will be done"
    near = difflib.get_close_matches(name, {source for _, source in failed}, n=1)
    hint = f"did you mean {near[0]}?" if near else "`srstream ledger --failed` lists them"
    return f"nothing named {name} failed; {hint}"
