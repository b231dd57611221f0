from __future__ import annotations

import pytest
import typer

from srstream.cli.complaints import WRONG_USAGE, complaints
from srstream.errors import Complaint, ConfigError, SinkError


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


def test_a_bug_is_not_dressed_up() -> None:
    with pytest.raises(ZeroDivisionError), complaints():
        raise ZeroDivisionError
