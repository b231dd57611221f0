"""`srstream pipe` between `srstream send` and `srstream tap`, and a hub of imagezmq."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
import zmq
from PIL import Image

from commands import PATIENCE, run, start, strict
from files import save
from pictures import edges

SIZES = ((20, 24), (22, 26), (24, 28))
"""Height and width of the pictures, by which they are known again."""
LOCAL = ("--device", "cpu")

HUB = """
import json, sys
import imagezmq, zmq
hub = imagezmq.ImageHub(open_port="tcp://127.0.0.1:*")
print(hub.zmq_socket.getsockopt_string(zmq.LAST_ENDPOINT), flush=True)
for _ in range(int(sys.argv[1])):
    name, image = hub.recv_image()
    hub.send_reply(b"OK")
    print(json.dumps([name, image.shape, image.mean(axis=(0, 1)).tolist()]), flush=True)
"""
"""An unmodified hub, which prints where it is and what it got."""


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for number, (height, width) in enumerate(SIZES):
        save(tmp_path / "in" / f"f{number}.png", edges(height, width))
    return tmp_path / "in"


class Running:
    """A command that runs, and what it said on stderr."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.said = ""
        self._process = process

    def wait_for(self, text: str) -> str:
        """Return the first line with this text."""
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.said += line
            if text in line:
                return line
        raise AssertionError(f"{text!r} was not said, but {self.said}")


@contextmanager
def running(
    *arguments: str | Path, cwd: Path, number: int = signal.SIGTERM, status: int = 0
) -> Iterator[Running]:
    """Run a command for a while; then it must end on a signal with this status."""
    process = start(*arguments, cwd=cwd)
    run = Running(process)
    try:
        yield run
        process.send_signal(number)
        run.said += process.communicate(timeout=PATIENCE)[1]
        assert process.returncode == status, run.said
    finally:
        process.kill()
        process.communicate()


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listened on a moment ago."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def hub_of_imagezmq(frames: int) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Yield where it listens, and the process."""
    command = [sys.executable, "-W", "ignore", "-c", HUB, str(frames)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), process
        finally:
            process.kill()


def test_frames_go_through_in_order_twice_as_large_with_their_statistics(
    pictures: Path,
) -> None:
    here = pictures.parent
    into, out = f"ipc://{here}/in.sock", f"ipc://{here}/out.sock"
    sending = ("send", "in", "--to", into, "--name", "cam1", "--loop", "--fps", "3")
    with (
        running("pipe", "--in", into, "--out", out, *LOCAL, cwd=here) as piped,
        running(*sending, "--json", cwd=here, number=signal.SIGINT, status=130) as sent,
    ):
        tapped = run("tap", out, "-o", "out", "--count", "5", "--json", cwd=here)
        alone = run("tap", out, "--stats", "--stream", "pipe", "--count", "2", cwd=here)
    assert tapped.returncode == 0, tapped.stderr
    lines = [strict(line) for line in tapped.stdout.splitlines()]
    assert "5 frames" in tapped.stderr
    assert len(lines) == 5
    first = lines[0]["seq"]
    assert [line["seq"] for line in lines] == [first + number for number in range(5)]
    for line in lines:
        height, width = SIZES[(line["seq"] - 1) % 3]
        assert (line["stream"], line["source"]) == ("pipe", "cam1")
        assert line["in_size"] == [width, height]
        assert line["out_size"] == [2 * width, 2 * height]
        with Image.open(here / "out" / f"pipe-{line['seq']:08}.png") as picture:
            assert picture.size == (2 * width, 2 * height)
            means = np.asarray(picture).mean(axis=(0, 1))
        np.testing.assert_allclose(means, edges(height, width).mean(axis=(0, 1)), atol=6)

    assert alone.returncode == 0, alone.stderr
    assert len(alone.stdout.splitlines()) == 2
    assert all(line.startswith("pipe ") for line in alone.stdout.splitlines())
    assert "frames in" in sent.said
    assert "refused" not in sent.said
    assert '"event": "stream ended"' in piped.said


