"""Does anything grow while the daemon runs, and peers come and go?

`srstream serve` takes frames at a steady rate over ZeroMQ, with a preset as it is shipped,
and publishes them, for an hour or for days. One sender after the other connects, sends its
share of the frames and disconnects, and so does one subscriber after the other. Resident
memory, descriptors and threads of the daemon and of its relay are looked at every few
seconds.

Goals: after the warm-up, memory grows by 1 MB per hour at most, by the straight line of
least squares; descriptors and threads do not grow: their median over the last quarter is
not above that over the first. A run of a few minutes shows that the bench works; its slope
is mostly chance, as its bounds tell.

    python -m bench soak --hours 1
    python -m bench soak --hours 24 --connects 40000
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from statistics import median
from typing import Annotated

import numpy as np
import psutil
import zmq
from numpy.typing import NDArray

from bench.arguments import Preset
from bench.endpoints import free_endpoint, wait_for_listener
from bench.goals import Goal, judged
from bench.pictures import photographs, window
from bench.report import Report, Table, say
from bench.serving import Served, serving
from srstream.wire.outgoing import Payload, Published, native_message

SLOPE = 1.0
"""MB per hour; the goal."""
_START = 60.0
_ANSWER = 60_000
"""Milliseconds within which a frame must be accepted."""
_LOOKS = 400
"""How many looks there are, unless they would be less than a quarter of a second apart or
more than half a minute."""
_TOLD = 60.0
"""Seconds between two lines on how far it is."""
_MB = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    hours: Annotated[float, "how long"] = 1.0
    warm_up: Annotated[float, "share of it that is not held against the goals"] = 0.25
    connects: Annotated[int, "senders, and subscribers, one after the other"] = 200
    fps: Annotated[float, "frames per second that are sent"] = 10.0
    width: Annotated[int, "of a frame in pixels, 640 at most"] = 480
    height: Annotated[int, "of a frame in pixels, 427 at most at that width"] = 270
    preset: Annotated[Preset, "what adapts and enlarges"] = "realtime"

    def __post_init__(self) -> None:
        if self.hours <= 0 or not 0 <= self.warm_up <= 0.9:
            raise ValueError("hours must be above 0, and warm_up from 0 to 0.9")
        if self.connects < 1 or self.fps <= 0:
            raise ValueError("connects must be from 1, and fps above 0")
        if self.width > 640 or self.height > 427:
            raise ValueError("the photographs are of 640x427 pixels at most")


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen of a process and its children together."""

    hours: float
    """Since the first look."""
    daemon_mb: float
    relays_mb: float
    descriptors: int
    threads: int


@dataclass(slots=True)
class Traffic:
    """What went in and came out."""

    sent: int = 0
    received: int = 0
    senders: int = 0
    subscribers: int = 0
    late: int = 0
    """Frames that were sent more than a second after they were due."""


def run(options: Options) -> Report:
    """Start the daemon, let peers come and go, and look."""
    into, out = free_endpoint(), free_endpoint()
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        folder = Path(place)
        config = folder / "srstream.toml"
        config.write_text(_configuration(options, into, out))
        daemon = stack.enter_context(
            serving(["--config", str(config)], log=folder / "log.jsonl")
        )
        for endpoint in (into, out):
            wait_for_listener(endpoint, within=_START, is_alive=lambda: daemon.is_alive)
        traffic = Traffic()
        with _peers(traffic, options, into, out) as failed:
            looks = list(_looks(daemon, options, traffic, failed))
        daemon.stop()
        restarts = len(daemon.events("the relay died")) + len(
            daemon.events("stream failed")
        )
    return report_of(looks, traffic, restarts, options)


def _configuration(options: Options, into: str, out: str) -> str:
    return (
        '[daemon]\nstate_dir = "state"\n\n[streams.soak]\ndevice = "cpu"\n'
        f'preset = "{options.preset}"\n'
        f'source = {{ type = "zmq", endpoints = ["{into}"], overload = "latest" }}\n'
        f'sinks = [{{ type = "zmq", endpoints = ["{out}"] }}, '
        '{ type = "stats", path = "stats.jsonl" }]\n'
    )


@contextmanager
def _peers(
    traffic: Traffic, options: Options, into: str, out: str
) -> Iterator[list[Exception]]:
    """Let senders and subscribers come and go; yield what they fail with."""
    over, failed = threading.Event(), list[Exception]()

    def guarded(work: object) -> None:
        try:
            work(traffic, options, into if work is _send else out, over)  # type: ignore[operator]
        except (zmq.ZMQError, ValueError) as error:
            failed.append(error)

    threads = [
        threading.Thread(target=guarded, args=[work], daemon=True)
        for work in (_send, _receive)
    ]
    for thread in threads:
        thread.start()
    try:
        yield failed
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _send(traffic: Traffic, options: Options, endpoint: str, over: threading.Event) -> None:
    """Send at the rate, with another connection for each share of the time."""
    share = 3600 * options.hours / options.connects
    began = time.monotonic()
    frames = (
        native_message(pixels, Published("soak", seq), Payload())
        for seq, pixels in enumerate(_pan(options), 1)
    )
    with zmq.Context() as context:
        while not over.is_set():
            traffic.senders += 1
            ends = began + traffic.senders * share
            with context.socket(zmq.REQ) as socket:
                socket.setsockopt(zmq.LINGER, 0)
                socket.setsockopt(zmq.RCVTIMEO, _ANSWER)
                socket.connect(endpoint)
                while time.monotonic() < ends and not over.is_set():
                    due = began + traffic.sent / options.fps
                    over.wait(max(due - time.monotonic(), 0))
                    traffic.late += time.monotonic() > due + 1
                    socket.send_multipart(next(frames))
                    socket.recv()
                    traffic.sent += 1


