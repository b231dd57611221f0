"""What every test gets: the fakes, fresh log settings, a look for tasks left behind."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
import structlog

sys.path.insert(0, str(Path(__file__).parent))

# As the command does it, before torch is loaded: threads that spin long make the
# tests many times slower beside another busy process.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            item.fixturenames.insert(0, "no_task_is_left")


@pytest_asyncio.fixture
async def no_task_is_left() -> AsyncIterator[None]:
    yield
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, f"the test leaves tasks behind: {left}"


@pytest.fixture(autouse=True)
def _logging_is_as_before() -> Iterator[None]:
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.setLevel(level)
    root.handlers[:] = handlers


@pytest.fixture(autouse=True)
def _torch_is_as_before() -> Iterator[None]:
    """How a thread computes is set for good, and some commands are run on this one."""
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch else None
    yield
    if torch:
        torch.set_num_threads(threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)
