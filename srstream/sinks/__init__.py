"""The table of sinks. Adding one is a file beside these and a line below."""

from __future__ import annotations

from srstream.ports import Sink, StreamContext
from srstream.registry import Registry
from srstream.sinks.directory import DirectorySink, DirectorySinkOptions
from srstream.sinks.stats import StatsOptions, StatsSink
from srstream.sinks.zmq_options import ZmqSinkOptions
from srstream.sinks.zmq_sink import ZmqSink

SINKS: Registry[Sink, StreamContext] = Registry("sink")
SINKS.add("directory", DirectorySinkOptions, DirectorySink)
SINKS.add("stats", StatsOptions, StatsSink)
SINKS.add("zmq", ZmqSinkOptions, ZmqSink)

__all__ = [
    "SINKS",
    "DirectorySink",
    "DirectorySinkOptions",
    "StatsOptions",
    "StatsSink",
    "ZmqSink",
    "ZmqSinkOptions",
]
