"""Where the streams of a configuration read and write."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from srstream.settings.keys import below
from srstream.settings.schema import Settings
from srstream.sinks.directory import DirectorySinkOptions
from srstream.sinks.stats import StatsOptions
from srstream.sources.after import where_after
from srstream.sources.directory import DirectoryOptions
from srstream.sources.zmq_options import ZmqOptions


class Use(Enum):
    """What a place is for."""

    WATCHED = auto()
    PICTURES = auto()
    """The folder of a sink."""
    STATISTICS = auto()
    """A file."""
    ASIDE = auto()
    """A folder to which sources are moved."""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder or a file that a stream uses."""

    key: str
    """The key that names it."""
    stream: str
    use: Use
    path: Path
    """Absolute, symbolic links resolved."""
    recursive: bool = False
    """Of a watched folder: with those below it. Of the folder of a sink: with those of the
    senders below it."""
    empties: bool = False
    """Of a watched folder: pictures leave it when they are done."""
    format: str = ""
    """Of a folder of a sink: the extension of its files."""

    def holds(self, path: Path) -> bool:
        """Tell whether a file in this folder would be taken for one of this place's."""
        return path == self.path or (self.recursive and self.path in path.parents)


def places(settings: Settings) -> Iterator[Place]:
    """Yield the places of all streams, in the order of the configuration."""
    for name in settings.streams:
        yield from _of_source(settings, name)
        yield from _of_sinks(settings, name)


def resolved(settings: Settings, path: str | Path) -> Path:
    """Return a path of a configuration, absolute and without links."""
    place = settings.base / path
    try:
        return place.resolve()
    except (OSError, RuntimeError):  # a loop of links; opening it will say so
        return place


def _of_source(settings: Settings, stream: str) -> Iterator[Place]:
    source = settings.streams[stream].source
    if not isinstance(source, DirectoryOptions):
        return
    key = below("streams", stream, "source")
    after = where_after(source.after, settings.base)
    yield Place(
        below(key, "path"),
        stream,
        Use.WATCHED,
        resolved(settings, source.path),
        recursive=source.recursive,
        empties=after is not None,
    )
    if isinstance(after, Path):
        yield Place(below(key, "after"), stream, Use.ASIDE, resolved(settings, after))
    if source.failed:
        failed = resolved(settings, source.failed)
        yield Place(below(key, "failed"), stream, Use.ASIDE, failed)


def _of_sinks(settings: Settings, stream: str) -> Iterator[Place]:
    source = settings.streams[stream].source
    recursive = isinstance(source, ZmqOptions) and source.streams == "per-sender"
    for index, sink in enumerate(settings.streams[stream].sinks):
        key = below("streams", stream, "sinks", index, "path")
        if isinstance(sink, DirectorySinkOptions):
            folder = resolved(settings, sink.path)
            yield Place(
                key,
                stream,
                Use.PICTURES,
                folder,
                recursive=recursive,
                format=sink.format,
            )
        elif isinstance(sink, StatsOptions):
            yield Place(key, stream, Use.STATISTICS, resolved(settings, sink.path))
