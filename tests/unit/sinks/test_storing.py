from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from srstream.errors import SinkError, SinkUnavailable
from srstream.sinks.storing import folder_error, sink_error, store


def test_a_full_disk_may_pass_and_the_message_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SinkUnavailable, match=r"a\.png: .*No space left on device"):
        store(tmp_path / "a.png", b"new")


def test_a_folder_in_the_place_of_the_file_does_not_pass(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    with pytest.raises(SinkError, match=r"a\.png: .*[Dd]irectory") as raised:
        store(tmp_path / "a.png", b"new")
    assert not isinstance(raised.value, SinkUnavailable)


@pytest.mark.parametrize(
    "number",
    [errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EBUSY, errno.ESTALE, errno.EIO],
)
def test_what_time_mends_is_unavailable_and_keeps_its_number(number: int) -> None:
    error = sink_error(Path("a.png"), OSError(number, os.strerror(number)))
    assert isinstance(error, SinkUnavailable)
    assert error.errno == number


@pytest.mark.parametrize("number", [errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG])
def test_no_frame_is_at_fault_for_its_folder(number: int) -> None:
    error = folder_error(Path("outbox"), OSError(number, os.strerror(number)))
    assert isinstance(error, SinkUnavailable)
    assert error.errno == number
    assert str(error).startswith("outbox: cannot be used: ")
