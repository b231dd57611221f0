"""Streams and sinks that would get in each other's way, found before the start."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from itertools import combinations, permutations, product

from srstream.settings.findings import Findings
from srstream.settings.keys import below
from srstream.settings.links import StreamLink, links
from srstream.settings.places import Place, Use, places, resolved
from srstream.settings.schema import Settings
from srstream.sources.zmq_options import ZmqOptions


def find_conflicts(settings: Settings) -> None:
    """Refuse outputs that come back as new frames, and outputs that meet in one place.

    Raises:
        ConfigError: with every conflict.
    """
    findings = Findings()
    found: dict[Use, list[Place]] = {use: [] for use in Use}
    for place in places(settings):
        found[place.use].append(place)
    watched, pictures, aside = (
        found[use] for use in (Use.WATCHED, Use.PICTURES, Use.ASIDE)
    )
    sockets = list(links(settings))
    _refuse_loops(watched, pictures, aside, sockets, findings)
    for one, other in combinations(pictures, 2):
        # One stream may write each picture in two formats, as `a.png` and `a.jpg`.
        apart = one.stream == other.stream and one.format != other.format
        if (one.holds(other.path) or other.holds(one.path)) and not apart:
            problem = f"the folder of {one.key} too; they would overwrite each other"
            findings.add(other.key, problem)
    for output, sources in product(pictures, aside):
        if output.holds(sources.path):
            problem = f"the folder of {sources.key} too; results and sources would mix"
            findings.add(output.key, problem)
    for one, other in combinations(found[Use.STATISTICS], 2):
        if one.path == other.path:
            findings.add(other.key, f"the file of {one.key} too; use two files")
    _refuse_taking_away(watched, findings)
    _refuse_state_among_pictures(settings, [*watched, *pictures], findings)
    _refuse_sharing(sockets, findings)
    _refuse_names_of_senders(settings, findings)
    findings.settle()


def _refuse_loops(
    watched: list[Place],
    pictures: list[Place],
    aside: list[Place],
    sockets: list[StreamLink],
    findings: Findings,
) -> None:
    feeders: dict[str, list[str]] = {place.stream: [] for place in watched}
    for sink, source in _connections(sockets, findings):
        feeders.setdefault(source, []).append(sink)
    for output, folder in product([*pictures, *aside], watched):
        if output.stream != folder.stream:
            if folder.holds(output.path):
                feeders[folder.stream].append(output.stream)
        elif output.use is Use.ASIDE:
            # What is below a watched folder and named here is not watched.
            if output.path == folder.path:
                problem = "the folder this stream watches; its sources would be new frames"
                findings.add(output.key, problem)
        elif folder.holds(output.path):
            where = "the folder" if output.path == folder.path else "below the folder"
            problem = f"{where} this stream watches; its outputs would be new frames"
            findings.add(output.key, problem)
    try:
        TopologicalSorter(feeders).prepare()
    except CycleError as error:
        circle = error.args[1]
        problem = f"streams feed each other in a circle: {' -> '.join(circle)}"
        findings.add(below("streams", circle[0]), problem)


def _connections(
    sockets: list[StreamLink], findings: Findings
) -> Iterator[tuple[str, str]]:
    """Yield which streams feed which others by a socket; refuse what feeds itself."""
    for sink, source in permutations(sockets, 2):
        if not _feeds(sink, source):
            continue
        if sink.stream != source.stream:
            yield sink.stream, source.stream
        else:
            problem = "where this stream listens; its outputs would be new frames"
            findings.add(sink.endpoints, problem)


def _feeds(sink: StreamLink, source: StreamLink) -> bool:
    """Tell whether what one sends is what the other receives."""
    if sink.is_source or not source.is_source or sink.link.connects == source.link.connects:
        return False
    return sink.shared_with(source) is not None


def _refuse_sharing(sockets: list[StreamLink], findings: Findings) -> None:
    """Refuse that two sockets are bound to one endpoint."""
    bound = [each for each in sockets if not each.link.connects]
    for one, other in combinations(bound, 2):
        endpoint = one.shared_with(other)
        if endpoint is not None:
            problem = f"{endpoint.text} is bound by {one.endpoints} too; use two"
            findings.add(other.endpoints, problem)


def _refuse_names_of_senders(settings: Settings, findings: Findings) -> None:
    """Refuse streams that are called as a stream of one of another's senders may be."""
    for one, other in permutations(settings.streams, 2):
        source = settings.streams[one].source
        if not isinstance(source, ZmqOptions) or source.streams == "one":
            continue
        if other.startswith(f"{one}."):
            problem = (
                f"the streams of the senders of {one} are called so; name it otherwise"
            )
            findings.add(below("streams", other), problem)


def _refuse_taking_away(watched: list[Place], findings: Findings) -> None:
    """Refuse that one stream moves or deletes what another one has yet to read."""
    for one, other in combinations(watched, 2):
        if not (one.holds(other.path) or other.holds(one.path)):
            continue
        for taker, loser in ((one, other), (other, one)):
            if taker.empties:
                key = below("streams", taker.stream, "source", "after")
                problem = (
                    f"{loser.key} watches these files too, and they would be gone before "
                    "it has read them; allowed: keep"
                )
                findings.add(key, problem)


def _refuse_state_among_pictures(
    settings: Settings, folders: Iterable[Place], findings: Findings
) -> None:
    state_dir = resolved(settings, settings.daemon.state_dir)
    for folder in folders:
        if folder.holds(state_dir):
            problem = f"in the folder of {folder.key}; name another folder for the state"
            findings.add("daemon.state_dir", problem)
