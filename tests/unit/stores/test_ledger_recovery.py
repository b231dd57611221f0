from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from ledgers import CONTENT, SIGNATURE, Disk, Outbox, frame
from srstream.frames import Content
from srstream.ledger import Fate, Line, Output, Recovered, Signature
from srstream.stores.stream_ledger import StreamLedger


async def begin(
    stream: StreamLedger, *, seq: int = 1, outputs: int = 1, content: Content = CONTENT
) -> None:
    stream.took("a.png", "a", SIGNATURE)
    stream.publishing(frame(seq), content, outputs=outputs, line=f"provisional {seq}")


async def fate(stream: StreamLedger) -> Fate:
    return (await stream.entries(["a.png"]))["a.png"].fate


async def test_killed_before_the_rename_it_is_done_again(
    disk: Disk, outbox: Outbox
) -> None:
    stream = disk.stream()
    await stream.told_up_to("stats")
    await begin(stream)
    output = outbox.output()
    assert await stream.intend(frame(), output)
    outbox.part(output)

    again = disk.kill()
    assert await again.recover() == Recovered(redone=1)
    assert outbox.names == []
    assert await fate(again) is Fate.TAKEN
    assert again.last_seq == 0
    assert await again.lines(0, 9) == []
    await begin(again)
    assert await again.intend(frame(), output)


async def test_killed_after_the_rename_it_is_done(disk: Disk, outbox: Outbox) -> None:
    stream = disk.stream()
    await stream.told_up_to("stats")
    await begin(stream, seq=5)
    output = outbox.output()
    await stream.intend(frame(5), output)
    outbox.part(output)
    outbox.rename(output)

    again = disk.kill()
    assert await again.recover() == Recovered(adopted=1)
    entry = (await again.entries(["a.png"]))["a.png"]
    assert (entry.fate, entry.seq, entry.content) == (Fate.DONE, 5, CONTENT)
    assert again.last_seq == 5
    assert await again.lines(0, 9) == [Line(5, "provisional 5")]
    assert outbox.names == ["a.png"]
    assert await again.recover() == Recovered()


async def test_killed_after_done_nothing_is_to_be_recovered(
    disk: Disk, outbox: Outbox
) -> None:
    stream = disk.stream()
    await stream.told_up_to("stats")
    await begin(stream)
    output = outbox.output()
    await stream.intend(frame(), output)
    outbox.part(output)
    outbox.rename(output)
    await stream.done(frame(), line="final")

    again = disk.kill()
    assert await again.recover() == Recovered()
    assert await fate(again) is Fate.DONE
    assert await again.lines(0, 9) == [Line(1, "final")]


async def test_killed_between_taking_and_publishing_it_is_taken(disk: Disk) -> None:
    stream = disk.stream()
    stream.took("a.png", "a", SIGNATURE)
    await stream.present([])
    await stream.entries(["a.png"])
    again = disk.kill()
    assert await again.recover() == Recovered()
    assert await fate(again) is Fate.TAKEN


async def test_of_two_outputs_the_one_that_stands_is_not_written_again(
    disk: Disk, outbox: Outbox
) -> None:
    stream = disk.stream()
    first, second = outbox.output("one.png"), outbox.output("two.png")
    await begin(stream, outputs=2)
    await stream.intend(frame(), first)
    await stream.intend(frame(), second)
    outbox.part(first)
    outbox.rename(first)
    outbox.part(second, b"pix")

    again = disk.kill()
    assert await again.recover() == Recovered(redone=1)
    assert outbox.names == ["one.png"]
    await begin(again, outputs=2)
    assert not await again.intend(frame(), outbox.output("one.png", b"other pixels"))
    assert await again.intend(frame(), second)
    outbox.part(second)
    outbox.rename(second)

    third = disk.kill()
    assert await third.recover() == Recovered(adopted=1)
    assert await fate(third) is Fate.DONE


async def test_an_output_of_an_earlier_attempt_does_not_make_it_done(
    disk: Disk, outbox: Outbox
) -> None:
    stream = disk.stream()
    await begin(stream, outputs=2)
    old = outbox.output("old-folder.png")
    await stream.intend(frame(), old)
    outbox.part(old)
    outbox.rename(old)

    again = disk.kill()
    assert await again.recover() == Recovered(redone=1)
    await begin(again, seq=2, outputs=1)  # configured anew: it goes elsewhere
    await again.intend(frame(2), outbox.output("new-folder.png"))

    third = disk.kill()
    assert await third.recover() == Recovered(redone=1)
    assert await fate(third) is Fate.TAKEN


