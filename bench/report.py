"""What a case found: tables for people, figures for machines."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

from bench.machine import stamp

Cell: TypeAlias = str | int | float | None

_WIDTH = 144
"""Characters of a table where there is no terminal to ask."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under named columns; numbers are rounded to `digits` when printed."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    digits: int = 2


@dataclass(frozen=True, slots=True)
class Report:
    """What a case found."""

    figures: Mapping[str, Any]
    """Everything measured; what `json` can write, and nothing infinite."""
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = field(default=())
    """Sentences below the tables: what was expected, and what came out."""


def say(text: str) -> None:
    """Tell how far a case is, beside its result."""
    print(text, file=sys.stderr, flush=True)


def show(report: Report) -> None:
    """Print the tables and the notes."""
    # A bare machine with a GPU may have torch and not rich.
    print_table = _print_plainly if find_spec("rich") is None else _print_with_rich
    for table in report.tables:
        print_table(table)
    for note in report.notes:
        print(note)


def write_json(path: Path, case: str, options: Any, report: Report) -> None:
    """Write the figures with what they were measured with.

    Options that are paths are left out: they tell nothing to anybody else.
    """
    given = {
        name: value
        for name, value in asdict(options).items()
        if not isinstance(value, Path)
    }
    content = {
        "case": case,
        "machine": stamp(given.get("device", "cpu")),
        "options": given,
        "figures": report.figures,
        "notes": report.notes,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")


def _print_with_rich(table: Table) -> None:
    from rich import box, console  # noqa: PLC0415 - see `show`
    from rich import table as rich_table  # noqa: PLC0415

    shown = rich_table.Table(box=box.SIMPLE)
    for number, column in enumerate(table.columns):
        shown.add_column(column, justify="left" if number == 0 else "right")
    for row in table.rows:
        shown.add_row(*(_text(cell, table.digits) for cell in row))
    terminal = console.Console()
    terminal = terminal if terminal.is_terminal else console.Console(width=_WIDTH)
    # Not as the title of the table, which would be broken at its width.
    terminal.print(table.title)
    terminal.print(shown)


def _print_plainly(table: Table) -> None:
    print(f"\n{table.title}")
    lines = [table.columns, *(tuple(_text(c, table.digits) for c in r) for r in table.rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        first, *rest = zip(line, widths, strict=True)
        print("  ".join([first[0].ljust(first[1]), *(text.rjust(w) for text, w in rest)]))


def _text(cell: Cell, digits: int) -> str:
    if cell is None:
        return ""
    return f"{cell:z.{digits}f}" if isinstance(cell, float) else str(cell)
