from __future__ import annotations

import asyncio
import os

import pytest

from fakes import Gate, Tally
from ledgers import CONTENT, SIGNATURE, Disk, frame
from srstream.frames import Content
from srstream.ledger import Entry, Fate, Signature

HOSTILE = ["a\nb.png", "-rf", ";$(x).png", os.fsdecode(b"\xff\xfe.png"), "x" * 255, "'\"%_"]


async def test_what_is_not_known_is_left_out(disk: Disk) -> None:
    stream = disk.stream()
    stream.took("a.png", "a", SIGNATURE)
    assert set(await stream.entries(["a.png", "b.png"])) == {"a.png"}
    assert await stream.entries([]) == {}


async def test_a_frame_goes_from_taken_to_done(disk: Disk) -> None:
    stream = disk.stream()
    stream.took("a.png", "a", SIGNATURE)
    assert await stream.entries(["a.png"]) == {
        "a.png": Entry("a.png", "a", SIGNATURE, Fate.TAKEN, None, None, "", 1_000_000.0, "")
    }
    disk.clock.advance(2.0)
    stream.publishing(frame(7), CONTENT, outputs=1, line=None)
    await stream.done(frame(7), line=None)
    assert await stream.entries(["a.png"]) == {
        "a.png": Entry("a.png", "a", SIGNATURE, Fate.DONE, CONTENT, 7, "", 1_000_002.0, "")
    }
    assert stream.last_seq == 7


async def test_what_failed_keeps_its_reason(disk: Disk) -> None:
    stream = disk.stream()
    stream.took("a.png", "a", SIGNATURE)
    await stream.failed("a.png", "not a picture: " + os.fsdecode(b"caf\xe9"))
    entry = (await stream.entries(["a.png"]))["a.png"]
    assert (entry.fate, entry.seq) == (Fate.FAILED, None)
    assert entry.reason == "not a picture: caf\\udce9"
    assert stream.last_seq == 0


async def test_what_failed_when_it_was_published_uses_its_number_up(disk: Disk) -> None:
    stream = disk.stream()
    stream.took("a.png", "a", SIGNATURE)
    stream.publishing(frame(3), CONTENT, outputs=1, line="{}")
    await stream.failed("a.png", "name too long", seq=3)
    assert stream.last_seq == 3
    assert disk.kill().last_seq == 3


async def test_new_content_makes_what_was_known_obsolete(disk: Disk) -> None:
    stream = disk.stream()
    stream.took("a.png", "a", SIGNATURE)
    await stream.failed("a.png", "not a picture", seq=4)
    await stream.moved("a.png", "/failed/a.png")
    stream.took("a.png", "a-2", Signature(101, 5_000))
    entry = (await stream.entries(["a.png"]))["a.png"]
    assert entry == Entry(
        "a.png", "a-2", Signature(101, 5_000), Fate.TAKEN, None, None, "", 1_000_000.0, ""
    )


@pytest.mark.parametrize("name", HOSTILE)
async def test_any_name_of_a_file_is_kept_byte_by_byte(disk: Disk, name: str) -> None:
    stream = disk.stream()
    stream.took(name, name, SIGNATURE)
    await stream.moved(name, f"/done/{name}")
    again = disk.kill()
    entry = (await again.entries([name]))[name]
    assert (entry.source, entry.name, entry.moved_to) == (name, name, f"/done/{name}")
    assert await again.owners([name]) == {name: name}


async def test_names_of_outputs_have_an_owner(disk: Disk) -> None:
    stream = disk.stream()
    stream.took("a.png", "a", SIGNATURE)
    stream.took("a.jpg", "a-jpg", SIGNATURE)
    assert await stream.owners(["a", "a-jpg", "b"]) == {"a": "a.png", "a-jpg": "a.jpg"}


async def test_streams_know_nothing_of_each_other(disk: Disk) -> None:
    ledger = disk.open()
    one, other = ledger.stream("one"), ledger.stream("other")
    one.took("a.png", "a", SIGNATURE)
    await one.failed("a.png", "no", seq=5)
    assert await other.entries(["a.png"]) == {}
    assert await other.owners(["a"]) == {}
    assert other.last_seq == 0
    assert ledger.stream("one") is one


async def test_a_stream_is_new_until_something_was_noted(disk: Disk) -> None:
    assert disk.stream().is_new
    stream = disk.kill()
    assert stream.is_new
    await stream.adopt([])
    assert stream.is_new  # about the opening of the ledger, not about this moment
    assert not disk.kill().is_new


async def test_what_was_done_before_is_adopted(disk: Disk) -> None:
    stream = disk.stream()
    await stream.adopt([("a.png", "a", SIGNATURE), ("b.png", "b", Signature(1, 2))])
    found = await stream.entries(["a.png", "b.png"])
    assert {entry.fate for entry in found.values()} == {Fate.DONE}
    assert found["b.png"].signature == Signature(1, 2)
    assert await stream.owners(["b"]) == {"b": "b.png"}


