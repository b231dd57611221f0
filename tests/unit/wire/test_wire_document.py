"""docs/wire.md says what the code does: its example, its tables, its reader."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from srstream.frames import Origin
from srstream.wire.incoming import read_message
from srstream.wire.message import VERSION, Message
from srstream.wire.outgoing import (
    Payload,
    Published,
    imagezmq_message,
    native_message,
    native_statistics,
    topic,
)
from srstream.wire.payload import DTYPES
from srstream.wire.reasons import Reason

TEXT = (Path(__file__).parents[3] / "docs" / "wire.md").read_text(encoding="utf-8")
PIXELS = np.array([[[65_535, 0, 256], [4660, 0, 1]]], np.uint16)
SAID = Published(
    stream="demo",
    seq=7,
    run="5f0c2a",
    scale=2,
    origin=Origin("cam1", 41, 1800, (1, 90_000), "srgb"),
)


def section(title: str) -> str:
    found = re.search(rf"^##+ {title}\n(.*?)(?=^##+ |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def blocks(title: str, language: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)\n```$", section(title), re.MULTILINE | re.DOTALL)
    return [text for written, text in found if written == language]


def rows(title: str) -> list[list[str]]:
    text = section(title).replace("\\|", "\0")
    lines = re.findall(r"^\| (.*) \|$", text, re.MULTILINE)
    cells = [[cell.replace("\0", "|") for cell in line.split(" | ")] for line in lines]
    return [row for row in cells if not set("".join(row)) <= set("-|")]


def named(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_the_example_is_what_is_sent_byte_by_byte() -> None:
    first, start = (bytes.fromhex(block) for block in blocks("Byte by byte", ""))
    (header,) = blocks("Byte by byte", "json")
    table = [row for row in rows("Byte by byte") if row[0].isdigit()]
    pixels = b"".join(bytes.fromhex(named(row[1])[0]) for row in table)
    sent = [topic("demo", "frame"), *native_message(PIXELS, SAID, Payload())]
    assert [bytes(part) for part in sent] == [first, header.encode(), pixels]
    assert header.encode().startswith(start)
    offset = 0
    for row, value in zip(table, PIXELS.ravel(), strict=True):
        assert int(row[0]) == offset
        assert row[2].endswith(f": {value}")
        offset += len(bytes.fromhex(named(row[1])[0]))


def test_the_example_is_read_as_it_is_explained() -> None:
    (header,) = blocks("Byte by byte", "json")
    table = [row for row in rows("Byte by byte") if row[0].isdigit()]
    pixels = b"".join(bytes.fromhex(named(row[1])[0]) for row in table)
    said = read_message([b"demo/frame", header.encode(), pixels], max_pixels=2)
    assert isinstance(said, Message)
    assert said.origin == Origin("cam1", 7, 1800, (1, 90_000), "srgb")
    np.testing.assert_array_equal(said.read().pixels, PIXELS)


@pytest.mark.parametrize("is_mirrored", [False, True])
def test_the_reader_of_the_document_reads_what_is_sent(is_mirrored: bool) -> None:
    (code,) = blocks("A reader", "python")
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - our own document
    pixels = PIXELS[:, :, ::-1] if is_mirrored else PIXELS
    parts = native_message(pixels, SAID, Payload())
    header, picture = names["frame_of"]([b"demo/frame", *parts])
    assert (header["seq"], header["order"]) == (7, "bgr" if is_mirrored else "rgb")
    np.testing.assert_array_equal(picture, pixels)


def test_every_key_that_is_written_is_explained_and_no_other() -> None:
    explained = [
        named(row[0])[0]
        for row in rows("The native message, version 1")
        if row[0].startswith("`")
    ]
    whole = Published("demo", 1, "r", 2, Origin("cam1", 1, 1, (1, 25), "srgb", "t"), {})
    pixels = PIXELS
    frame = json.loads(bytes(native_message(pixels, whole, Payload())[0]))
    alone = json.loads(bytes(native_statistics(whole)[0]))
    assert set(explained) == set(frame) | set(alone)
    foreign = json.loads(bytes(imagezmq_message(pixels, whole, Payload())[0]))
    assert set(foreign) <= set(named(section("imagezmq")))


def test_the_version_of_the_document_is_that_of_the_code() -> None:
    assert f"## The native message, version {VERSION}\n" in TEXT
    assert f"**`srstream` is the version: {VERSION}.**" in TEXT


def test_every_type_of_pixels_is_listed() -> None:
    table = [row for row in rows("Pixels") if named(row[0]) not in ([], ["dtype"])]
    listed = [name for row in table for name in named(row[0]) + named(row[1])]
    assert sorted(listed) == sorted(DTYPES)


def test_every_reason_is_listed_once() -> None:
    listed = [named(row[0])[0] for row in rows("What is refused") if "`" in row[0]]
    assert listed == [reason.value for reason in Reason]
