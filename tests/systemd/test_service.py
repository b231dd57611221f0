"""What an operator does with the service, in this order, under a real systemd."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from booted import FIGURES, Machine
from freezing import frozen, thread_named
from pictures import edges

UNIT = "srstream.service"
INSTANCES = ("srstream@gpu0.service", "srstream@gpu1.service")
SRSTREAM = "/opt/srstream/bin/srstream"
FEED = "tcp://127.0.0.1:5599"
STATE = "/var/lib/srstream"
WATCHDOG = 6
"""Seconds; the unit itself says 30."""
ALLOWED = 5.0
"""Seconds that a restart may take beyond the watchdog's time."""

CONFIG = """
[daemon]
state_dir = "{place}/state"
grace = {grace}

[streams.main]
scale = {scale}
preset = "light"
net = {{ width = 4, depth = 2 }}
adapt = {{ steps = {steps}, crop = 16 }}
device = "cpu"
checkpoint = {{ frames = 1 }}
source = {{ type = "directory", path = "{place}/inbox", settle = 0.1, rescan = 0.2 }}
sinks = [
  {{ type = "directory", path = "{place}/outbox" }},
  {{ type = "stats", path = "{place}/outbox/stats.jsonl" }},
]
"""


def config(
    place: str = STATE, *, scale: int = 2, steps: int = 1, grace: float = 20.0
) -> str:
    return CONFIG.format(place=place, scale=scale, steps=steps, grace=grace)


def put(machine: Machine, name: str, place: str = STATE, *, shift: int = 0) -> None:
    """Put a picture of 24x20 into the inbox, whole at once."""
    inbox = machine.root / place.lstrip("/") / "inbox"
    machine.wait_until(inbox.is_dir, "the inbox")
    Image.fromarray(edges(20, 24, shift=shift)).save(inbox / ".new", "PNG")
    (inbox / ".new").rename(inbox / name)


def size_of(machine: Machine, name: str, place: str = STATE) -> tuple[int, int]:
    """Return width and height of a result, when it is there."""
    result = machine.root / place.lstrip("/") / "outbox" / name
    machine.wait_until(result.exists, f"the result {name}")
    with Image.open(result) as picture:
        return picture.size


def said(machine: Machine, *match: str, unit: str = UNIT) -> list[dict[str, Any]]:
    """Return what the journal has of the unit's present or last run."""
    run = machine.show(unit, "InvocationID")
    lines = machine.run(
        "journalctl", "-o", "json", f"_SYSTEMD_INVOCATION_ID={run}", *match, status=None
    )
    return [json.loads(line) for line in lines.splitlines() if line.startswith("{")]


def wait_for(
    machine: Machine, *match: str, message: str, unit: str = UNIT
) -> dict[str, Any]:
    """Wait until the journal has a line that begins so."""

    def found() -> list[dict[str, Any]]:
        return [x for x in said(machine, *match, unit=unit) if begins(x, message)]

    machine.wait_until(found, f"{message!r} in the journal")
    return found()[0]


def begins(line: dict[str, Any], message: str) -> bool:
    return isinstance(line["MESSAGE"], str) and line["MESSAGE"].startswith(message)


def wait_for_restart(machine: Machine, before: int) -> None:
    machine.wait_until(
        lambda: machine.main_pid(UNIT) not in (0, before), "a new process", within=60
    )


def wait_until_active(machine: Machine, unit: str = UNIT) -> None:
    machine.wait_until(
        lambda: machine.show(unit, "ActiveState") == "active", "it is active"
    )


@pytest.mark.parametrize("unit", [UNIT, "srstream@gpu0.service"])
def test_systemd_finds_nothing_wrong_with_the_units(machine: Machine, unit: str) -> None:
    assert machine.run("systemd-analyze", "verify", "--recursive-errors=no", unit) == ""


@pytest.mark.parametrize("unit", ["srstream.service", "srstream@.service"])
def test_the_units_alone_are_exposed_by_one_and_a_half_at_most(
    machine: Machine, unit: str
) -> None:
    told = machine.run(
        *("systemd-analyze", "security", "--no-pager", "--offline=true"),
        *("--threshold=15", f"/src/systemd/{unit}"),
    )
    assert "Overall exposure level" in told


def test_the_installed_configuration_is_good(
    machine: Machine,
) -> None:
    command = (
        "/opt/srstream/bin/srstream",
        "config",
        "check",
        "/etc/srstream/srstream.toml",
    )
    assert "good" in machine.run("runuser", "-u", "srstream", "--", *command)


def test_it_is_started_as_its_own_user_and_ready_when_the_command_returns(
    machine: Machine,
) -> None:
    machine.run("systemctl", "enable", "--now", UNIT, within=200)
    assert machine.show(UNIT, "ActiveState") == "active"
    assert machine.show(UNIT, "StatusText").startswith("1 stream, ")
    status = Path(f"/proc/{machine.main_pid(UNIT)}/status").read_text()
    user = machine.run("id", "-u", "srstream").strip()
    assert f"Uid:\t{user}\t{user}\t{user}\t{user}\n" in status
    assert "NoNewPrivs:\t1\n" in status
    assert "CapEff:\t0000000000000000\n" in status
    # Loaded, tested and tried with a frame of noise, before it said that it is ready.
    assert [x for x in said(machine) if begins(x, "precision chosen by a self-test")]


