"""A systemd booted in a container on the spot: this machine's files, none of them changed.

The root directory is overlaid by one in memory, so that the container has what is installed
here; what it writes is gone with it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

PATIENCE = 60.0
"""Seconds for anything to happen but an installation."""
_NEEDED_MB = 5_000
"""Memory that is free: an installation, twice, and what runs."""
_SIZE = "4g"
"""Of what the container may write."""
FIGURES: list[str] = []
"""What was measured; told in the end."""
_PYTHON = "/usr/bin/python3"
"""Not one below /home or /root, which the service does not see."""


def missing() -> str | None:
    """Return why no systemd can be booted here; none: it can."""
    if os.geteuid() != 0:
        return "only root can mount an overlay and boot a container"
    for command, package in (
        ("systemd-nspawn", "systemd-container"),
        ("dbus-daemon", "dbus"),
        ("systemd-analyze", "systemd"),
    ):
        if shutil.which(command) is None:
            return f"there is no {command}; Debian has it in {package}"
    may_mount = ["unshare", "--mount", "mount", "-t", "tmpfs", "probe", "/mnt"]
    if subprocess.run(may_mount, check=False, capture_output=True).returncode:
        return "mounting is not allowed here"
    probe = "import ensurepip, sys; sys.exit(sys.version_info < (3, 11))"
    if subprocess.run([_PYTHON, "-c", probe], check=False).returncode:
        return f"{_PYTHON} is not Python 3.11 or newer with venv"
    free = psutil.virtual_memory().available // 10**6
    if free < _NEEDED_MB:
        return f"{free} MB of memory are free, and {_NEEDED_MB} needed"
    return None


class BootError(Exception):
    """No systemd comes up here; says what it said."""


class Machine:
    """The container, as root in it."""

    def __init__(self, root: Path, init: int) -> None:
        self.root = root
        """Its root directory, seen from outside."""
        self._init = init

    def run(
        self,
        *command: str,
        status: int | None = 0,
        within: float = PATIENCE,
        network: bool = False,
    ) -> str:
        """Run a command and return what it says.

        Args:
            command: in the container.
            status: that it must end with; none: any.
            within: seconds.
            network: in the network from outside, for an installation.
        """
        enter = ["nsenter", f"--target={self._init}", "--mount", "--uts", "--ipc", "--pid"]
        enter += [] if network else ["--net"]
        done = subprocess.run(
            [*enter, "--", *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=within,
            check=False,
        )
        assert status in (None, done.returncode), f"{command} ended with {done}"
        return done.stdout

    def is_up(self) -> bool:
        """Tell whether the boot is over."""
        asked = self.run("systemctl", "is-system-running", status=None)
        return asked.strip() in ("running", "degraded")

    def wait_until(
        self, condition: Callable[[], object], what: str, within: float = PATIENCE
    ) -> float:
        """Look again and again; return the seconds that it took."""
        began = time.monotonic()
        while not condition():
            assert time.monotonic() < began + within, f"waited in vain for {what}"
            time.sleep(0.05)
        return time.monotonic() - began

    def show(self, unit: str, name: str) -> str:
        """Return a property of a unit."""
        return self.run("systemctl", "show", "--value", "-p", name, unit).strip()

    def main_pid(self, unit: str) -> int:
        """Return the unit's process by its number outside; 0: there is none."""
        inside = int(self.show(unit, "MainPID"))
        for process in psutil.Process(self._init).children(recursive=True):
            try:
                lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
            except OSError:
                continue
            (numbers,) = (line for line in lines if line.startswith("NSpid:"))
            if inside and numbers.split()[-1] == str(inside):
                return process.pid
        return 0

    def write(self, path: str, text: str) -> None:
        """Write a file."""
        place = self.root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def make(self, target: str, *arguments: str) -> str:
        """Run make in the checkout, which lies at /src."""
        given = [f"PYTHON={_PYTHON}", "DROP_IN=cpu", *arguments]
        return self.run("make", "-C", "/src", target, *given, within=500.0, network=True)


@contextmanager
def booted(checkout: Path, place: Path) -> Iterator[Machine]:
    """Boot one, with a copy of the checkout at /src.

    Args:
        checkout: the files of the project.
        place: an empty folder to mount things in.
    """
    with ExitStack() as stack:
        _mount(stack, place, "-t", "tmpfs", "-o", f"size={_SIZE},mode=0755", "tmpfs")
        upper, work, root = (place / name for name in ("upper", "work", "root"))
        for folder in (upper, work, root):
            folder.mkdir()
        layers = f"lowerdir=/,upperdir={upper},workdir={work}"
        _mount(stack, root, "-t", "overlay", "-o", layers, "overlay")
        _copy(checkout, root / "src")
        log = stack.enter_context((place / "console").open("wb"))
        process = subprocess.Popen(
            [
                *("systemd-nspawn", "--directory", root, "--boot", "--register=no"),
                *("--keep-unit", "--private-network", "--quiet"),
                "systemd.unit=basic.target",  # none of the services of this machine
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        stack.callback(_end, process)
        machine = Machine(root, _init_of(process, place / "console"))
        machine.wait_until(machine.is_up, "the end of the boot")
        yield machine


def _mount(stack: ExitStack, place: Path, *options: str) -> None:
    subprocess.run(["/bin/mount", *options, place], check=True)
    stack.callback(subprocess.run, ["/bin/umount", "--lazy", place], check=True)


def _copy(checkout: Path, to: Path) -> None:
    """Copy what git has or would take."""
    list_files = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(list_files, cwd=checkout, capture_output=True, check=True).stdout
    for name in map(os.fsdecode, filter(None, names.split(b"\0"))):
        if (checkout / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(checkout / name, to / name)


def _init_of(process: subprocess.Popen[bytes], console: Path) -> int:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        for child in psutil.Process(process.pid).children():
            if child.name() == "systemd":
                return child.pid
        time.sleep(0.05)
    raise BootError(f"no systemd boots here: {console.read_text(errors='replace')[-2000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)  # nspawn shuts the container down
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
