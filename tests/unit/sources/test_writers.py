from __future__ import annotations

import os
import threading
from pathlib import Path

from srstream.sources.writers import open_for_writing


def test_a_file_that_somebody_writes_to_is_open_for_writing(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    with path.open("wb"):
        assert open_for_writing(path) is True
    assert open_for_writing(path) is False


def test_readers_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"x")
    with path.open("rb"):
        assert open_for_writing(path) is False


def test_of_a_file_that_cannot_be_opened_nothing_is_known(tmp_path: Path) -> None:
    assert open_for_writing(tmp_path / "missing.png") is None


def test_asking_harms_neither_us_nor_those_who_open_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"x")
    stop = threading.Event()

    def keep_asking() -> None:
        while not stop.is_set():
            open_for_writing(path)

    asking = threading.Thread(target=keep_asking)
    asking.start()
    try:
        for _ in range(200):
            os.close(os.open(path, os.O_WRONLY))
    finally:
        stop.set()
        asking.join()
