"""Boots a systemd once, and installs srstream in it: `make test-systemd`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from booted import FIGURES, BootError, Machine, booted, missing

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A container with srstream installed in it, as an operator does it."""
    reason = missing()
    if reason is not None:
        pytest.skip(reason)
    with ExitStack() as stack:
        try:
            machine = stack.enter_context(booted(ROOT, tmp_path_factory.mktemp("booted")))
        except BootError as error:
            pytest.skip(str(error))
        machine.make("install")
        yield machine


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in FIGURES:
        terminalreporter.write_line(line)
