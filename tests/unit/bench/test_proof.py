"""What the benches of the daemon's promises find out, on data made by hand."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.cases import arrivals, kills, million, order
from bench.goals import Goal, judged
from bench.kills import Phase, choose
from bench.resident import most_resident, resident_mb
from bench.results_folder import names_in, partial, snapshot, unfinished, written_again
from bench.serving import moment_of
from bench.tiny import Tiny, fill, fill_quickly, lines_in, noise
from bench.told import Told, told_in
from bench.trace import Step, calls_in, named, steps_kept
from bench.writers import Pace, Way, pieces, write
from srstream.settings import load
from srstream.stores.schema import SCHEMA


def test_a_goal_is_met_up_to_its_limit() -> None:
    report = judged("goals", [Goal("a", 1.0, 1.0), Goal("b", 1, 0)], {"seen": 3})
    assert report.notes == ("MISSED: b.",)
    assert report.figures["seen"] == 3
    assert [goal["met"] for goal in report.figures["goals"]] == [True, False]
    assert judged("goals", [Goal("a", 0, 0)], {}).notes == ("All goals met.",)


def test_what_was_written_again_is_seen_though_its_content_is_the_same(
    tmp_path: Path,
) -> None:
    for name in ("kept", "again", "gone", "changed"):
        (tmp_path / name).write_bytes(b"content")
    before = snapshot(tmp_path, tmp_path / "missing")
    (tmp_path / "new").write_bytes(b"content")
    (tmp_path / "new").replace(tmp_path / "again")
    (tmp_path / "gone").unlink()
    (tmp_path / "changed").write_bytes(b"kontent")
    (tmp_path / "more").touch()
    again = written_again(before, snapshot(tmp_path))
    assert {path.name for path in again} == {"again", "gone", "changed"}


def test_pictures_that_are_cut_short_are_partial(tmp_path: Path) -> None:
    whole = noise(np.random.default_rng(0), 32)
    (tmp_path / "whole.png").write_bytes(whole)
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / ".dead-1.part").write_bytes(whole[:10])
    assert partial(tmp_path) == ["cut.png"]
    assert sorted(names_in(tmp_path)) == ["cut.png", "whole.png"]
    assert unfinished(tmp_path) == [".dead-1.part"]


def test_torn_and_repeated_lines_are_counted(tmp_path: Path) -> None:
    stats = tmp_path / "stats.jsonl"
    line = '{"run":"r","stream":"s","seq":%d,"source":"%s"}\n'
    stats.write_text(
        line % (1, "a") + line % (2, "b") + "torn}\n" + line % (2, "b") + '{"r'
    )
    told = told_in(stats)
    assert (told.lines, told.torn, told.repeated, told.runs) == (3, 2, 1, 1)
    assert told.sources == {"a": 1, "b": 2}
    assert told_in(tmp_path / "missing") == Told(0, 0, 0, Counter(), 0)


def test_the_tiny_daemons_configuration_is_right(tmp_path: Path) -> None:
    tiny = Tiny(
        tmp_path / "tiny",
        source={"rescan": 60.0},
        stream={"deterministic": True},
        twice=True,
    )
    settings = load(tiny.config, environ={})
    (stream,) = settings.streams.values()
    assert stream.deterministic
    assert stream.source.rescan == 60.0
    assert [tiny.folder / sink.path for sink in stream.sinks] == [
        *(tiny.outbox, tiny.beside),
        tiny.stats,
    ]
    frozen = load(Tiny(tmp_path / "frozen", adapts=False).config, environ={})
    assert frozen.streams["bench"].session.adapt.mode == "frozen"


def test_tiny_pictures_sort_as_they_are_numbered(tmp_path: Path) -> None:
    paths = fill(tmp_path, 3) + fill_quickly(tmp_path, 3, first=3)
    assert sorted(tmp_path.iterdir()) == paths
    assert len({path.read_bytes() for path in paths[:3]}) == 3
    assert lines_in(tmp_path / "missing") == 0


def test_kills_are_spread_over_all_phases_and_never_wait_for_more_than_there_is() -> None:
    draw = np.random.default_rng(0)
    moments = [choose(draw, frames_left=500, kills_left=100, start=3.0) for _ in range(500)]
    counts = Counter(moment.phase for moment in moments)
    assert min(counts[phase] for phase in Phase) > 40
    frames = [moment.frames for moment in moments if moment.phase is Phase.WORKING]
    # Five frames per kill: some three of them seen, and the others done meanwhile.
    assert 1 <= min(frames) < max(frames) <= 7
    for left in range(1, 30):
        moment = choose(draw, frames_left=left, kills_left=1, start=3.0)
        assert moment.frames < left


def test_findings_of_kills_are_held_against_what_was_asked() -> None:
    good = kills.Found(pictures=4, kills=2)
    bad = kills.Found(pictures=4, kills=1, lost=1, done_twice={Path("a")})
    options = kills.Options(pictures=4, kills=2, plain_kills=2)
    report = kills.report_of({"deterministic": good, "plain": bad}, options)
    assert report.notes == (
        "MISSED: plain: kills that were not made; plain: outputs lost; "
        "plain: outputs written twice.",
    )
    assert report.figures["plain"]["done_twice"] == 1


PART, FINAL = "/t/outbox/.ab-1.part", "/t/outbox/frame.png"
WAL = "/t/state/ledger.db-wal"
IN_ORDER = f"""\
7 pwrite64(5<{WAL}>, "\\0\\0{PART}\\3", 4096, 32) = 4096
7 fdatasync(5<{WAL}>) = 0
8 openat(AT_FDCWD</t>, "{PART}", O_WRONLY|O_CREAT|O_EXCL, 0666) = 9<{PART}>
8 write(9<{PART}>, "\\211PNG", 900) = 900
8 fsync(9<{PART}> <unfinished ...>
7 write(2</t/log>, "hello", 5) = 5
8 <... fsync resumed>) = 0
8 rename("{PART}", "{FINAL}") = 0
8 fsync(9</t/outbox>) = 0
7 pwrite64(5<{WAL}>, "\\0frame.png\\0", 4096, 4128) = 4096
7 fdatasync(5<{WAL}>) = 0
6 write(9</t/stats.jsonl>, "{{\\"seq\\":1,\\"source\\":\\"frame.png\\"}}\\n", 40) = 40
""".splitlines()


def steps_of(lines: list[str]) -> set[Step]:
    calls = calls_in(lines)
    ((part, final, rename),) = named(calls, "/t/outbox")
    assert (part, final) == (PART, FINAL)
    return steps_kept(
        calls,
        part=part,
        rename=rename,
        source="frame.png",
        folder="/t/outbox",
        ledger=WAL,
        stats="/t/stats.jsonl",
    )


def test_calls_that_are_interrupted_by_others_are_put_together() -> None:
    calls = calls_in([*IN_ORDER, '9 openat(AT_FDCWD, "x", O_RDONLY) = -1 ENOENT (No such)'])
    assert len(calls) == 11  # 12 lines about 11 calls; what failed is left out
    (sync,) = (call for call in calls if call.is_on(PART) and call.name == "fsync")
    assert (sync.began, sync.ended) == (4, 6)


def test_an_output_in_order_keeps_all_steps() -> None:
    assert steps_of(IN_ORDER) == set(Step)


def swapped(first: int, second: int) -> Callable[[list[str]], list[str]]:
    def swap(lines: list[str]) -> list[str]:
        lines[first], lines[second] = lines[second], lines[first]
        return lines

    return swap


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        (swapped(1, 2), Step.INTENT),  # the file is made before the ledger is synced
        (lambda lines: lines[:4] + lines[7:], Step.SYNCED),
        (swapped(6, 7), Step.SYNCED),  # named before the sync is over
        (lambda lines: lines[:8] + lines[9:], Step.FOLDER),
        (swapped(8, 10), Step.DONE),  # noted before the folder is synced
        (swapped(10, 11), Step.TOLD),  # told before the ledger is synced
    ],
)
def test_an_output_out_of_order_misses_a_step(
    change: Callable[[list[str]], list[str]], missing: Step
) -> None:
    assert missing not in steps_of(change(list(IN_ORDER)))


def test_an_output_that_never_got_its_name_counts_as_out_of_order(tmp_path: Path) -> None:
    assert order.kept_in([], Tiny(tmp_path)) == {}


@pytest.mark.parametrize("way", list(Way))
def test_every_writer_writes_all_of_it(tmp_path: Path, way: Way) -> None:
    path = tmp_path / "file.png"
    longest = write(path, b"0123456789", way, Pace(300, 0.01))
    assert path.read_bytes() == b"0123456789"
    assert list(tmp_path.iterdir()) == [path]
    assert longest == 0.0 if way is Way.MOVED else longest >= 0.01


def test_pieces_are_what_comes_in_during_a_pause() -> None:
    assert Pace(64_000, 0.45).piece == 28_800
    assert pieces(b"abcde", 2) == [b"ab", b"cd", b"e"]
    assert pieces(b"", 2) == [b""]


def test_the_ways_of_arriving_are_mixed_and_files_take_some_pieces() -> None:
    options = arrivals.Options(files=8)
    plans = arrivals.plan(options)
    assert Counter(plan.way for plan in plans) == dict.fromkeys(Way, 2)
    size = len(plans[0].data(0))
    assert 60_000 < size < 130_000
    assert plans[0].data(0) != plans[0].data(1) != plans[1].data(0)


def test_files_taken_early_or_never_are_told_from_those_done_right(tmp_path: Path) -> None:
    tiny = Tiny(tmp_path)
    tiny.outbox.mkdir()
    names = ("good", "early", "skipped", "never", "old", "slow")
    plans = [
        arrivals.Plan(f"{name}.png", Way.OVERWRITTEN, 40, number)
        for number, name in enumerate(names)
    ]
    for plan in plans:
        content = 0 if plan.name == "old.png" else 1
        if plan.name != "never.png":
            (tmp_path / "small.png").write_bytes(plan.data(content))
            with Image.open(tmp_path / "small.png") as small:
                small.resize((80, 80), Image.Resampling.BICUBIC).save(
                    tiny.outbox / plan.name
                )
    sources = Counter({plan.name: 2 for plan in plans} | {"early.png": 3, "never.png": 0})
    found = arrivals.judge(
        plans,
        {"slow.png"},
        Counter({"skipped.png": 1, "slow.png": 1}),
        Told(0, 0, 0, sources, 1),
        tiny,
    )
    assert (found.judged, found.slow) == (5, 1)
    assert found.skipped.total() == found.too_many.total() == 1
    assert found.too_few.total() == 2  # both contents of one
    assert found.wrong.total() == 2  # that one, and the one that shows its old content


def test_rows_are_added_as_the_ledger_has_them(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    with sqlite3.connect(ledger) as db:
        for statement in SCHEMA:
            db.execute(statement)
        db.execute("INSERT INTO streams VALUES ('bench', 1)")
    million.add_rows(ledger, 1000)
    query = "SELECT count(*), count(DISTINCT source), max(seq), min(fate) FROM items"
    assert db.execute(query).fetchone() == (1000, 1000, 1000, "done")
    assert db.execute("SELECT last_seq FROM streams").fetchone() == (1000,)
    db.close()


def test_the_most_memory_is_at_least_what_there_is() -> None:
    with most_resident(os.getpid()) as most:
        pass
    assert most.mb == pytest.approx(resident_mb(os.getpid()), rel=0.1)
    assert resident_mb(2**22) == 0.0


def test_the_log_tells_when_something_happened() -> None:
    assert moment_of({"timestamp": "1970-01-01T00:00:01.5Z"}) == 1.5
