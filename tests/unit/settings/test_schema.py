from __future__ import annotations

import pytest

from srstream.settings.schema import DaemonSettings


@pytest.mark.parametrize("grace", [0.1, 20.0, 3600.0])
def test_a_grace_in_range_is_taken(grace: float) -> None:
    assert DaemonSettings(grace=grace).grace == grace


@pytest.mark.parametrize("grace", [0.0, -1.0, 3601.0, float("nan")])
def test_a_grace_out_of_range_is_refused(grace: float) -> None:
    with pytest.raises(ValueError, match=r"^grace is .*; allowed: 0.1 to 3600$"):
        DaemonSettings(grace=grace)


@pytest.mark.parametrize("queue_mb", [0, 65_537])
def test_a_queue_out_of_range_is_refused(queue_mb: int) -> None:
    with pytest.raises(ValueError, match=r"^queue_mb is .*; allowed: 1 to 65536$"):
        DaemonSettings(queue_mb=queue_mb)


@pytest.mark.parametrize("keep", ["90d", "12h", ""])
def test_the_ledger_is_kept_for_a_time_or_for_ever(keep: str) -> None:
    assert DaemonSettings(ledger_keep=keep).ledger_keep == keep


@pytest.mark.parametrize("keep", ["90", "50GB", "0d", "for ever"])
def test_the_ledger_is_not_kept_for_anything_else(keep: str) -> None:
    with pytest.raises(ValueError, match=r'^ledger_keep is .*; allowed: a time .* or ""'):
        DaemonSettings(ledger_keep=keep)