async def test_what_stands_of_the_old_content_is_no_output_of_the_new(
    disk: Disk, outbox: Outbox
) -> None:
    stream = disk.stream()
    output = outbox.output()
    await begin(stream, outputs=2)
    await stream.intend(frame(), output)
    outbox.part(output)
    outbox.rename(output)
    again = disk.kill()
    assert await again.recover() == Recovered(redone=1)
    again.took("a.png", "a", Signature(9, 9))
    again.publishing(frame(), CONTENT, outputs=2, line=None)
    assert await again.intend(frame(), output)


async def test_content_of_the_same_signature_is_told_by_its_hash(
    disk: Disk, outbox: Outbox
) -> None:
    stream = disk.stream()
    output = outbox.output()
    await begin(stream, outputs=2)
    await stream.intend(frame(), output)
    outbox.part(output)
    outbox.rename(output)
    again = disk.kill()
    assert await again.recover() == Recovered(redone=1)
    await begin(again, content=Content(b"d" * 32, 7_001))
    assert await again.intend(frame(), output)


def directory(output: Output) -> None:
    Path(output.path).mkdir()


def fifo(output: Output) -> None:
    os.mkfifo(output.path)


def link(output: Output) -> None:
    target = Path(output.path).with_name("elsewhere")
    target.write_bytes(b"pixels")
    Path(output.path).symlink_to(target)


def shorter(output: Output) -> None:
    Path(output.path).write_bytes(b"pix")


def different(output: Output) -> None:
    Path(output.path).write_bytes(b"PIXELS")


def gone(output: Output) -> None:
    Path(output.path).parent.rename(Path(output.path).parent.with_name("unmounted"))


@pytest.mark.parametrize("instead", [directory, fifo, link, shorter, different, gone])
async def test_anything_else_under_the_name_does_not_stand(
    disk: Disk, outbox: Outbox, instead: object
) -> None:
    stream = disk.stream()
    await begin(stream)
    output = outbox.output()
    await stream.intend(frame(), output)
    assert callable(instead)
    instead(output)
    assert await disk.kill().recover() == Recovered(redone=1)


async def test_only_what_is_called_so_is_removed_as_temporary(
    disk: Disk, outbox: Outbox
) -> None:
    stream = disk.stream()
    precious = outbox.folder / "precious.png"
    precious.write_bytes(b"pixels")
    await begin(stream)
    output = outbox.output()
    await stream.intend(
        frame(), Output(output.path, str(precious), output.size, output.digest)
    )
    await disk.kill().recover()
    assert outbox.names == ["precious.png"]


async def test_a_frame_without_lasting_outputs_is_done_again(disk: Disk) -> None:
    stream = disk.stream()
    await begin(stream, outputs=0)
    await stream.entries([])
    await stream.told_up_to("stats")
    assert await disk.kill().recover() == Recovered(redone=1)


async def test_a_frame_from_no_folder_is_recovered_without_a_row(
    disk: Disk, outbox: Outbox
) -> None:
    stream = disk.stream()
    camera = frame(4, "camera")
    stream.publishing(camera, CONTENT, outputs=1, line=None)
    output = outbox.output()
    await stream.intend(camera, output)
    torn = disk.kill()
    assert await torn.recover() == Recovered()  # nobody can offer it again
    stream.publishing(camera, CONTENT, outputs=1, line=None)

    torn.publishing(camera, CONTENT, outputs=1, line=None)
    await torn.intend(camera, output)
    outbox.part(output)
    outbox.rename(output)
    whole = disk.kill()
    assert await whole.recover() == Recovered(adopted=1)
    assert whole.last_seq == 4
    assert await whole.entries(["camera"]) == {}


async def test_a_number_noted_for_whoever_was_cancelled_is_not_used_again(
    disk: Disk,
) -> None:
    stream = disk.stream()
    stream.took("a.png", "a", SIGNATURE)
    stream.publishing(frame(1), CONTENT, outputs=1, line=None)
    noting = asyncio.create_task(stream.done(frame(1), line=None))
    await asyncio.sleep(0)  # by now the writer has it
    noting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await noting
    assert await stream.recover() == Recovered()
    assert stream.last_seq == 1
