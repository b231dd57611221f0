"""What `srstream send` says in the end: lines for people, an object for scripts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from rich.console import Console

from srstream.media.printable import printable

REFUSED = b"refused:"
"""So begins the reply of srstream about a frame that it does not take."""
_LONGEST = 200
"""Characters of a reply that are shown."""
_MOST_REASONS = 20
"""Replies come from outside: further reasons are counted together."""
_OTHERS = "other reasons"


@dataclass(slots=True)
class Sent:
    """The count so far."""

    frames: int = 0
    """That were handed over, and if replies are awaited answered."""
    nbytes: int = 0
    """Of whole messages."""
    seconds: float = 0.0
    refused: Counter[str] = field(default_factory=Counter)
    """By reason."""
    unreadable: list[str] = field(default_factory=list)
    """Pictures, each once."""

    def add(self, nbytes: int, reply: bytes = b"") -> str | None:
        """Count a frame; return the reason, if the receiver gives one for the first time.

        Args:
            nbytes: of the whole message.
            reply: of the receiver, whatever it says.
        """
        self.frames += 1
        self.nbytes += nbytes
        if not reply.startswith(REFUSED):
            return None
        told = reply[len(REFUSED) :][:_LONGEST].decode(errors="replace")
        reason = printable(told.strip()) or "no reason given"
        if reason not in self.refused and len(self.refused) >= _MOST_REASONS:
            reason = _OTHERS
        self.refused[reason] += 1
        return reason if self.refused[reason] == 1 else None

    @property
    def is_whole(self) -> bool:
        """Whether all was read and nothing refused."""
        return not self.refused and not self.unreadable

    def as_dict(self) -> dict[str, object]:
        """Return what scripts read; keys are added, never renamed."""
        return {
            "frames": self.frames,
            "seconds": round(self.seconds, 3),
            "fps": round(self.frames / self.seconds, 3) if self.seconds else None,
            "mb_per_s": round(self._mb_per_second, 3) if self.seconds else None,
            "bytes": self.nbytes,
            "refused": dict(self.refused),
            "unreadable": self.unreadable,
        }

    def print_to(self, console: Console) -> None:
        """Print how many there were, how fast, and what went wrong."""
        rates = ""
        if self.seconds:
            per_second = self.frames / self.seconds
            rates = f" ({per_second:.2f} per second, {self._mb_per_second:.1f} MB/s)"
        _print(console, f"{self.frames} frames in {self.seconds:.1f} s{rates}")
        for reason, count in self.refused.most_common():
            _print(console, f"{count} refused: {reason}", style="red")
        if self.unreadable:
            what = f"{len(self.unreadable)} pictures left out: they cannot be read"
            _print(console, what, style="red")

    @property
    def _mb_per_second(self) -> float:
        return self.nbytes / 1e6 / self.seconds


def _print(console: Console, text: str, style: str | None = None) -> None:
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
