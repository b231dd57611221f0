"""Frames over ZeroMQ: what the cases are made of, and the cases at sizes of a moment."""

from __future__ import annotations

import signal
import socket
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import zmq

from bench.cases import feed, flood, fuzz, resume, subscribers
from bench.cases.resume import Trial
from bench.children import started
from bench.endpoints import address_of, free_endpoint, wait_for_listener
from bench.flooding import longest_silence
from bench.mutants import captured, mutants
from bench.stage import Identity
from bench.stamps import DIFFERENT, Frames, Seen, Stamp, stamp_of
from bench.subscribing import Got
from bench.zmtp import connected, part, shake_hands, strange_frames, strange_start
from fakes import frame
from srstream.wire.incoming import read_message
from srstream.wire.message import Goodbye, Message, Statistics
from srstream.wire.outgoing import (
    Payload,
    Published,
    imagezmq_message,
    native_message,
)

SMALL, LARGE = (8, 4), (1000, 400)


def pixels_of(sender: int, *numbers: int, size: tuple[int, int] = SMALL) -> list[bytes]:
    frames = Frames(*size, sender=sender)
    return [frames[number].tobytes() for number in numbers]


def test_a_frame_says_who_sent_it_and_which_it_is() -> None:
    (pixels,) = pixels_of(3, 70_000)
    assert stamp_of(pixels) == Stamp(3, 70_000)
    assert stamp_of(bytes(1_000)) is None
    assert stamp_of(b"") is None


def test_large_frames_are_made_once_and_their_numbers_begin_anew() -> None:
    frames = Frames(*LARGE, sender=0)
    assert frames[DIFFERENT + 2] is frames[2]
    assert stamp_of(frames[DIFFERENT + 2].tobytes()) == Stamp(0, 2)


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_frames_in_their_turn_are_seen_as_such(size: tuple[int, int]) -> None:
    seen = Seen()
    for number in range(DIFFERENT + 3):
        for sender in (0, 1):
            seen.note(*pixels_of(sender, number, size=size))
    assert seen == Seen(seen.frames, out_of_turn=0, strangers=0)
    assert seen.frames == {0: DIFFERENT + 3, 1: DIFFERENT + 3}


@pytest.mark.parametrize("numbers", [(0, 2), (0, 0), (1, 0)])
def test_a_frame_that_is_lost_repeated_or_overtaken_is_noticed(
    numbers: tuple[int, ...],
) -> None:
    seen = Seen()
    for pixels in pixels_of(0, *numbers):
        seen.note(pixels)
    seen.note(b"something else")
    assert seen.out_of_turn
    assert seen.strangers == 1


def test_every_captured_message_is_taken() -> None:
    said = {name: read_message(parts, max_pixels=100) for name, parts in captured().items()}
    assert isinstance(said.pop("netgear goodbye"), Goodbye)
    assert isinstance(said.pop("native statistics"), Statistics)
    for name, message in said.items():
        assert isinstance(message, Message), name
        assert message.read().size == (6, 4), name


