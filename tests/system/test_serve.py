"""One daemon on a folder, as somebody sees it who drops files into it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from commands import Daemon, config_in, wait_until
from files import BAD, content, save, spoil
from pictures import edges

FRAME_KEYS = {
    *("v", "run", "stream", "seq", "source", "scale", "in_size", "out_size", "outcome"),
    *("steps", "loss_before", "loss_after", "heldout_psnr_before", "heldout_psnr_after"),
    *("heldout_psnr_bicubic", "heldout_psnr_frozen", "heldout_gain", "weight_change"),
    *("scene_change", "used", "deadline_missed", "fault", "ms", "net", "preset", "device"),
    "time",
}
STAGES = {"queue", "decode", "adapt", "upscale", "write", "total"}
OUTCOMES = {
    *("adapted", "converged", "skipped", "rolled_back", "reset", "pending", "fallback"),
    "reused",
}
USED = {"frozen", "carried", "adapted", "cached", "bicubic"}
THERE_AT_START = ("f1.png", "f2.jpg", "f10.png")
MEGABYTE = 10**6

Serve = Callable[..., Daemon]


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """The daemon that all tests here share; each drops files of other names."""
    folder = tmp_path_factory.mktemp("served")
    config = config_in(folder)
    for name in reversed(THERE_AT_START):
        save(folder / "inbox" / name)
    daemon = Daemon("--config", config, cwd=folder)
    yield daemon
    daemon.close()


@pytest.fixture
def inbox(daemon: Daemon) -> Path:
    return daemon.folder / "inbox"


@pytest.fixture
def outbox(daemon: Daemon) -> Path:
    return daemon.folder / "outbox"


def test_at_start_it_says_what_it_watches_where_results_go_and_how_long_it_takes(
    daemon: Daemon, inbox: Path, outbox: Path
) -> None:
    said = daemon.wait_for("stream ready", stream="demo")
    assert said["watches"] == str(inbox)
    assert str(outbox) in said["writes"]
    expected = daemon.wait_for("expected time per frame", stream="demo")
    assert expected["seconds"] > 0
    assert expected["of_size"] == "512x512"


def test_what_is_there_at_start_is_done_first_in_natural_order(daemon: Daemon) -> None:
    daemon.wait_for_frames(*THERE_AT_START)
    assert [line["source"] for line in daemon.stats()[:3]] == list(THERE_AT_START)


def test_results_are_named_as_their_sources_and_twice_as_large(
    daemon: Daemon, outbox: Path
) -> None:
    daemon.wait_for_frames(*THERE_AT_START)
    for name in ("f1.png", "f2.png", "f10.png"):
        with Image.open(outbox / name) as result:
            assert (result.format, result.size, result.mode) == ("PNG", (48, 40), "RGB")


def test_a_file_that_is_copied_or_moved_in_is_taken(daemon: Daemon, inbox: Path) -> None:
    save(daemon.folder / "original.png")
    shutil.copy(daemon.folder / "original.png", inbox / "copied.png")
    (daemon.folder / "original.png").rename(inbox / "moved.png")
    (inbox / "renamed.png.tmp").write_bytes(content())
    (inbox / "renamed.png.tmp").rename(inbox / "renamed.png")
    daemon.wait_for_frames("copied.png", "moved.png", "renamed.png")


def test_a_half_written_file_is_never_taken(daemon: Daemon, inbox: Path) -> None:
    whole = content()
    with (inbox / "slow.png").open("wb", buffering=0) as file:
        for end in (1, 2):
            file.write(whole[(end - 1) * len(whole) // 3 : end * len(whole) // 3])
            # Another file is noticed, settles and is done while this one stands still.
            save(inbox / f"meanwhile{end}.png")
            daemon.wait_for_frames(f"meanwhile{end}.png")
        assert "slow.png" not in {line["source"] for line in daemon.stats()}
        file.write(whole[2 * len(whole) // 3 :])
    daemon.wait_for_frames("slow.png")
    assert not daemon.heard("frame skipped", source="slow.png")


def test_two_sources_that_would_meet_in_one_name_keep_their_whole_names(
    daemon: Daemon, inbox: Path, outbox: Path
) -> None:
    together = daemon.folder / "together"
    together.mkdir()
    save(together / "same.jpg")
    save(together / "same.png")
    for path in together.iterdir():
        path.rename(inbox / path.name)
    daemon.wait_for_frames("same.jpg", "same.png")
    names = {path.name for path in outbox.glob("same*")}
    assert names == {"same.jpg.png", "same.png.png"}


def test_new_content_under_an_old_name_is_a_new_frame(
    daemon: Daemon, inbox: Path, outbox: Path
) -> None:
    for side in (20, 30):
        save(inbox / "again.png", edges(side, side))
        wait_until(
            lambda side=side: any(
                line["source"] == "again.png" and line["in_size"] == [side, side]
                for line in daemon.stats()
            ),
            f"again.png of {side}x{side}",
        )
    with Image.open(outbox / "again.png") as result:
        assert result.size == (60, 60)


def test_odd_names_come_out_as_they_are(daemon: Daemon, inbox: Path, outbox: Path) -> None:
    names = [
        *(b"two words.png", b"-rf.png", b"new\nline.png", b"$(touch owned).png"),
        *("画像 é.png".encode(), b"\xff\xfe.png", b"\x1b[31m.png", b"n" * 251 + b".png"),
    ]
    for name in names:
        (inbox / os.fsdecode(name)).write_bytes(content())
    results = [outbox / os.fsdecode(name) for name in names]
    wait_until(lambda: all(path.is_file() for path in results), "all the odd names")
    assert not (daemon.folder / "owned").exists()
    daemon.wait_for_frames("new\nline.png", "\\udcff\\udcfe.png", "\x1b[31m.png")


def test_a_name_that_is_refused_cannot_break_the_log(daemon: Daemon, inbox: Path) -> None:
    (inbox / "\x1b[2J\u2028\n{}.png").write_text("not a picture")
    said = daemon.wait_for("frame skipped", source="\x1b[2J\u2028\n{}.png")
    assert r"\x1b[2J\u2028\n{}.png is not a picture" in said["reason"]


def test_bad_files_are_named_once_each_and_good_ones_beside_them_come_out(
    daemon: Daemon, inbox: Path
) -> None:
    save(inbox / "before.png")
    daemon.wait_for_frames("before.png")
    memory = daemon.memory
    save(inbox / "aa.png")
    spoil(inbox)
    save(inbox / "zz.png")
    for name, reason in BAD.items():
        said = daemon.wait_for("frame skipped", source=name)
        assert reason in said["reason"]
        assert name in said["reason"]
    daemon.wait_for_frames("aa.png", "zz.png")
    assert daemon.memory < memory + 100 * MEGABYTE
    save(inbox / "later.png")
    daemon.wait_for_frames("later.png")  # and a rescan, which saw the bad ones again
    assert all(len(daemon.heard("frame skipped", source=name)) == 1 for name in BAD)


def test_a_picture_of_one_pixel_is_enlarged_by_bicubic_and_said_so(
    daemon: Daemon, inbox: Path, outbox: Path
) -> None:
    save(inbox / "dot.png", np.full((1, 1, 3), 99, np.uint8))
    daemon.wait_for_frames("dot.png")
    assert daemon.heard("frame enlarged by bicubic alone", source="dot.png", size="1x1")
    (line,) = [line for line in daemon.stats() if line["source"] == "dot.png"]
    assert line["outcome"] == "fallback"
    with Image.open(outbox / "dot.png") as result:
        np.testing.assert_array_equal(result, np.full((2, 2, 3), 99))


def test_every_line_of_the_statistics_keeps_the_contract(daemon: Daemon) -> None:
    daemon.wait_for_frames(*THERE_AT_START)
    lines = daemon.stats()
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    assert len({line["run"] for line in lines}) == 1
    for line in lines:
        assert line.keys() >= FRAME_KEYS
        assert line["ms"].keys() >= STAGES
        assert line["v"] == 1
        assert (line["stream"], line["scale"]) == ("demo", 2)
        assert line["out_size"] == [2 * side for side in line["in_size"]]
        assert line["outcome"] in OUTCOMES
        assert line["used"] in USED
        assert (line["deadline_missed"], line["fault"]) == (False, None)
        assert isinstance(line["scene_change"], bool)
        assert line["ms"]["total"] >= line["ms"]["upscale"] >= 0
        when = datetime.fromisoformat(line["time"])
        assert when.tzinfo == UTC
        assert abs((datetime.now(UTC) - when).total_seconds()) < 3600
    (adapted, *_) = (line for line in lines if line["outcome"] == "adapted")
    assert adapted["steps"] == 1
    assert adapted["loss_before"] is not None
    assert adapted["weight_change"] > 0


def test_results_below_the_watched_folder_are_not_taken_again(serve: Serve) -> None:
    daemon = serve("--set", "streams.demo.sinks[0].path=inbox/out")
    for name in ("a.png", "b.png"):
        save(daemon.folder / "inbox" / name)
        daemon.wait_for_frames(name)
    assert daemon.stop() == 0
    assert [line["source"] for line in daemon.stats()] == ["a.png", "b.png"]
    assert daemon.heard("stream ended", done=2, failed=0)
