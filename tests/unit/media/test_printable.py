from __future__ import annotations

import os

import pytest

from srstream.media.printable import encodable, printable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("frame 1.png", "frame 1.png"),
        ("画像é.png", "画像é.png"),
        ("two\nlines\r\t.png", r"two\nlines\r\t.png"),
        ("\x1b[31mred\x9b0m", r"\x1b[31mred\x9b0m"),
        ("\x85 and \u2028 end lines too", r"\x85 and \u2028 end lines too"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("caf\udce9", r"caf\udce9"),
    ],
)
def test_what_does_not_print_is_written_as_an_escape(text: str, expected: str) -> None:
    assert printable(text) == expected
    assert len(printable(text).splitlines()) == 1


def test_bytes_that_are_no_utf_8_become_text_and_all_else_stays() -> None:
    assert encodable("K\u00e4m\n" + os.fsdecode(b"\xff")) == "K\u00e4m\n\\udcff"