def _receive(
    traffic: Traffic, options: Options, endpoint: str, over: threading.Event
) -> None:
    """Subscribe, with another connection for each share of the time."""
    share = 3600 * options.hours / options.connects
    began = time.monotonic()
    with zmq.Context() as context:
        while not over.is_set():
            traffic.subscribers += 1
            ends = began + traffic.subscribers * share
            with context.socket(zmq.SUB) as socket:
                socket.setsockopt(zmq.LINGER, 0)
                socket.setsockopt(zmq.SUBSCRIBE, b"")
                socket.connect(endpoint)
                while time.monotonic() < ends and not over.is_set():
                    if socket.poll(100):
                        socket.recv_multipart()
                        traffic.received += 1


def _pan(options: Options) -> Iterator[NDArray[np.uint8]]:
    """Yield windows that move over the photographs that are large enough, without end."""
    least = options.height, options.width
    pictures = [each for each in photographs() if np.all(each.shape[:2] >= np.array(least))]
    for number in count():
        picture = pictures[number // 100 % len(pictures)]
        yield window(picture, options.height, options.width, moved=number)


def _looks(
    daemon: Served, options: Options, traffic: Traffic, failed: Sequence[Exception]
) -> Iterator[Look]:
    """Look until the time is over."""
    seconds = 3600 * options.hours
    every = min(max(seconds / _LOOKS, 0.25), 30.0)
    began = told = time.monotonic()
    while (now := time.monotonic()) < began + seconds:
        daemon.check()
        if failed:
            raise ValueError(f"a peer failed: {failed[0]!r}")
        look = look_at(daemon.process.pid, hours=(now - began) / 3600)
        yield look
        if now >= told + _TOLD:
            told = now
            say(f"{look}, {traffic}")
        time.sleep(every)


def look_at(pid: int, *, hours: float) -> Look:
    """Look at a process and what it started."""
    process = psutil.Process(pid)
    family = [process, *process.children(recursive=True)]
    resident = [each.memory_info().rss / _MB for each in family]
    return Look(
        hours=hours,
        daemon_mb=resident[0],
        relays_mb=sum(resident[1:]),
        descriptors=sum(each.num_fds() for each in family),
        threads=sum(each.num_threads() for each in family),
    )


def slope_of(hours: Sequence[float], values: Sequence[float]) -> tuple[float, float]:
    """Return the slope per hour of the line of least squares, and twice its standard error.

    That is the half width of its bounds of 95 %, as if one look knew nothing of the next.
    """
    x = np.asarray(hours, np.float64)
    y = np.asarray(values, np.float64)
    apart = x - x.mean()
    slope = float(apart @ y / (apart @ apart))
    left = y - y.mean() - slope * apart
    error = np.sqrt(left @ left / max(len(x) - 2, 1) / (apart @ apart))
    return slope, 2 * float(error)


def growth_of(values: Sequence[int]) -> float:
    """Return the median of the last quarter, less that of the first."""
    quarter = max(len(values) // 4, 1)
    return float(median(values[-quarter:]) - median(values[:quarter]))


def report_of(
    looks: Sequence[Look], traffic: Traffic, failures: int, options: Options
) -> Report:
    """Hold what was seen after the warm-up against the goals.

    Raises:
        ValueError: that are fewer than three looks.
    """
    settled = [look for look in looks if look.hours >= options.warm_up * options.hours]
    if len(settled) < 3:
        raise ValueError("too short: there are not three looks after the warm-up")
    hours = [look.hours for look in settled]
    rows, slopes = [], {}
    for name in ("daemon_mb", "relays_mb"):
        values = [float(getattr(look, name)) for look in settled]
        slopes[name] = slope_of(hours, values)
        slope, bound = slopes[name]
        rows.append(
            (name, values[0], values[-1], max(values), f"{slope:+.2f} ± {bound:.2f}")
        )
    for name in ("descriptors", "threads"):
        counts = [int(getattr(look, name)) for look in settled]
        rows.append((name, counts[0], counts[-1], max(counts), f"{growth_of(counts):+g}"))
    goals = [
        Goal("MB per hour, daemon", slopes["daemon_mb"][0], SLOPE),
        Goal("MB per hour, relay", slopes["relays_mb"][0], SLOPE),
        Goal("descriptors more", growth_of([look.descriptors for look in settled]), 0),
        Goal("threads more", growth_of([look.threads for look in settled]), 0),
        Goal("streams that failed, relays that died", failures, 0),
        Goal("senders that came and went", traffic.senders, at_least=options.connects),
        Goal(
            "subscribers that came and went", traffic.subscribers, at_least=options.connects
        ),
    ]
    table = Table(
        f"{looks[-1].hours:.2f} hours, {traffic.sent} frames, after the warm-up",
        ("what", "first", "last", "most", "per hour, or more at the end"),
        tuple(rows),
    )
    figures = {
        "traffic": asdict(traffic),
        "slopes_mb_per_hour": {name: list(pair) for name, pair in slopes.items()},
        "looks": [asdict(look) for look in looks],
    }
    notes = (f"{traffic.received} frames came out, {traffic.late} were sent late.",)
    return judged("Soak", goals, figures, (table,), notes)
