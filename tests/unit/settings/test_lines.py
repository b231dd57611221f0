from __future__ import annotations

import re
from textwrap import dedent

import pytest

from srstream.settings.lines import Lines


def marked(text: str) -> tuple[Lines, int]:
    """Return the text, and the number of its line that is marked with `<--`."""
    lines = dedent(text).split("\n")
    (number,) = [n for n, line in enumerate(lines, start=1) if "# <--" in line]
    return Lines(re.sub("# <--.*", "", dedent(text))), number


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("daemon", "# a comment\n\n[daemon] # <--\ngrace = 3"),
        ("daemon.grace", "[daemon]\nstate_dir = 'x'\ngrace = 3 # <--\n[streams]"),
        ("streams.b.scale", "[streams.a]\nscale = 2\n[streams.b]\nscale = 3 # <--"),
        ("streams.a.net.width", "[streams.a]\nnet = { type = 'x', width = 3 } # <--"),
        ("streams.a.net.width", "[streams]\na.net.type = 'x'\na.net.width = 3 # <--"),
        ("streams.a.net.width", "streams.a.net.width = 3 # <--"),
        ('streams."a b".scale', '[streams."a b"]\nseed = 1\nscale = 3 # <--'),
        ('streams."a[0]".scale', "[streams.'a[0]']\nseed = 1\nscale = 3 # <--"),
        ('streams."\\u00e9"', "[streams.a]\n[streams.'é'] # <--"),
        (
            "streams.a.sinks[1].path",
            """
            [[streams.a.sinks]]
            path = "a"
            [[streams.a.sinks]]
            type = "x"
            path = "b" # <--
            """,
        ),
        ("streams.a.sinks[1]", "[[streams.a.sinks]]\n[[streams.a.sinks]] # <--\nx = 1"),
        (
            "streams.a.sinks[1].path",
            """
            [streams.a]
            scale = 2
            sinks = [
              { type = "directory", path = "one" },
              { type = "directory", path = "two" }, # <--
            ]
            """,
        ),
        (
            "streams.a.source.pattern[1]",
            """
            [streams.a]
            source = { path = "in", pattern = [
              "*.png",
              3, # <--
            ] }
            """,
        ),
        (
            "streams.a.source.rescan",
            '''
            [streams.a]
            source = { path = """
            rescans = ]
            """, rescan = 3 } # <--
            ''',
        ),
        ("b", 'a = """\nb = 2\n"""\nb = 3 # <--'),
        ("b", "a = '\u2028'\nb = 3 # <--"),
        ("b", "a = 1\r\nb = 3 # <--\r\nc = 4\r\n"),
    ],
)
def test_a_key_is_found_on_its_line(key: str, text: str) -> None:
    lines, expected = marked(text)
    assert lines.of(key) == expected


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("streams.a.source", "[daemon]\n[streams.a] # <--\nscale = 2\n[streams.b]"),
        ("streams.a.source.path", "[streams.a]\nsource = { type = 'x' } # <--\nseed = 1"),
        (
            "streams.a.sinks[1].type",
            "[[streams.a.sinks]]\ntype = 'x'\n[[streams.a.sinks]] # <--\n[daemon]",
        ),
    ],
)
def test_a_missing_key_is_found_on_the_line_of_its_table(key: str, text: str) -> None:
    lines, expected = marked(text)
    assert lines.of(key) == expected


@pytest.mark.parametrize("key", ["streams", "streams.a", "--set a", "/etc/x.toml", ""])
def test_what_is_not_in_the_text_has_no_line(key: str) -> None:
    assert Lines("[daemon]\ngrace = 3\n").of(key) is None


@pytest.mark.parametrize("text", ["", "# nothing\n", "\n\n"])
def test_an_empty_text_has_no_keys(text: str) -> None:
    assert Lines(text).of("streams") is None


def test_a_long_text_is_not_read_line_by_line() -> None:
    text = "".join(f"[streams.s{n}]\nscale = 2\nseed = {n}\n" for n in range(1000))
    lines = Lines(text)
    assert lines.of("streams.s700.seed") == 3 * 701
    assert len(lines._read) < 20
