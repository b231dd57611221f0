"""SIGHUP: the configuration is read again, and only what changed is touched."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

from commands import CONFIG, Daemon, wait_until
from files import save

Serve = Callable[..., Daemon]

SECOND = """
[streams.second]
device = "cpu"
source = { type = "directory", path = "inbox2", settle = 0.1, rescan = 0.1 }
sinks = [{ type = "directory", path = "outbox2" }]
net = { width = 4, depth = 2 }
adapt = { steps = 1, crop = 16 }
preset = "light"
precision = "float32"
"""


def reload(daemon: Daemon, config: Path, text: str) -> None:
    config.write_text(text)
    daemon.send(signal.SIGHUP)


def started(daemon: Daemon, stream: str) -> int:
    return len(daemon.heard("stream started", stream=stream))


def test_a_stream_that_is_added_starts_and_the_others_are_not_touched(
    serve: Serve, tmp_path: Path
) -> None:
    daemon = serve()
    daemon.wait_for("stream started", stream="demo")
    reload(daemon, tmp_path / "srstream.toml", CONFIG + SECOND)
    said = daemon.wait_for("configuration reloaded")
    assert (said["started"], said["replaced"], said["kept"]) == (1, 0, 1)
    daemon.wait_for("stream started", stream="second")
    save(tmp_path / "inbox" / "a.png")
    daemon.wait_for_frames("a.png")
    assert started(daemon, "demo") == 1
    reload(daemon, tmp_path / "srstream.toml", CONFIG)
    daemon.wait_for("stream ended", stream="second")
    assert daemon.stop() == 0


def test_a_stream_that_changed_is_started_anew_and_goes_on_with_its_numbers(
    serve: Serve, tmp_path: Path
) -> None:
    daemon = serve()
    save(tmp_path / "inbox" / "a.png")
    daemon.wait_for_frames("a.png")
    reload(daemon, tmp_path / "srstream.toml", CONFIG.replace("steps = 1", "steps = 2"))
    daemon.wait_for("configuration reloaded", replaced=1)
    save(tmp_path / "inbox" / "b.png")
    daemon.wait_for_frames("a.png", "b.png")
    assert [(line["seq"], line["source"]) for line in daemon.stats()] == [
        (1, "a.png"),
        (2, "b.png"),
    ]
    assert daemon.heard("weights continue from a checkpoint", stream="demo")
    assert started(daemon, "demo") == 2
    assert daemon.stop() == 0


def test_a_wrong_configuration_keeps_the_old_one_running_and_names_key_and_line(
    serve: Serve, tmp_path: Path
) -> None:
    daemon = serve()
    daemon.wait_for("stream started", stream="demo")
    config = tmp_path / "srstream.toml"
    reload(daemon, config, CONFIG + SECOND.replace("adapt =", "adpat ="))
    said = daemon.wait_for("configuration not taken: the old one stays")
    line = (CONFIG + SECOND).splitlines().index("[streams.second]") + 6
    assert f"srstream.toml:{line}: streams.second.adpat" in said["complaint"]
    assert "did you mean adapt" in said["complaint"]
    save(tmp_path / "inbox" / "a.png")
    daemon.wait_for_frames("a.png")
    assert started(daemon, "demo") == 1
    assert daemon.stop() == 0


def test_the_state_folder_is_not_moved_under_a_running_daemon(
    serve: Serve, tmp_path: Path
) -> None:
    daemon = serve()
    daemon.wait_for("stream started", stream="demo")
    moved = '[daemon]\nstate_dir = "elsewhere"\n' + CONFIG
    reload(daemon, tmp_path / "srstream.toml", moved)
    said = daemon.wait_for("configuration not taken: the old one stays")
    assert "srstream.toml:2: daemon.state_dir" in said["complaint"]
    assert not (tmp_path / "elsewhere").exists()
    assert daemon.stop() == 0


def test_statistics_that_were_moved_away_begin_anew(serve: Serve, tmp_path: Path) -> None:
    daemon = serve()
    save(tmp_path / "inbox" / "a.png")
    daemon.wait_for_frames("a.png")
    (tmp_path / "stats.jsonl").rename(tmp_path / "stats.jsonl-20261120")
    daemon.send(signal.SIGHUP)
    daemon.wait_for("configuration reloaded", kept=1)
    wait_until(lambda: "stats.jsonl-20261120" not in daemon.open_files, "closing")
    save(tmp_path / "inbox" / "b.png")
    daemon.wait_for_frames("b.png")
    assert [line["seq"] for line in daemon.stats("stats.jsonl-20261120")] == [1]
    assert [line["seq"] for line in daemon.stats()] == [2]
    assert daemon.stop() == 0
