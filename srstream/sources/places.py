"""Where every file of a watched folder is on its way. Pure: it is told the time.

A file is in one place at a time: settling, unsure (to be read again, as it may be known),
put off (it cannot be read now), ready, in hand (offered and not yet done) or finished.
While it is in hand it is left alone; afterwards it is looked at again, so that new
content under an old name becomes a frame of its own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Container, Iterable
from dataclasses import dataclass

from srstream.ledger import Signature
from srstream.sources.backoff import BackOff
from srstream.sources.files import Look
from srstream.sources.finished import Finished
from srstream.sources.settle import Settle

_REMEMBERED = 100_000  # some 20 MB of names, for cameras that never stop


@dataclass(frozen=True, slots=True)
class Ready:
    """A file that waits to be handed out."""

    look: Look
    name: str
    offered: float


class Places:
    """The files of a folder, each in its place."""

    def __init__(self, window: float) -> None:
        self.arrived = 0
        """Files that became ready, without those there at the start or given back."""
        self.finished = Finished(limit=_REMEMBERED)
        self.put_off = BackOff()
        self._settle = Settle(window)
        self._unsure: OrderedDict[str, Look] = OrderedDict()
        self._ready: OrderedDict[str, Ready] = OrderedDict()
        self._in_hand: set[str] = set()
        self._doubts: dict[str, tuple[Signature, float]] = {}
        """Finished ones that may have changed without a trace, and when that shows."""
        self._counted: set[str] = set()
        """Files whose becoming ready is no arrival."""

    @property
    def backlog(self) -> int:
        """How many files are ready and not yet handed out."""
        return len(self._ready)

    def were_there(self, sources: Iterable[str]) -> None:
        """Note what was there at the start: it does not arrive."""
        self._counted.update(sources)

    def saw(self, source: str, look: Look, *, now: float) -> bool:
        """Note a look at a file; true if it is in no place: somebody has to find one."""
        if source in self._in_hand:
            return False
        if self.finished.has(source, look.signature):
            self._settle.gone(source)
            self._ready.pop(source, None)
            return False
        if self.put_off.waits(source, look.signature):
            return False
        waiting = self._ready.get(source)
        if waiting is not None:
            if waiting.look.signature == look.signature:
                return False
            del self._ready[source]
            self._counted.add(source)
        unsure = self._unsure.get(source)
        if unsure is not None and unsure.signature == look.signature:
            return False
        if waiting or unsure or source in self._settle or source in self.put_off:
            self.settling(source, look, now=now)
            return False
        return True

    def settling(self, source: str, look: Look, *, now: float, aged: bool = False) -> None:
        """Wait until a file is complete; believe its age only if `aged`."""
        self._unsure.pop(source, None)
        self.put_off.saw(source, look.signature)
        self._settle.saw(source, look.signature, now=now, age=look.age if aged else 0.0)

    def stirred(self, source: str, *, at: float) -> None:
        """Note that somebody closed a file, or has it open."""
        self._settle.stirred(source, at=at)

    def to_look_at(self, now: float) -> list[str]:
        """Return the files that a look would settle now."""
        return self._settle.due(now)

    def next_due(self) -> float | None:
        """Return when there is something to do; none: nothing is waited for."""
        dues = [self._settle.next_due(), self.put_off.next_due()]
        dues.extend(due for _, due in self._doubts.values())
        return min((due for due in dues if due is not None), default=None)

    def take_settled(self, now: float) -> list[tuple[str, Signature]]:
        """Release what is to be offered, or asked about, after one last look."""
        settled = dict(self._settle.take_ready(now))
        settled.update(self.put_off.take_due(now))
        for source, (signature, due) in list(self._doubts.items()):
            if due <= now:
                del self._doubts[source]
                if self.finished.has(source, signature) and not self._is_on_its_way(source):
                    self.finished.forget(source)
                    settled[source] = signature
        return list(settled.items())

    def _is_on_its_way(self, source: str) -> bool:
        return (
            source in self._settle
            or source in self._unsure
            or source in self._ready
            or source in self._in_hand
        )

    def unsure(self, source: str, look: Look) -> None:
        """Keep a file back until its content was read and compared."""
        self._unsure[source] = look

    def take_unsure(self) -> tuple[str, Look] | None:
        """Release the first of those; none: there is none."""
        return self._unsure.popitem(last=False) if self._unsure else None

    @property
    def has_unsure(self) -> bool:
        return bool(self._unsure)

    def offer(self, source: str, look: Look, name: str, *, now: float) -> None:
        """Put a file where it is handed out from."""
        self._ready[source] = Ready(look, name, now)
        if source in self._counted:
            self._counted.remove(source)
        else:
            self.arrived += 1

    def hand_out(self) -> tuple[str, Ready] | None:
        """Return the first that is ready; it is in hand from then on."""
        if not self._ready:
            return None
        source, ready = self._ready.popitem(last=False)
        self._in_hand.add(source)
        return source, ready

    def returned(self, source: str) -> None:
        """Take back a file in hand: it will be looked at, and offered again."""
        self._in_hand.remove(source)
        self._counted.add(source)

    def later(self, source: str, signature: Signature, *, now: float) -> bool:
        """Put off a file that cannot be read; tell whether that is worth saying."""
        self._in_hand.discard(source)
        self._counted.add(source)
        return self.put_off.put_off(source, signature, now)

    def finish(self, source: str, signature: Signature) -> bool:
        """Note that a content was dealt with; tell whether it had been put off."""
        self._in_hand.discard(source)
        self._counted.discard(source)
        self._settle.gone(source)
        self._doubts.pop(source, None)
        self.finished.add(source, signature)
        return self.put_off.settled(source)

    def doubt(self, source: str, signature: Signature, *, until: float) -> None:
        """Let a finished content be compared once more, when a change would show."""
        self._doubts[source] = signature, until

    def reconsider(self, source: str) -> None:
        """Let a finished content be dealt with once more."""
        self.finished.forget(source)
        self._doubts.pop(source, None)

    def gone(self, source: str) -> None:
        """Forget a file that is not there, unless it is ready or in hand."""
        self._settle.gone(source)
        self._unsure.pop(source, None)
        self.put_off.settled(source)
        self._counted.discard(source)

    def keep_only(self, present: Container[str]) -> list[str]:
        """Forget what is not there; return whose names may be given to others."""
        self._counted.difference_update(self._settle.gone_but(present))
        self.put_off.keep_only(present)
        for source in [source for source in self._unsure if source not in present]:
            del self._unsure[source]
        return self.finished.trim(present)
