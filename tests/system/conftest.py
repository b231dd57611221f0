from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from commands import Daemon, config_in

Serve = Callable[..., Daemon]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.system)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start daemons on the small configuration in `tmp_path`; none outlives the test."""
    config = config_in(tmp_path)
    with ExitStack() as stack:

        def serve(*arguments: str, environ: dict[str, str] | None = None) -> Daemon:
            daemon = Daemon("--config", config, *arguments, cwd=tmp_path, environ=environ)
            stack.callback(daemon.close)
            return daemon

        yield serve