async def test_a_file_that_was_read_again_gets_its_new_signature(disk: Disk) -> None:
    stream = disk.stream()
    await stream.adopt([("a.png", "a", SIGNATURE)])
    await stream.verified("a.png", Signature(100, 9_000), Content(b"d" * 32, 11))
    entry = (await disk.kill().entries(["a.png"]))["a.png"]
    assert entry.fate is Fate.DONE
    assert entry.signature == Signature(100, 9_000)
    assert entry.content == Content(b"d" * 32, 11)


async def test_a_number_from_elsewhere_raises_the_last(disk: Disk) -> None:
    stream = disk.stream()
    await stream.seq_at_least(40)
    await stream.seq_at_least(30)
    assert stream.last_seq == 40
    assert disk.kill().last_seq == 40


async def test_a_frame_from_no_folder_has_a_number_and_no_row(disk: Disk) -> None:
    stream = disk.stream()
    await stream.told_up_to("stats")
    stream.publishing(frame(1, "camera"), None, outputs=0, line="{}")
    await stream.done(frame(1, "camera"), line='{"seq":1}')
    await stream.failed("camera", "torn", seq=2)
    assert await stream.entries(["camera"]) == {}
    assert stream.last_seq == 2
    assert [line.seq for line in await stream.lines(0, 9)] == [1]


async def test_more_sources_than_are_looked_up_together_are_all_found(disk: Disk) -> None:
    stream = disk.stream()
    names = [f"{number}.png" for number in range(1_234)]
    await stream.adopt([(name, name[:-4], SIGNATURE) for name in names])
    assert set(await stream.entries(names)) == set(names)
    assert len(await stream.owners([name[:-4] for name in names])) == 1_234


async def test_what_was_on_its_way_back_when_a_run_died_is_told_again(disk: Disk) -> None:
    stream = disk.open().stream("demo")
    stream.took("a.png", "a", SIGNATURE)
    await stream.failed("a.png", "not a picture")
    await stream.moved("a.png", "/failed/a.png")
    stream.took("b.png", "b", SIGNATURE)  # in hand, and never moved
    await stream._writer.do(
        lambda db: db.execute("INSERT INTO requests VALUES ('demo', CAST('a.png' AS BLOB))")
    )
    assert [entry.source for entry in await stream.retries()] == ["a.png"]
    again = disk.kill()
    await again.recover()
    (entry,) = await again.retries()
    assert (entry.source, entry.moved_to) == ("a.png", "/failed/a.png")
    assert await again.retries() == []


async def test_retries_are_told_once_and_keep_their_names(disk: Disk) -> None:
    ledger = disk.open()
    stream = ledger.stream("demo")
    for source in ("a.png", "b.png"):
        stream.took(source, source[:-4], SIGNATURE)
        await stream.failed(source, "not a picture")
    await ledger._writer.do(
        lambda db: db.execute("INSERT INTO requests VALUES ('demo', CAST('a.png' AS BLOB))")
    )
    (entry,) = await stream.retries()
    assert (entry.source, entry.fate, entry.reason) == (
        "a.png",
        Fate.FAILED,
        "not a picture",
    )
    assert await stream.retries() == []
    found = await disk.kill().entries(["a.png", "b.png"])
    assert found["a.png"].fate is Fate.TAKEN  # a crash now does not lose it
    assert found["b.png"].fate is Fate.FAILED


async def test_the_number_of_what_leaves_nothing_behind_is_kept_by_a_clean_stop(
    disk: Disk,
) -> None:
    ledger = disk.open()
    stream = ledger.stream("demo")
    for seq in range(1, 1001):
        stream.passed(seq)
    assert stream.last_seq == 1000
    assert await ledger.close()
    assert disk.kill().last_seq == 1000


async def test_the_number_of_what_leaves_nothing_behind_is_kept_with_the_next_note(
    disk: Disk,
) -> None:
    stream = disk.stream()
    stream.passed(7)
    await stream.told_up_to("stats")
    stream.passed(8)
    stream.passed(9)
    await stream.told_up_to("stats")
    assert disk.kill().last_seq == 9


async def test_numbers_that_cannot_be_written_do_not_pile_up(disk: Disk) -> None:
    ledger = disk.open()
    stream = ledger.stream("demo")
    begun, gate = Tally(), Gate()

    def hang(_: object) -> None:
        begun.add("begun")
        assert gate.wait()

    ledger._writer.post(hang)
    hanging = asyncio.create_task(stream.told_up_to("stats"))
    await begun.reached("begun")
    for seq in range(1, 1001):
        stream.passed(seq)
    assert len(ledger._writer._waiting) == 1
    gate.open()
    await hanging
