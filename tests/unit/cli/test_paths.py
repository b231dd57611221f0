from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import pytest
import typer

from srstream.cli import app


def paths(commands: typer.Typer) -> Iterator[tuple[str, Any]]:
    for command in commands.registered_commands:
        assert command.callback is not None
        hints = get_type_hints(command.callback, include_extras=True)
        for name, hint in hints.items():
            kind, *extras = get_args(hint) or (hint,)
            if "Path" in str(kind) and extras:
                yield f"{command.name} {name}", extras[0]
    for group in commands.registered_groups:
        assert group.typer_instance is not None
        yield from paths(group.typer_instance)


PATHS = dict(paths(app))


def test_there_are_paths() -> None:
    assert {"serve inbox", "serve config", "check file", "ledger state_dir"} <= set(PATHS)


@pytest.mark.parametrize("name", PATHS)
def test_that_a_path_may_be_read_is_ours_to_find_out(name: str) -> None:
    """Else one that may not be read ends with 2, as if the command line were wrong."""
    assert PATHS[name].readable is False
