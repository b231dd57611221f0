"""Feeds whose streams may be made anew: what they accepted waits for the next run."""

from __future__ import annotations

import weakref
from typing import Any

import structlog

from srstream.ports import Feed


class KeptFeeds:
    """Keeps each feed as long as there is what its stream is made from.

    Then, or when all is closed, nothing can take what still waits in it: that is said.
    """

    def __init__(self) -> None:
        self._feeds: dict[int, tuple[str, Feed]] = {}

    def of(self, spec: Any) -> Feed | None:
        """Return the feed of this very object; an equal one is of another stream."""
        _, feed = self._feeds.get(id(spec), ("", None))
        return feed

    def keep(self, stream: str, spec: Any, feed: Feed) -> None:
        """Keep a feed.

        Args:
            stream: its name.
            spec: what the stream is made from; can be referred to weakly.
            feed: the stream's.
        """
        if id(spec) not in self._feeds:
            weakref.finalize(spec, self._let_go, id(spec)).atexit = False
        self._feeds[id(spec)] = stream, feed

    def close(self) -> None:
        """Let all go: no stream is made any more."""
        for key in tuple(self._feeds):
            self._let_go(key)

    def _let_go(self, key: int) -> None:
        stream, feed = self._feeds.pop(key, ("", None))
        if feed is not None and feed.backlog:
            structlog.get_logger().warning(
                "frames of a feed are lost: its stream did not run again",
                stream=stream,
                frames=feed.backlog,
            )
