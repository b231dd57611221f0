from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from ledgers import Disk, Heard, Outbox


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    disk = Disk(tmp_path)
    yield disk
    disk.close()


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "outbox")


@pytest.fixture
def heard() -> Heard:
    log = Heard()
    structlog.configure(processors=[log])
    return log
