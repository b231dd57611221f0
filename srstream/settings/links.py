"""The sockets of a configuration: where its streams listen, and where they send."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from srstream.errors import Complaint, ConfigError, LinkError
from srstream.settings.keys import below
from srstream.settings.schema import Settings
from srstream.sinks.zmq_options import ZmqSinkOptions
from srstream.sources.zmq_options import ZmqOptions
from srstream.transport.clients import Clients
from srstream.transport.endpoints import Endpoint
from srstream.transport.keys import read_public, read_secret
from srstream.transport.link import Link


@dataclass(frozen=True, slots=True)
class StreamLink:
    """The sockets of a source or a sink."""

    key: str
    """Of its table."""
    stream: str
    is_source: bool
    link: Link

    @property
    def endpoints(self) -> str:
        """The key of its endpoints."""
        return below(self.key, "endpoints")

    def shared_with(self, other: StreamLink) -> Endpoint | None:
        """Return an endpoint of the other that is one of ours, too; none: there is none."""
        mine = self.link.endpoints
        return next(
            (o for o in other.link.endpoints if any(_meet(m, o) for m in mine)), None
        )


def links(settings: Settings) -> Iterator[StreamLink]:
    """Yield the sockets of all streams, in the order of the configuration."""
    for name, stream in settings.streams.items():
        key = below("streams", name, "source")
        if isinstance(stream.source, ZmqOptions):
            yield StreamLink(key, name, True, stream.source.link(settings.base))
        for index, sink in enumerate(stream.sinks):
            key = below("streams", name, "sinks", index)
            if isinstance(sink, ZmqSinkOptions):
                yield StreamLink(key, name, False, sink.link(settings.base))


def check_keys(settings: Settings) -> None:
    """Look whether the keys of all sockets can be used. Blocks.

    Raises:
        ConfigError: with every key that cannot.
    """
    found = [complaint for each in links(settings) for complaint in wrong_keys(each)]
    if found:
        raise ConfigError(*found)


def wrong_keys(of: StreamLink) -> Iterator[Complaint]:
    """Yield why keys of these sockets cannot be used. Blocks."""
    link = of.link
    reads: list[tuple[str, Callable[[], object]]] = []
    if link.curve_key is not None:
        reads.append(("curve_key", partial(read_secret, link.curve_key)))
    if link.curve_server is not None:
        reads.append(("curve_server", partial(read_public, link.curve_server)))
    if link.curve_clients is not None:
        reads.append(("curve_clients", Clients(link.curve_clients).refresh))
    for name, read in reads:
        try:
            read()
        except LinkError as error:
            yield Complaint(below(of.key, name), str(error))


def _meet(one: Endpoint, other: Endpoint) -> bool:
    """Tell whether two endpoints are one, as far as their texts say."""
    if one.kind != other.kind:
        return False
    if one.kind == "ipc":
        return _path(one) == _path(other)
    (host, port), (other_host, other_port) = _parts(one), _parts(other)
    if port != other_port or port == "*":
        return False
    return host == other_host or bool({host, other_host} & _ALL)


_ALL = {"*", "0.0.0.0", "[::]"}  # noqa: S104 - what others may have written
"""Hosts that stand for all addresses of this machine."""


def _parts(endpoint: Endpoint) -> tuple[str, str]:
    host, _, port = endpoint.text.removeprefix("tcp://").rpartition(":")
    return host.lower(), port


def _path(endpoint: Endpoint) -> Path:
    path = Path(endpoint.text.removeprefix("ipc://"))
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # a loop of links; binding it will say so
        return path
