from __future__ import annotations

from io import StringIO

from rich.console import Console

from srstream.cli.sent import Sent


def told(sent: Sent) -> str:
    console = Console(file=StringIO(), width=200)
    sent.print_to(console)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_frames_and_rates_are_told() -> None:
    sent = Sent()
    for _ in range(30):
        assert sent.add(2_000_000, b"OK") is None
    sent.seconds = 1.5
    assert told(sent) == "30 frames in 1.5 s (20.00 per second, 40.0 MB/s)\n"
    assert sent.is_whole
    assert sent.as_dict() == {
        "frames": 30,
        "seconds": 1.5,
        "fps": 20.0,
        "mb_per_s": 40.0,
        "bytes": 60_000_000,
        "refused": {},
        "unreadable": [],
    }


def test_refusals_are_counted_by_reason_and_each_reason_is_told_once_when_it_comes() -> (
    None
):
    sent = Sent()
    replies = [b"OK", b"refused: too many senders", b"refused: too many senders"]
    assert [sent.add(1, reply) for reply in replies] == [None, "too many senders", None]
    assert not sent.is_whole
    assert "2 refused: too many senders" in told(sent)
    assert sent.as_dict()["refused"] == {"too many senders": 2}


def test_replies_without_end_fill_neither_terminal_nor_memory() -> None:
    sent = Sent()
    sent.add(1, b"refused: \x1b[2J\n\xff" + b"x" * 10_000)
    for number in range(100):
        sent.add(1, b"refused: %d" % number)
    text = told(sent)
    assert "\x1b" not in text
    assert len(text) < 1500
    assert sent.refused.total() == 101
    assert len(sent.refused) <= 21


def test_pictures_that_could_not_be_read_are_told() -> None:
    sent = Sent(unreadable=["a.png", "b.png"])
    assert not sent.is_whole
    assert "2 pictures left out" in told(sent)


def test_nothing_sent_has_no_rates() -> None:
    assert told(Sent()) == "0 frames in 0.0 s\n"
    assert Sent().as_dict()["fps"] is None
