"""What `srstream ledger` shows: tables for people, JSON for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from srstream.errors import Complaint, ConfigError
from srstream.ledger import Entry
from srstream.media.printable import encodable, printable
from srstream.stores.ledger_view import LedgerView, StreamTotals


def chosen(streams: Sequence[str], wanted: str | None) -> Sequence[str]:
    """Return the streams that are meant.

    Raises:
        ConfigError: the ledger knows no such stream.
    """
    if wanted is None:
        return streams
    if wanted in streams:
        return [wanted]
    known = ", ".join(streams) or "none"
    raise ConfigError(Complaint("--stream", f"no stream {wanted} here; known: {known}"))


def read(view: LedgerView, streams: Sequence[str], *, failed: bool, limit: int) -> Report:
    """Return how these streams stand, with at most `limit` entries of each."""
    look = view.failed if failed else view.latest
    return Report(
        [view.totals(stream) for stream in streams],
        [(stream, entry) for stream in streams for entry in look(stream, limit)],
        failed=failed,
    )


@dataclass(frozen=True, slots=True)
class Report:
    """How streams stand, and some of their entries."""

    totals: Sequence[StreamTotals]
    entries: Sequence[tuple[str, Entry]]
    failed: bool
    """Whether only failed ones are shown."""

    def as_dict(self) -> dict[str, object]:
        """Return what scripts read; keys are added, never renamed."""
        return {
            "streams": [
                {
                    **asdict(total),
                    "stream": encodable(total.stream),
                    "last_time": _iso(total),
                }
                for total in self.totals
            ],
            "entries": [_entry(stream, entry) for stream, entry in self.entries],
        }

    def print_to(self, console: Console) -> None:
        """Print tables."""
        if not self.failed:
            console.print(self._streams())
        if self.entries:
            console.print(self._listed())
        elif self.failed:
            console.print("nothing failed")

    def _streams(self) -> Table:
        table = Table(title="Streams", box=SIMPLE, pad_edge=False)
        if any(total.taken for total in self.totals):
            table.caption = (
                "taken: not done yet; if the daemon stopped, after its next start"
            )
        table.add_column("stream", overflow="fold")
        for title in ("done", "failed", "to retry", "taken", "last frame"):
            table.add_column(title, justify="right")
        table.add_column("last change", overflow="fold")
        for total in self.totals:
            numbers = total.done, total.failed, total.retries, total.taken, total.last_seq
            table.add_row(
                Text(printable(total.stream)),
                *map(str, numbers),
                "-" if total.last_time is None else _local(total.last_time),
            )
        return table

    def _listed(self) -> Table:
        """Tell of each entry what there is to tell of any, in few columns."""
        title = "Failed" if self.failed else "Latest"
        table = Table(title=title, box=SIMPLE, pad_edge=False)
        several = len({stream for stream, _ in self.entries}) > 1
        moved = any(entry.moved_to for _, entry in self.entries)
        titles = ["stream"] if several else []
        titles += ["source", "reason"] if self.failed else ["source", "fate", "frame"]
        titles += ["moved to"] if moved else []
        table.add_column("time", no_wrap=True)
        for title in titles:
            table.add_column(title, overflow="fold")
        for stream, entry in self.entries:
            cells = {
                "stream": printable(stream),
                "source": printable(entry.source),
                "fate": entry.fate.value,
                "frame": "-" if entry.seq is None else str(entry.seq),
                "reason": printable(_without_path(entry)),
                "moved to": printable(entry.moved_to.removesuffix(f"/{entry.source}")),
            }
            table.add_row(_local(entry.time), *(Text(cells[title]) for title in titles))
        there = sum(each.failed if self.failed else _known(each) for each in self.totals)
        if there > len(self.entries):
            table.caption = f"{len(self.entries)} of {there}; --limit N lists more"
        return table


@dataclass(frozen=True, slots=True)
class Retries:
    """What was asked for again."""

    wanted: Sequence[tuple[str, str]]
    """Stream and source."""

    def as_dict(self) -> dict[str, object]:
        """Return what scripts read; keys are added, never renamed."""
        return {
            "retries": [
                {"stream": encodable(stream), "source": encodable(source)}
                for stream, source in self.wanted
            ]
        }

    def print_to(self, console: Console) -> None:
        """Say it in a line."""
        names = ", ".join(printable(source) for _, source in self.wanted[:5])
        more = ", ..." if len(self.wanted) > 5 else ""
        said = f"{len(self.wanted)} to be tried again: {names}{more}"
        console.print(Text(said if self.wanted else "nothing failed"))


def _entry(stream: str, entry: Entry) -> dict[str, object]:
    return {
        "stream": encodable(stream),
        "source": encodable(entry.source),
        "name": encodable(entry.name),
        "fate": entry.fate.value,
        "seq": entry.seq,
        "reason": encodable(entry.reason),
        "time": _utc(entry.time),
        "size": entry.signature.size,
        "mtime_ns": entry.signature.mtime_ns,
        "sha256": None if entry.content is None else entry.content.digest.hex(),
        "moved_to": encodable(entry.moved_to) or None,
    }


def _without_path(entry: Entry) -> str:
    """Return the reason; it begins with the path, of which the source stands beside it."""
    path, found, rest = entry.reason.partition(f"{entry.source} ")
    return rest if found and path.endswith("/") else entry.reason


def _known(total: StreamTotals) -> int:
    return total.taken + total.done + total.failed


def _iso(total: StreamTotals) -> str | None:
    return None if total.last_time is None else _utc(total.last_time)


def _utc(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds")


def _local(time: float) -> str:
    return f"{datetime.fromtimestamp(time, UTC).astimezone():%Y-%m-%d %H:%M:%S}"
