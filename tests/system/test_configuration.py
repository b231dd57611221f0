from __future__ import annotations

from pathlib import Path

import pytest

from commands import CONFIG, Daemon, config_in, run, wait_until
from files import save

ROOT = Path(__file__).parents[2]

TWO_STREAMS = CONFIG + CONFIG.replace("demo", "other-one").replace(
    "inbox", "other"
).replace("outbox", "results").replace("stats.jsonl", "other.jsonl")


def test_two_streams_run_side_by_side_with_overrides(tmp_path: Path) -> None:
    config = config_in(tmp_path, TWO_STREAMS)
    (tmp_path / "other").mkdir()
    save(tmp_path / "inbox" / "a.png")
    save(tmp_path / "other" / "b.png")
    daemon = Daemon(
        *("--config", config, "--set", "streams.demo.scale=3"),
        cwd=tmp_path.parent,  # paths in the file are relative to the file
        environ={"SRSTREAM_STREAMS__OTHER_ONE__SCALE": "4"},
    )
    try:
        assert daemon.wait_for("stream ready", stream="demo")["scale"] == 3
        assert daemon.wait_for("stream ready", stream="other-one")["scale"] == 4
        daemon.folder = tmp_path
        daemon.wait_for_frames("a.png")
        wait_until(lambda: daemon.stats("other.jsonl"), "the other stream's frame")
        assert daemon.stop() == 0
    finally:
        daemon.close()
    (line,) = daemon.stats()
    (other,) = daemon.stats("other.jsonl")
    assert (line["stream"], line["seq"], line["out_size"]) == ("demo", 1, [72, 60])
    assert (other["stream"], other["seq"], other["out_size"]) == ("other-one", 1, [96, 80])
    assert (tmp_path / "outbox" / "a.png").is_file()
    assert (tmp_path / "results" / "b.png").is_file()


@pytest.mark.parametrize("name", ["srstream.toml", "reference.toml"])
def test_the_files_that_come_along_are_good(name: str) -> None:
    checked = run("config", "check", ROOT / "config" / name, cwd=ROOT)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "good" in checked.stdout


def test_a_wrong_key_ends_a_check_and_a_start_with_78_and_names_what_was_meant(
    tmp_path: Path,
) -> None:
    config = config_in(tmp_path, CONFIG.replace("device", "scal = 2\ndevice"))
    checked = run("config", "check", config, cwd=tmp_path)
    served = run("serve", "--config", config, cwd=tmp_path)
    assert checked.returncode == served.returncode == 78
    assert "streams.demo.scal: unknown key; did you mean scale?" in checked.stderr
    assert served.stderr == checked.stderr
