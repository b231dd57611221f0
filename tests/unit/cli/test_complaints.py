from __future__ import annotations

import errno

import pytest
import typer

from srstream.cli.complaints import WRONG_USAGE, complaints, crashes
from srstream.errors import (
    Complaint,
    ConfigError,
    DeviceLostError,
    SinkError,
    SrstreamError,
    StateDirError,
    StateDirInUse,
)


def test_every_complaint_has_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as caught, complaints():
        raise ConfigError(Complaint("streams", "missing"), Complaint("", "a\n\x1b[1m: no"))
    assert caught.value.exit_code == 78
    assert capsys.readouterr().err == (
        "srstream: streams: missing\nsrstream: a\\n\\x1b[1m: no\n"
    )


def test_a_command_without_a_configuration_was_used_wrongly() -> None:
    with pytest.raises(typer.Exit) as caught, complaints(WRONG_USAGE):
        raise ConfigError(Complaint("--preset", "unknown"))
    assert caught.value.exit_code == 2


def test_any_other_error_of_ours_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as caught, complaints():
        raise SinkError("/out: read-only file system")
    assert caught.value.exit_code == 1
    assert capsys.readouterr().err == "srstream: /out: read-only file system\n"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (StateDirInUse("/state: process 7 uses it"), 1),
        (StateDirError("/state: no space left"), 73),
        (DeviceLostError("cuda:0 does not answer"), 74),
    ],
)
def test_who_supervises_us_learns_what_kind_of_error_it_was(
    error: SrstreamError, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as caught, crashes(), complaints():
        raise error
    assert caught.value.exit_code == status
    assert capsys.readouterr().err == f"srstream: {error}\n"


def test_a_complaint_begins_with_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit), complaints():
        raise ConfigError(Complaint("daemon.grace", "found 0", where="a.toml:3"))
    assert capsys.readouterr().err == "srstream: a.toml:3: daemon.grace: found 0\n"


def test_a_crash_has_its_traceback_and_a_status_of_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(typer.Exit) as caught, crashes(), complaints():
        raise ZeroDivisionError
    assert caught.value.exit_code == 70
    assert "Traceback" in capsys.readouterr().err


def test_a_full_disk_below_what_a_command_prints_is_no_bug(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(typer.Exit) as caught, crashes():
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.exit_code == 1
    assert capsys.readouterr().err == "srstream: No space left on device\n"


def test_any_other_error_of_the_system_is_a_bug(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(typer.Exit) as caught, crashes():
        raise OSError(errno.EBADF, "Bad file descriptor")
    assert caught.value.exit_code == 70
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    "end", [typer.Exit(3), typer.Abort(), typer.BadParameter("no"), BrokenPipeError()]
)
def test_the_end_of_a_command_is_no_crash(end: Exception) -> None:
    with pytest.raises(type(end)), crashes():
        raise end


def test_a_bug_is_not_dressed_up() -> None:
    with pytest.raises(ZeroDivisionError), complaints():
        raise ZeroDivisionError
