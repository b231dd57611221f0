"""Names of files as text on one line: they may hold any character but `/`."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""Return the text with what does not print written as an escape: `\n`, `\x1b`.

    So a name can neither begin a new line of a log nor command a terminal.
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def encodable(text: str) -> str:
    r"""Return the text with lone surrogates written as escapes: `\udcff` for byte 0xff.

    Names that are not UTF-8 hold them; no text file takes them, and few readers of JSON do.
    """
    return text.encode(errors="backslashreplace").decode()
