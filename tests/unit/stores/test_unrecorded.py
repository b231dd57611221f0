from __future__ import annotations

from srstream.frames import FrameId
from srstream.stores.unrecorded import Unrecorded


async def test_only_the_last_number_is_remembered() -> None:
    ledger = Unrecorded()
    await ledger.done(FrameId("demo", 7, "a.png", "a"), line="{}")
    assert ledger.last_seq == 7
    assert await ledger.entries(["a.png"]) == {}
    assert await ledger.lines(0, 10) == []
    ledger.passed(9)
    assert ledger.last_seq == 9
