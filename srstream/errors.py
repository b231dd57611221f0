"""Every exception srstream raises on purpose. Its class names who acts.

    SrstreamError
    ├── ConfigError + ValueError     the operator acts: key, what was found, what is allowed
    ├── FrameError                   nobody acts: the frame is skipped and counted
    │   ├── DecodeError + ValueError     the bytes are not a picture we take
    │   ├── Refused + ValueError         a message of a feed is not taken; counted by reason
    │   ├── Postponed                    not now: the source offers the frame again
    │   └── Unreadable                   time acts: offered again after a while
    ├── SinkError + OSError          this output failed for this frame; the stream goes on
    │   └── SinkUnavailable              time acts: written again until it succeeds
    ├── LinkError + OSError          a socket cannot be opened: endpoint in use, wrong key
    ├── SourceError + OSError        the stream cannot read its input; it is restarted
    ├── ResourceError                the device is out of memory
    ├── DeviceLostError              the process acts: it ends, and is started anew
    ├── StateError                   saved state does not fit; the stream starts afresh
    ├── StateDirError + OSError      the operator acts: the state folder cannot be used
    │   └── StateDirInUse                another process uses it
    └── Diverged                     the operator acts: a training is not finite any more

Anything else is a bug: that stream is restarted, its traceback logged, and others go on.
A diverged adaptation is not an exception but an `Outcome`.
"""

from __future__ import annotations

from dataclasses import dataclass


class SrstreamError(Exception):
    """The root of the tree."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing that is wrong with a configuration."""

    key: str
    """The full key, such as `streams.demo.scale`."""
    problem: str
    """What was found, what is allowed, and the nearest known name."""
    where: str = ""
    """File and line, such as `srstream.toml:12`; empty where there is none."""

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, self.key, self.problem) if part)


class ConfigError(SrstreamError, ValueError):
    """The configuration is wrong; carries every complaint, not only the first."""

    def __init__(self, *complaints: Complaint) -> None:
        super().__init__("\n".join(map(str, complaints)))
        self.complaints = complaints


class FrameError(SrstreamError):
    """This frame cannot be processed; the next one may."""


class DecodeError(FrameError, ValueError):
    """The bytes are not a picture that we take."""


class Refused(FrameError, ValueError):
    """A message is no frame that we take, or there is no place for it."""

    def __init__(self, reason: str, detail: str = "") -> None:
        """Say why.

        Args:
            reason: By which refusals are counted: a few words that are always the same.
            detail: What was found, on one line.
        """
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class Postponed(FrameError):
    """The frame changed while it waited; its source offers it again."""


class Unreadable(FrameError):
    """The file cannot be read now: busy, not permitted, an error of the disk."""


class SinkError(SrstreamError, OSError):
    """An output could not be written, and never will be."""


class SinkUnavailable(SinkError):
    """An output cannot be written now: disk full, not permitted, share gone."""


class LinkError(SrstreamError, OSError):
    """A socket cannot be opened: its endpoint is in use, a key is open to others."""


class SourceError(SrstreamError, OSError):
    """An input cannot be watched or read at all."""


class ResourceError(SrstreamError):
    """The device ran out of memory, even for the smallest tile."""


class DeviceLostError(SrstreamError):
    """The device does not answer any more; only a new process can use it again."""


class StateError(SrstreamError):
    """Saved state does not fit this session."""


class StateDirError(SrstreamError, OSError):
    """The folder of what outlives the daemon cannot be used: full, or not permitted."""


class StateDirInUse(StateDirError):
    """Another process uses the state folder; the message names its pid."""


class Diverged(SrstreamError):
    """A training went wrong: something is not finite any more."""