def test_a_picture_that_is_dropped_in_comes_out_twice_as_large(machine: Machine) -> None:
    put(machine, "a.png")
    assert size_of(machine, "a.png") == (48, 40)
    machine.wait_until(
        lambda: "1 frame done" in machine.show(UNIT, "StatusText"),
        "the frame in the status",
    )
    shown = machine.run("systemctl", "status", "--no-pager", UNIT)
    (line,) = (x for x in shown.splitlines() if "Status:" in x)
    assert "fps" in line
    assert "dB by adapting" in line


def test_a_frame_that_goes_well_has_no_line_in_the_journal_and_a_bad_one_has_fields(
    machine: Machine,
) -> None:
    for number in range(5):
        put(machine, f"good{number}.png", shift=number)
        size_of(machine, f"good{number}.png")
    machine.write(f"{STATE}/inbox/bad.png", "this is not a picture")
    bad = wait_for(
        machine, "SRSTREAM_STREAM=main", "-p", "warning", message="frame skipped"
    )
    assert (bad["PRIORITY"], bad["SRSTREAM_SOURCE"]) == ("4", "bad.png")
    assert "is not a picture" in bad["SRSTREAM_REASON"]
    assert bad["_SYSTEMD_UNIT"] == UNIT
    assert not [x for x in said(machine) if "good" in x["MESSAGE"]]


def test_a_good_configuration_is_taken_up_by_a_reload(machine: Machine) -> None:
    machine.write("/etc/srstream/srstream.toml", config(scale=3))
    pid = machine.main_pid(UNIT)
    machine.run("systemctl", "reload", UNIT)
    wait_for(machine, message="configuration reloaded")
    put(machine, "b.png", shift=7)
    assert size_of(machine, "b.png") == (72, 60)
    assert machine.main_pid(UNIT) == pid


def test_a_wrong_one_changes_nothing_and_the_status_says_what_is_wrong(
    machine: Machine,
) -> None:
    machine.write("/etc/srstream/srstream.toml", config(scale=7))
    machine.run("systemctl", "reload", UNIT)
    said_so = wait_for(machine, "-p", "err", message="configuration not taken")
    assert "/etc/srstream/srstream.toml:7: streams.main.scale" in said_so["MESSAGE"]
    assert ":7: streams.main.scale" in machine.show(UNIT, "StatusText")
    put(machine, "c.png", shift=8)
    assert size_of(machine, "c.png") == (72, 60)
    machine.write("/etc/srstream/srstream.toml", config(scale=3))
    machine.run("systemctl", "reload", UNIT)
    machine.wait_until(
        lambda: machine.show(UNIT, "StatusText").startswith("1 stream, "),
        "a status as ever",
    )


def test_after_kill_9_it_runs_again_and_continues_with_its_weights(
    machine: Machine,
) -> None:
    before = machine.main_pid(UNIT)
    os.kill(before, signal.SIGKILL)
    wait_for_restart(machine, before)
    wait_until_active(machine)
    going_on = wait_for(machine, message="weights continue from a checkpoint")
    assert int(going_on["SRSTREAM_SEQ"]) >= 1
    assert machine.show(UNIT, "NRestarts") == "1"
    put(machine, "d.png", shift=9)
    assert size_of(machine, "d.png") == (72, 60)


def test_a_compute_thread_that_is_frozen_is_noticed_and_all_is_started_anew(
    machine: Machine,
) -> None:
    machine.write(
        f"/etc/systemd/system/{UNIT}.d/test.conf", f"[Service]\nWatchdogSec={WATCHDOG}\n"
    )
    machine.write("/etc/srstream/srstream.toml", config(scale=3, steps=1_000_000))
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", UNIT, within=200)
    put(machine, "endless.png", shift=10)
    machine.wait_until(lambda: "1 waiting" in machine.show(UNIT, "StatusText"), "the frame")
    pid = machine.main_pid(UNIT)
    run = machine.show(UNIT, "InvocationID")
    with frozen(pid, thread_named(pid, "compute cpu")) as thread:
        machine.wait_until(
            lambda: thread.is_gone() and machine.main_pid(UNIT) not in (0, pid),
            "a new process",
        )
        took = time.monotonic() - thread.since
    assert took <= WATCHDOG + ALLOWED
    told = machine.run("journalctl", f"_SYSTEMD_INVOCATION_ID={run}", "-p", "err")
    assert "a compute thread stands still" in told
    assert "Fatal Python error: Aborted" in told  # and where each thread was
    FIGURES.append(f"frozen thread: a new process after {took:.1f} s of {WATCHDOG} + 5")


def test_a_process_that_is_stopped_as_a_whole_is_started_anew(machine: Machine) -> None:
    machine.write("/etc/srstream/srstream.toml", config(scale=3))
    machine.run("systemctl", "restart", UNIT, within=200)
    size_of(machine, "endless.png")  # which is done now, in a moment
    pid = machine.main_pid(UNIT)
    os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    wait_for_restart(machine, pid)
    took = time.monotonic() - began
    assert took <= WATCHDOG + ALLOWED
    wait_until_active(machine)
    FIGURES.append(f"stopped process: a new one after {took:.1f} s of {WATCHDOG} + 5")


