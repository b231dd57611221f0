from __future__ import annotations

from ledgers import Disk, frame
from srstream.ledger import Line


async def test_without_followers_no_line_is_kept(disk: Disk) -> None:
    stream = disk.stream()
    await stream.done(frame(1), line="one")
    assert await stream.lines(0, 9) == []


async def test_lines_stay_until_the_last_follower_has_them(disk: Disk) -> None:
    stream = disk.stream()
    assert await stream.told_up_to("stats.jsonl") == 0
    assert await stream.told_up_to("more.jsonl") == 0
    for seq in (1, 2, 3):
        await stream.done(frame(seq), line=f"line {seq}")
    stream.told("stats.jsonl", 3)
    assert await stream.lines(1, 1) == [Line(2, "line 2")]
    stream.told("more.jsonl", 2)
    assert await stream.lines(0, 9) == [Line(3, "line 3")]
    again = disk.kill()
    assert await again.told_up_to("stats.jsonl") == 3
    assert await again.told_up_to("more.jsonl") == 2
    assert await again.lines(2, 9) == [Line(3, "line 3")]


async def test_a_frame_about_which_nothing_is_told_has_no_line(disk: Disk) -> None:
    stream = disk.stream()
    await stream.told_up_to("stats.jsonl")
    await stream.done(frame(1), line=None)
    assert await stream.lines(0, 9) == []


async def test_a_number_has_one_line(disk: Disk) -> None:
    stream = disk.stream()
    await stream.told_up_to("stats.jsonl")
    await stream.done(frame(1), line="first")
    await stream.done(frame(1), line="second")
    assert await stream.lines(0, 9) == [Line(1, "second")]


async def test_nothing_is_kept_for_a_file_that_is_no_longer_written(disk: Disk) -> None:
    stream = disk.stream()
    await stream.recover()
    await stream.told_up_to("old.jsonl")
    await stream.done(frame(1), line="one")
    again = disk.kill()
    await again.recover()
    assert await again.told_up_to("new.jsonl") == 0
    assert await again.lines(0, 9) == [Line(1, "one")]
    again.told("new.jsonl", 1)
    await again.done(frame(2), line="two")
    assert await again.lines(0, 9) == [Line(2, "two")]


async def test_a_follower_that_has_not_all_lines_keeps_them_over_a_restart(
    disk: Disk,
) -> None:
    stream = disk.stream()
    await stream.recover()
    await stream.told_up_to("stats.jsonl")
    await stream.done(frame(1), line="one")
    again = disk.kill()
    await again.recover()
    await again.told_up_to("stats.jsonl")
    await again.done(frame(2), line="two")
    assert await again.lines(0, 9) == [Line(1, "one"), Line(2, "two")]