def test_the_same_seed_makes_the_same_messages() -> None:
    first, again, other = (list(islice(mutants(seed), 50)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_messages_are_read_and_what_is_wrong_is_counted() -> None:
    found = fuzz.fuzz(fuzz.Options(cases=300, good=0))
    assert found.taken + sum(found.reasons.values()) == 300
    assert found.taken > 20
    assert len(found.reasons) > 8
    assert not found.crashes
    assert 0 < found.longest < fuzz.LONGEST


def test_a_crash_is_told_with_its_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object, **__: object) -> None:
        raise ZeroDivisionError("bug")

    monkeypatch.setattr(fuzz, "read_message", crash)
    found = fuzz.Found()
    found.note([b"{}", b"x"])
    assert found.crashes == ["ZeroDivisionError('bug') from [b'{}', b'x']"]


def test_srstream_makes_no_copy_of_raw_pixels_around_the_engine() -> None:
    memory = np.arange(8 * 4 * 3, dtype=np.uint8)
    for source, name in (
        (b'{"srstream": 1, "dtype": "uint8", "shape": [4, 8, 3]}', "native"),
        (b'{"msg": "x", "dtype": "uint8", "shape": [4, 8, 3]}', "imagezmq"),
    ):
        said = read_message([source, memory.data], max_pixels=100)
        assert isinstance(said, Message)
        pixels = said.read().pixels
        make = native_message if name == "native" else imagezmq_message
        _, body = make(pixels, Published("x"), Payload())
        copies = not np.shares_memory(np.frombuffer(body, np.uint8), memory)
        assert copies == feed.COPIES[name]


def test_the_stage_gives_the_very_pixels_back() -> None:
    processor, given = Identity(), frame()
    processor.begin(given)
    assert processor.advance(0.0)
    assert processor.finish().pixels is given.picture.pixels


def test_a_peer_can_shake_hands_and_send_a_message_byte_by_byte() -> None:
    with zmq.Context() as context, context.socket(zmq.PULL) as pull:
        pull.setsockopt(zmq.RCVTIMEO, 10_000)
        port = pull.bind_to_random_port("tcp://127.0.0.1")
        with connected(f"tcp://127.0.0.1:{port}") as plain:
            shake_hands(plain, b"PUSH")
            plain.sendall(part(b"header", more=True) + part(bytes(300)))
            assert pull.recv_multipart() == [b"header", bytes(300)]


def test_what_is_sent_beside_messages_is_of_many_kinds_and_drawn_from_a_seed() -> None:
    for kind in (strange_start, strange_frames):
        first, again = (np.random.default_rng(1) for _ in range(2))
        drawn = [kind(first) for _ in range(40)]
        assert drawn == [kind(again) for _ in range(40)]
        assert len(set(drawn)) > 10


def test_the_longest_silence_counts_from_the_start_to_the_end() -> None:
    assert longest_silence([1.0, 2.0, 5.0, 6.0], start=1.5, end=7.0) == 3.0
    assert longest_silence([], start=1.5, end=7.0) == 5.5
    assert longest_silence([2.0], start=1.5, end=7.0) == 5.0


def test_a_free_endpoint_is_waited_for_until_somebody_listens() -> None:
    endpoint = free_endpoint()
    with pytest.raises(ValueError, match="nobody will listen"):
        wait_for_listener(endpoint, within=10.0, is_alive=lambda: False)
    with socket.create_server(address_of(endpoint)):
        assert wait_for_listener(endpoint, within=10.0) < 10.0


def test_a_process_that_ends_by_itself_is_told_with_its_last_words(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; print('[1]'); sys.exit('no disk')"]
    with started(command, log=tmp_path / "log") as process:
        assert process.hear(within=30.0) == [1]
        with pytest.raises(ValueError, match=r"ended by itself\nno disk"):
            process.hear(within=30.0)


def test_a_process_can_be_told_something_and_stopped(tmp_path: Path) -> None:
    echo = "import sys\nfor line in sys.stdin: print(line, end='', flush=True)"
    with started([sys.executable, "-c", echo], log=tmp_path / "log") as process:
        process.tell("7")
        assert process.hear(within=30.0) == 7
        assert process.is_alive
        assert process.stop(signal.SIGTERM) < 30.0
        assert not process.is_alive


def test_missed_frames_are_held_against_the_gaps() -> None:
    every = [Got(0, n, n + 1) for n in range(3)] + [Got(1, n, n + 4) for n in range(5)]
    assert subscribers.missed(every, (3, 5)) == (0, 0)
    assert subscribers.missed([*every[1:3], *every[6:]], (3, 5)) == (3, 3)


def test_a_number_that_is_not_the_frames_own_is_noticed() -> None:
    with pytest.raises(ValueError, match="is not the 4th"):
        subscribers.missed([Got(0, 0, 1), Got(1, 0, 3)], (3, 5))
    with pytest.raises(ValueError, match="is not the 4th"):
        subscribers.missed([Got(0, 0, 1), Got(1, 0, 4 + DIFFERENT)], (3, 5))


def test_a_signal_has_a_share_of_senders_that_resumed() -> None:
    trials = [
        Trial(name, gap, resumed, 0.1, 2.0)
        for name in ("SIGTERM", "SIGKILL")
        for gap, resumed in ((0.033, True), (0.001, name == "SIGTERM"))
    ]
    report = resume.report_of(trials, resume.Options(trials=2))
    found = {goal["what"]: goal["found"] for goal in report.figures["goals"]}
    assert found == {"SIGTERM: % that resumed": 100.0, "SIGKILL: % that resumed": 50.0}


def test_small_and_large_frames_pass_a_stage() -> None:
    small = feed.Options(small=40, large=10, rounds=1, width=320, height=240)
    report = feed.run(small)
    found = {goal["what"]: goal["found"] for goal in report.figures["goals"]}
    assert found["small frames that came"] == 40
    assert found["small frames out of turn"] == 0
    for way in ("native", "imagezmq"):
        assert found[f"{way}: large frames lost or out of turn"] == 0
        assert len(report.figures[way]["bare_per_second"]) == 1


@pytest.mark.slow
def test_a_subscriber_that_stopped_is_measured() -> None:
    tiny = subscribers.Options(frames=40, fps=200.0, budget_mb=1, width=640, height=480)
    report = subscribers.run(tiny)
    assert report.figures["alone"]["fast"] == 40
    assert report.figures["beside"]["missed"] == report.figures["beside"]["gaps"]


def test_a_good_sender_passes_beside_hostile_ones() -> None:
    report = fuzz.run(fuzz.Options(cases=10, good=50))
    found = {goal["what"]: goal["found"] for goal in report.figures["goals"]}
    assert found["good frames lost"] == found["good frames out of turn"] == 0
    assert report.figures["beside"]["connections"] > 0


def test_a_small_flood_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flood, "_AFTER", 0.2)
    report = flood.run(flood.Options(floods=2, parts=3, part_mb=0.1))
    assert {"plaintext", "curve"} <= report.figures.keys()
    assert all(report.figures[name]["is_alive"] for name in ("plaintext", "curve"))
    assert all(report.figures[name]["answered"] for name in ("plaintext", "curve"))


def test_a_restart_is_tried_with_each_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resume, "_PATIENCE", 0.5)
    report = resume.run(resume.Options(trials=1, through="stage"))
    assert [t["signal"] for t in report.figures["trials"]] == ["SIGTERM", "SIGKILL"]
