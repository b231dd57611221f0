"""Streams and sinks that would get in each other's way, found before the start."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import combinations
from pathlib import Path
from typing import Any

from srstream.settings.findings import Findings
from srstream.settings.keys import below
from srstream.settings.schema import Settings
from srstream.sinks.directory import DirectorySinkOptions
from srstream.sinks.stats import StatsOptions
from srstream.sources.directory import DirectoryOptions


@dataclass(frozen=True, slots=True)
class _Output:
    """A sink that writes to the disk."""

    key: str
    stream: str
    place: Path
    """Absolute, symbolic links resolved."""
    format: str
    """The extension of its files; empty where that does not matter."""


def find_conflicts(settings: Settings) -> None:
    """Refuse outputs that come back as new frames, and outputs that meet in one place.

    Raises:
        ConfigError: with every conflict.
    """
    findings = Findings()
    pictures = list(_outputs(settings, DirectorySinkOptions))
    _refuse_loops(settings, pictures, findings)
    for one, other in combinations(pictures, 2):
        # One stream may write each picture in two formats, as `a.png` and `a.jpg`.
        apart = one.stream == other.stream and one.format != other.format
        if one.place == other.place and not apart:
            problem = f"the folder of {one.key} too; they would overwrite each other"
            findings.add(other.key, problem)
    for one, other in combinations(_outputs(settings, StatsOptions), 2):
        if one.place == other.place:
            findings.add(other.key, f"the file of {one.key} too; use two files")
    findings.settle()


def _outputs(settings: Settings, options: type[Any]) -> Iterator[_Output]:
    for name, stream in settings.streams.items():
        for index, sink in enumerate(stream.sinks):
            if isinstance(sink, options):
                key = below("streams", name, "sinks", index, "path")
                place = _place(settings, sink.path)
                yield _Output(key, name, place, getattr(sink, "format", ""))


def _refuse_loops(settings: Settings, pictures: list[_Output], findings: Findings) -> None:
    watched = {
        name: _place(settings, stream.source.path)
        for name, stream in settings.streams.items()
        if isinstance(stream.source, DirectoryOptions)
    }
    feeders: dict[str, list[str]] = {name: [] for name in watched}
    for output in pictures:
        takers = [name for name, folder in watched.items() if folder == output.place]
        if output.stream in takers:
            problem = "the folder this stream watches; its outputs would be new frames"
            findings.add(output.key, problem)
        for taker in takers:
            if taker != output.stream:
                feeders[taker].append(output.stream)
    try:
        TopologicalSorter(feeders).prepare()
    except CycleError as error:
        circle = error.args[1]
        problem = f"streams feed each other in a circle: {' -> '.join(circle)}"
        findings.add(below("streams", circle[0]), problem)


def _place(settings: Settings, path: str) -> Path:
    place = settings.base / path
    try:
        return place.resolve()
    except (OSError, RuntimeError):  # a loop of links; opening it will say so
        return place