def test_each_sender_may_have_a_stream_of_its_own(pictures: Path) -> None:
    here = pictures.parent
    into, out = f"ipc://{here}/in.sock", f"ipc://{here}/out.sock"
    options = ("--streams", "per-sender", *LOCAL)
    endless = ("send", "in", "--to", into, "--loop", "--fps", "2", "--name")
    stopped = {"cwd": here, "number": signal.SIGINT, "status": 130}
    with (
        running("pipe", "--in", into, "--out", out, *options, cwd=here),
        running(*endless, "cam1", **stopped),
        running(*endless, "cam 2", **stopped),
    ):
        tapped = run("tap", out, "--json", "--count", "8", cwd=here)
    assert tapped.returncode == 0, tapped.stderr
    lines = [strict(line) for line in tapped.stdout.splitlines()]
    streams = {line["stream"]: line["source"] for line in lines}
    assert sorted(streams.values()) == ["cam 2", "cam1"]
    assert "pipe.cam1" in streams
    for stream in streams:
        seqs = [line["seq"] for line in lines if line["stream"] == stream]
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))


def test_an_unmodified_hub_of_imagezmq_reads_what_comes_out(pictures: Path) -> None:
    here = pictures.parent
    into = f"ipc://{here}/in.sock"
    with hub_of_imagezmq(frames=3) as (where, hub):
        out = ("--out", where, "--out-pattern", "req")
        with running("pipe", "--in", into, *out, *LOCAL, cwd=here):
            sent = run(
                *("send", "in", "--to", into, "--format", "imagezmq", "--name", "kitchen"),
                "--json",
                cwd=here,
            )
            got, _ = hub.communicate(timeout=PATIENCE)
    assert sent.returncode == 0, sent.stderr
    assert json.loads(sent.stdout)["frames"] == 3
    for line, (height, width) in zip(got.splitlines(), SIZES, strict=True):
        name, shape, means = json.loads(line)
        assert name == "kitchen"
        assert shape == [2 * height, 2 * width, 3]
        bgr = edges(height, width)[..., ::-1].mean(axis=(0, 1))
        np.testing.assert_allclose(means, bgr, atol=6)


def test_with_keys_only_those_who_have_them_send_and_follow(pictures: Path) -> None:
    here = pictures.parent
    assert run("keys", "new", "keys", cwd=here).returncode == 0
    server = ("--curve-key", "keys/server.key_secret", "--curve-clients", "keys/clients")
    client = ("--curve-key", "keys/client.key_secret", "--curve-server", "keys/server.key")
    into, out = (f"tcp://127.0.0.1:{port}" for port in free_ports(2))
    endless = ("send", "in", "--to", into, "--loop", "--fps", "3", *client)
    with (
        running("pipe", "--in", into, "--out", out, *LOCAL, *server, cwd=here),
        running(*endless, cwd=here, number=signal.SIGINT, status=130),
    ):
        tapped = run("tap", out, "--count", "3", *client, cwd=here)
        refused = run("send", "in", "--to", into, "--timeout", "1", cwd=here)
    assert tapped.returncode == 0, tapped.stderr
    assert len(tapped.stdout.splitlines()) == 3
    assert refused.returncode == 1
    assert f"srstream: {into}: no answer within 1 s" in refused.stderr


def test_an_endpoint_in_use_is_named_with_the_remedy(tmp_path: Path) -> None:
    context = zmq.Context()
    other = context.socket(zmq.PULL)
    try:
        port = other.bind_to_random_port("tcp://127.0.0.1")
        taken = f"tcp://127.0.0.1:{port}"
        free = f"ipc://{tmp_path}/free"
        with running("pipe", "--in", taken, "--out", free, *LOCAL, cwd=tmp_path) as pipe:
            line = pipe.wait_for(f"cannot bind {taken}")
    finally:
        other.close()
        context.term()
    assert "another process listens there: stop it or name another port" in line
    assert "Traceback" not in line


def test_to_be_open_to_all_must_be_asked_for(tmp_path: Path) -> None:
    out = "tcp://127.0.0.1:5556"
    ran = run("pipe", "--in", "tcp://*:5555", "--out", out, *LOCAL, cwd=tmp_path)
    assert ran.returncode == 78
    assert ran.stderr.startswith("srstream: --insecure: found false; tcp://*:5555 can be")
    assert not list(tmp_path.iterdir())


def test_ctrl_c_ends_a_tap_that_waits_in_vain_with_its_sum(tmp_path: Path) -> None:
    process = start("tap", f"ipc://{tmp_path}/nobody", cwd=tmp_path)
    assert process.stderr is not None
    try:
        assert (
            process.stderr.readline()
            == f"waiting for frames from ipc://{tmp_path}/nobody\n"
        )
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=PATIENCE)[1] == "0 frames, 0 missing\n"
        assert process.returncode == 0
    finally:
        process.kill()
        process.communicate()
