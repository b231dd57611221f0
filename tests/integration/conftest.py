from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from srstream.cli import app

Upscale = Callable[..., Result]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.integration)


@pytest.fixture(autouse=True)
def _warnings_are_as_before() -> Iterator[None]:
    yield
    logging.captureWarnings(capture=False)


@pytest.fixture(scope="session")
def state_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all tests, so that each network is measured once."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture
def command(
    tmp_path: Path, state_home: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    """Run a command in this process, in `tmp_path`, without overrides from outside."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(state_home))
    monkeypatch.setenv("COLUMNS", "120")

    def command(*arguments: str | Path) -> Result:
        words: Sequence[str] = [str(argument) for argument in arguments]
        return CliRunner().invoke(app, words, catch_exceptions=False)

    return command
