from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fakes import FakeClock
from srstream.errors import ConfigError, DecodeError, Postponed
from srstream.ports import Packet, Source, Verdict
from srstream.sources import pictures
from srstream.sources.pictures import PictureList, expand


def save(path: Path, *, value: int = 0) -> Path:
    path.parent.mkdir(exist_ok=True)
    Image.new("L", (16, 16), value).save(path, format="PNG")
    return path


def listed(
    paths: Sequence[Path], *, skip: Callable[[Path, str], bool] | None = None
) -> PictureList:
    return PictureList(paths, clock=FakeClock(5.0), skip=skip)


async def all_of(source: Source) -> list[Packet]:
    async with source.open() as packets:
        return [packet async for packet in packets]


def test_a_folder_stands_for_its_pictures_in_natural_order(tmp_path: Path) -> None:
    for name in ("f10.png", "f9.JPG", ".f1.png", "notes.txt"):
        save(tmp_path / "in" / name)
    save(tmp_path / "in" / "below" / "f2.png")
    single = save(tmp_path / "z.anything")
    assert expand([single, tmp_path / "in"]) == [
        single,
        tmp_path / "in" / "f9.JPG",
        tmp_path / "in" / "f10.png",
    ]


def test_a_file_that_is_given_twice_is_taken_once(tmp_path: Path) -> None:
    path = save(tmp_path / "in" / "a.png")
    again = tmp_path / "in" / ".." / "in" / "a.png"
    assert expand([again, tmp_path / "in"]) == [again]
    assert expand([tmp_path / "in", path]) == [path]


def test_every_path_that_is_wrong_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError) as caught:
        expand([tmp_path / "missing", tmp_path / "empty", save(tmp_path / "a.png")])
    missing, empty = map(str, caught.value.complaints)
    assert missing == f"{tmp_path}/missing: no such file or folder"
    assert empty.startswith(f"{tmp_path}/empty: no pictures in it (*.png, ")


async def test_each_picture_is_offered_once_and_then_it_ends(tmp_path: Path) -> None:
    paths = [save(tmp_path / f"{name}.png", value=ord(name)) for name in "ba"]
    source = listed(paths)
    assert (source.backlog, source.arrived) == (2, 0)
    packets = await all_of(source)
    assert [packet.name for packet in packets] == ["b", "a"]
    assert [packet.source for packet in packets] == list(map(str, paths))
    assert [packet.offered for packet in packets] == [5.0, 5.0]
    values = [packet.read().pixels[0, 0, 0] for packet in packets]
    assert values == [ord("b"), ord("a")]
    for packet in packets:
        await packet.done(Verdict.DONE)
    assert source.backlog == 0


async def test_pictures_that_would_meet_in_one_name_keep_their_whole_names(
    tmp_path: Path,
) -> None:
    paths = [tmp_path / name for name in ("a.png", "a.jpg", "b.png")]
    packets = await all_of(listed(paths))
    assert [packet.name for packet in packets] == ["a.png", "a.jpg", "b"]


async def test_what_was_done_before_is_left_out(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.png", "b.png", "c.png")]
    source = listed(paths, skip=lambda path, name: name != "b")
    assert source.kept == ((paths[0], "a"), (paths[2], "c"))
    assert source.names == ("a", "b", "c")
    assert [packet.name for packet in await all_of(source)] == ["b"]


async def test_a_returned_picture_is_offered_next(tmp_path: Path) -> None:
    source = listed([tmp_path / "a.png", tmp_path / "b.png"])
    async with source.open() as packets:
        await (await anext(packets)).done(Verdict.RETURNED)
        assert [packet.name async for packet in packets] == ["a", "b"]


async def test_what_cannot_be_read_is_named_with_its_reason(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    paths = [tmp_path / "pipe.png", tmp_path / "gone.png"]
    pipe, gone = await all_of(listed(paths))
    with pytest.raises(DecodeError, match=r"pipe\.png.* is a FIFO"):
        pipe.read()
    with pytest.raises(DecodeError, match=r"gone\.png.* vanished"):
        gone.read()


async def test_a_picture_that_changes_while_it_is_read_is_an_error_not_a_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(*_: Any, **__: Any) -> None:
        raise Postponed

    monkeypatch.setattr(pictures, "read_unchanged", change)
    (packet,) = await all_of(listed([save(tmp_path / "a.png")]))
    with pytest.raises(DecodeError, match=r"a\.png.* changed while it was read"):
        packet.read()
