from __future__ import annotations

import sys

import pytest

from bench.cases import bombs


@pytest.mark.skipif(sys.platform != "linux", reason="peaks of memory are told by Linux")
def test_bombs_are_read_in_a_process_each() -> None:
    report = bombs.run(bombs.Options(only="PPM: size", rounds=1))
    (each,) = report.figures["each"]
    assert each["outcome"].startswith("is 65000x65000")
    assert report.notes[0].startswith("1 of 1 refused")


def test_a_bomb_that_is_not_known_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="no bomb has 'XYZ'"):
        bombs.Options(only="XYZ")
