from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from commands import CONFIG
from fakes import FakeClock
from ledgers import CONTENT, SIGNATURE
from srstream.cli.ledger import ledger
from srstream.cli.serve import state_dir_for
from srstream.frames import FrameId
from srstream.stores.ledger import Ledger

RAW = os.fsdecode(b"caf\xe9.png")


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Ledger]:
    """The ledger of a daemon that runs."""
    (tmp_path / "state").mkdir()
    opened = Ledger.open(tmp_path / "state" / "ledger.db", clock=FakeClock(1_000_000.0))
    yield opened
    opened.close_now()


def call(*arguments: str | Path, columns: int = 200) -> Result:
    app = typer.Typer()
    app.command()(ledger)
    words = [str(argument) for argument in arguments]
    environ = {"COLUMNS": str(columns), "TZ": "UTC"}
    return CliRunner().invoke(app, words, env=environ, catch_exceptions=False)


async def work(opened: Ledger) -> None:
    """One done, two failed, one in hand; and another stream."""
    demo = opened.stream("demo")
    for seq, source in enumerate(("a.png", "b\n.png", RAW, "d.png"), 1):
        demo.took(source, source, SIGNATURE)
        if seq == 1:
            frame = FrameId("demo", seq, source, source)
            demo.publishing(frame, CONTENT, outputs=1, line=None)
            await demo.done(frame, line=None)
        elif seq <= 3:
            await demo.failed(source, "not a picture")
    await opened.stream("other").failed("x.png", "no", seq=9)
    await demo.entries([])


def state(opened: Ledger, tmp_path: Path) -> Path:
    asyncio.run(work(opened))
    return tmp_path / "state"


def as_json(*arguments: str | Path) -> Any:
    result = call(*arguments, "--json")
    assert result.exit_code == 0, result.output
    result.stdout.encode("ascii")
    return json.loads(result.stdout)


def test_streams_are_counted_and_the_latest_listed(running: Ledger, tmp_path: Path) -> None:
    shown = as_json("--state-dir", state(running, tmp_path))
    assert shown["streams"] == [
        {
            "stream": "demo",
            "taken": 1,
            "done": 1,
            "failed": 2,
            "retries": 0,
            "last_seq": 1,
            "last_time": "1970-01-12T13:46:40.000+00:00",
        },
        {
            "stream": "other",
            "taken": 0,
            "done": 0,
            "failed": 0,
            "retries": 0,
            "last_seq": 9,
            "last_time": None,
        },
    ]
    by_source = {entry["source"]: entry for entry in shown["entries"]}
    assert by_source["a.png"] == {
        "stream": "demo",
        "source": "a.png",
        "name": "a.png",
        "fate": "done",
        "seq": 1,
        "reason": "",
        "time": "1970-01-12T13:46:40.000+00:00",
        "size": 100,
        "mtime_ns": 5_000,
        "sha256": "63" * 32,  # of CONTENT: the letter c
        "moved_to": None,
    }
    assert by_source["d.png"]["fate"] == "taken"
    assert set(by_source) == {"a.png", "b\n.png", "caf\\udce9.png", "d.png"}


def test_tables_are_for_people(running: Ledger, tmp_path: Path) -> None:
    result = call("--state-dir", state(running, tmp_path))
    assert result.exit_code == 0
    assert r"b\n.png" in result.stdout
    assert r"caf\udce9.png" in result.stdout
    failed = call("--state-dir", tmp_path / "state", "--failed")
    assert "not a picture" in failed.stdout
    assert "a.png" not in failed.stdout


def test_only_failed_ones_of_one_stream_up_to_a_limit(
    running: Ledger, tmp_path: Path
) -> None:
    folder = state(running, tmp_path)
    shown = as_json("--state-dir", folder, "--failed", "--limit", "1", "--stream", "demo")
    assert [stream["stream"] for stream in shown["streams"]] == ["demo"]
    (entry,) = shown["entries"]
    assert (entry["fate"], entry["reason"]) == ("failed", "not a picture")


def test_an_unknown_stream_is_told_the_known(running: Ledger, tmp_path: Path) -> None:
    result = call("--state-dir", state(running, tmp_path), "--stream", "dmo")
    assert result.exit_code == 2
    assert "no stream dmo here; known: demo, other" in result.stderr


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (["b\n.png"], ["b\n.png"]),
        ([r"b\n.png"], ["b\n.png"]),  # as it is listed
        ([r"caf\udce9.png", RAW], [RAW]),
        (["all"], ["b\n.png", RAW]),
    ],
)
def test_a_running_daemon_gets_what_is_to_be_retried(
    running: Ledger, tmp_path: Path, names: list[str], wanted: list[str]
) -> None:
    folder = state(running, tmp_path)
    flags = [word for name in names for word in ("--retry", name)]
    told = as_json("--state-dir", folder, *flags)
    assert len(told["retries"]) == len(wanted)
    assert as_json("--state-dir", folder)["streams"][0]["retries"] == len(wanted)
    found = asyncio.run(running.stream("demo").retries())
    assert sorted(entry.source for entry in found) == sorted(wanted)
    assert as_json("--state-dir", folder)["streams"][0]["retries"] == 0


