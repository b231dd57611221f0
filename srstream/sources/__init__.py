"""The table of sources. Adding one is a file beside these and a line below."""

from __future__ import annotations

from srstream.ports import Source, StreamContext
from srstream.registry import Registry
from srstream.sources.directory import DirectoryOptions, DirectorySource
from srstream.sources.pictures import PictureList, expand
from srstream.sources.zmq_feed import ZmqSource
from srstream.sources.zmq_options import ZmqOptions
from srstream.sources.zmq_senders import ZmqSenders

SOURCES: Registry[Source, StreamContext] = Registry("source")
SOURCES.add("directory", DirectoryOptions, DirectorySource)
SOURCES.add("zmq", ZmqOptions, ZmqSource)

__all__ = [
    "SOURCES",
    "DirectoryOptions",
    "DirectorySource",
    "PictureList",
    "ZmqOptions",
    "ZmqSenders",
    "ZmqSource",
    "expand",
]
