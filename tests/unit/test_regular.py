from __future__ import annotations

import os
from pathlib import Path

import pytest

from srstream.regular import read_regular


def test_a_regular_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    assert read_regular(path, largest=7) == b"content"
    with pytest.raises(OSError, match="it has 7 bytes; at most 6 are taken"):
        read_regular(path, largest=6)


def test_a_folder_or_a_fifo_without_a_writer_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "fifo"):
        with pytest.raises(OSError, match="it is not a regular file"):
            read_regular(path, largest=10)


def test_a_link_is_followed_only_if_it_may_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    assert read_regular(tmp_path / "link", largest=10) == b"content"
    with pytest.raises(OSError, match="symbolic links"):
        read_regular(tmp_path / "link", largest=10, links=False)