def test_a_request_waits_for_a_daemon_that_does_not_run(
    running: Ledger, tmp_path: Path
) -> None:
    folder = state(running, tmp_path)
    running.close_now()
    result = call("--state-dir", folder, "--retry", "b\n.png")
    assert result.exit_code == 0
    assert r"1 to be tried again: b\n.png" in result.stdout
    again = Ledger.open(folder / "ledger.db")
    try:
        (entry,) = asyncio.run(again.stream("demo").retries())
        assert entry.source == "b\n.png"
    finally:
        again.close_now()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("b.png", r"nothing named b.png failed; did you mean b\n.png?"),
        ("a.png", "a.png is done; only what failed can be tried again"),
        ("d.png", "d.png is taken, and will be done"),
        ("\udcff\udcfe", "`srstream ledger --failed` lists them"),
    ],
)
def test_what_did_not_fail_is_refused_and_nothing_asked_for(
    running: Ledger, tmp_path: Path, name: str, said: str
) -> None:
    folder = state(running, tmp_path)
    result = call("--state-dir", folder, "--retry", "b\n.png", "--retry", name)
    assert result.exit_code == 2
    assert said in result.stderr
    assert asyncio.run(running.stream("demo").retries()) == []


def test_without_a_ledger_it_is_said_and_none_is_made(tmp_path: Path) -> None:
    result = call("--state-dir", tmp_path / "none")
    assert result.exit_code == 2
    assert f"{tmp_path / 'none' / 'ledger.db'}: there is no ledger" in result.stderr
    assert "srstream serve" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_ledger_is_said_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"not a database" * 100)
    result = call("--state-dir", tmp_path)
    assert result.exit_code == 73
    assert "ledger.db: the ledger cannot be read: file is not a database" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["ledger.db"]


def test_the_configuration_says_where_the_ledger_is(
    running: Ledger, tmp_path: Path
) -> None:
    state(running, tmp_path)
    config = tmp_path / "srstream.toml"
    config.write_text(CONFIG)
    shown = as_json("--config", config)
    assert [stream["stream"] for stream in shown["streams"]] == ["demo", "other"]


def test_the_two_folders_of_a_daemon_say_where_its_ledger_is(
    running: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = state(running, tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    place = state_dir_for(tmp_path / "in", tmp_path / "out", os.environ)
    place.parent.mkdir(parents=True)
    place.symlink_to(folder)
    shown = as_json("in", "-o", "out")
    assert [stream["stream"] for stream in shown["streams"]] == ["demo", "other"]


def test_a_state_folder_that_is_named_wins_as_it_does_for_the_daemon(
    running: Ledger, tmp_path: Path
) -> None:
    folder = state(running, tmp_path)
    assert as_json("in", "-o", "out", "--state-dir", folder)["streams"]
    assert as_json("--config", "a.toml", "--state-dir", folder)["streams"]


@pytest.mark.parametrize(
    "arguments", [["in"], ["-o", "out"], ["in", "-o", "out", "--config", "a.toml"]]
)
def test_half_of_a_daemon_or_two_are_refused(arguments: list[str]) -> None:
    result = call(*arguments)
    assert result.exit_code == 2
    assert "give INBOX and -o OUTBOX" in result.stderr


def test_on_a_narrow_terminal_times_and_numbers_stay_whole(
    running: Ledger, tmp_path: Path
) -> None:
    result = call("--state-dir", state(running, tmp_path), columns=80)
    assert "1970-01-12 13:46:40   a.png" in result.stdout.replace("demo     ", "")
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_what_is_taken_is_told_to_be_done_after_a_kill(
    running: Ledger, tmp_path: Path
) -> None:
    assert "taken: not done yet" in call("--state-dir", state(running, tmp_path)).stdout


def test_a_list_that_is_cut_says_so(running: Ledger, tmp_path: Path) -> None:
    folder = state(running, tmp_path)
    cut = call("--state-dir", folder, "--failed", "--limit", "1")
    assert "1 of 2; --limit N lists more" in cut.stdout
    whole = call("--state-dir", folder, "--failed", "--limit", "2")
    assert "lists more" not in whole.stdout


def test_a_path_is_not_told_twice(running: Ledger, tmp_path: Path) -> None:
    async def fail() -> None:
        demo = running.stream("demo")
        for source in ("sub/bad.png", "worse.png"):
            demo.took(source, source, SIGNATURE)
            await demo.failed(source, f"/my in/{source} is empty")
        await demo.moved("sub/bad.png", "/my bad/sub/bad.png")

    asyncio.run(fail())
    shown = call("--state-dir", tmp_path / "state", "--failed").stdout
    assert "is empty" in shown
    assert "/my bad" in shown
    assert "/my in" not in shown
    assert "/my bad/sub" not in shown
    entries = as_json("--state-dir", tmp_path / "state", "--failed")["entries"]
    assert {each["reason"] for each in entries} == {
        "/my in/sub/bad.png is empty",
        "/my in/worse.png is empty",
    }


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look everywhere")
def test_a_state_folder_of_another_user_is_not_called_missing(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o000)
    result = call("--state-dir", tmp_path / "state")
    assert result.exit_code == 2
    said = " ".join(result.stderr.split())  # however wide the terminal is
    assert "run this as the user of the daemon" in said