def test_a_stop_that_takes_longer_than_systemd_waits_asks_for_more_time(
    machine: Machine,
) -> None:
    machine.write(
        f"/etc/systemd/system/{UNIT}.d/test.conf", "[Service]\nTimeoutStopSec=2\n"
    )
    # Of a grace of 10 s the frame in hand, which never ends, has three quarters.
    machine.write("/etc/srstream/srstream.toml", config(steps=1_000_000, grace=10))
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", UNIT, within=200)
    put(machine, "long.png", shift=11)
    machine.wait_until(lambda: "1 waiting" in machine.show(UNIT, "StatusText"), "the frame")
    began = time.monotonic()
    machine.run("systemctl", "stop", UNIT)
    assert time.monotonic() - began > 4
    assert machine.show(UNIT, "Result") == "success"
    assert machine.show(UNIT, "ExecMainStatus") == "0"
    assert machine.show(UNIT, "ActiveState") == "inactive"


def test_a_wrong_configuration_ends_a_start_and_is_not_tried_again(
    machine: Machine,
) -> None:
    machine.write("/etc/srstream/wrong.toml", config().replace("scale", "scal"))
    unit = "srstream@wrong.service"
    machine.run("systemctl", "start", unit, status=1, within=200)
    assert machine.show(unit, "ExecMainStatus") == "78"
    assert machine.show(unit, "NRestarts") == "0"
    assert machine.show(unit, "ActiveState") == "failed"
    told = machine.run("journalctl", "-u", unit, "-p", "err")
    assert "/etc/srstream/wrong.toml:7: streams.main.scal: unknown key" in told


def test_two_instances_run_side_by_side_each_with_its_own(machine: Machine) -> None:
    folders, units = [f"{STATE}/gpu{n}" for n in (0, 1)], list(INSTANCES)
    machine.write("/etc/srstream/gpu0.toml", config(folders[0]))
    # The other takes frames from REQ senders, and so has a relay beside it.
    source = re.compile(r"source = .*")
    text = source.sub(f'source = {{ type = "zmq", endpoints = ["{FEED}"] }}', config())
    machine.write("/etc/srstream/gpu1.toml", text.replace(STATE, folders[1]))
    machine.run("systemctl", "start", *units, within=200)
    put(machine, "a.png", folders[0])
    assert size_of(machine, "a.png", folders[0]) == (48, 40)
    sent = machine.run(SRSTREAM, "send", f"{folders[0]}/inbox", "--to", FEED)
    assert "1" in sent
    assert size_of(machine, "00000001.png", folders[1]) == (48, 40)
    assert [machine.show(unit, "ActiveState") for unit in units] == ["active"] * 2
    assert len({machine.main_pid(unit) for unit in units}) == 2


def test_a_relay_beside_it_is_not_told_where_the_manager_is(machine: Machine) -> None:
    pid = machine.main_pid(INSTANCES[1])
    (relay,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    told = Path(f"/proc/{relay}/environ").read_bytes()
    assert b"PATH=" in told
    assert b"NOTIFY_SOCKET" not in told
    assert b"WATCHDOG" not in told


def test_instances_stop_in_good_order(machine: Machine) -> None:
    machine.run("systemctl", "stop", *INSTANCES)
    for unit in INSTANCES:
        assert machine.show(unit, "Result") == "success"
        assert machine.show(unit, "ActiveState") == "inactive"


def test_what_the_unit_does_not_name_cannot_be_written(machine: Machine) -> None:
    outside = machine.root / "srv" / "pictures"
    outside.mkdir(mode=0o777, parents=True)
    outside.chmod(0o777)
    text = config().replace(f'"{STATE}/outbox"', '"/srv/pictures"')
    machine.write("/etc/srstream/srstream.toml", text)
    machine.run("systemctl", "start", UNIT, within=200)
    put(machine, "elsewhere.png", shift=12)
    machine.wait_until(
        lambda: "main cannot write" in machine.show(UNIT, "StatusText"), "the status"
    )
    machine.write(
        f"/etc/systemd/system/{UNIT}.d/test.conf",
        "[Service]\nReadWritePaths=/srv/pictures\n",
    )
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", UNIT, within=200)
    machine.wait_until((outside / "elsewhere.png").exists, "the result")
    assert np.asarray(Image.open(outside / "elsewhere.png")).shape == (40, 48, 3)


def test_it_goes_away_but_for_configuration_and_state(machine: Machine) -> None:
    machine.make("uninstall")
    assert machine.show(UNIT, "LoadState") == "not-found"
    assert machine.main_pid(UNIT) == 0
    assert not (machine.root / "opt/srstream").exists()
    assert not list((machine.root / "usr/local/lib/systemd/system").iterdir())
    assert (machine.root / "etc/srstream/srstream.toml").is_file()
    assert (machine.root / STATE.lstrip("/") / "state/ledger.db").is_file()
