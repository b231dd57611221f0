from __future__ import annotations

from pathlib import Path

import pytest

from srstream.sources.watch import FolderWatch


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def no_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that says nothing, as many network shares do."""
    monkeypatch.setattr(FolderWatch, "ensure", lambda _: None)
