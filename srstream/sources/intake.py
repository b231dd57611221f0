"""What of a folder's files is new, and what is known: the first is offered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from structlog.typing import FilteringBoundLogger

from srstream.frames import Content
from srstream.ledger import Entry, Fate, Signature
from srstream.ownthread import OwnThread
from srstream.ports import StreamContext
from srstream.sources.after import Leaving
from srstream.sources.files import Look
from srstream.sources.folder import Folder
from srstream.sources.hand import InHand
from srstream.sources.identity import Knowledge, is_same, judge, seconds_of_doubt
from srstream.sources.names import Names, natural_key
from srstream.sources.places import Places
from srstream.sources.recall import Recall, portions

_AT_ONCE = 200  # files gone through before the event loop gets its turn: about 1 ms
_READ_AT_ONCE = 0.2  # seconds of comparing contents before new files get their turn


class Intake:
    """Finds a place for every file that was looked at, with what the ledger knows."""

    def __init__(
        self,
        folder: Folder,
        places: Places,
        names: Names,
        recall: Recall,
        leaving: Leaving,
        context: StreamContext,
        *,
        wall: Callable[[], int],
        thread: OwnThread,
        log: FilteringBoundLogger,
        offered: Callable[[], None],
    ) -> None:
        """Put the parts together; `offered` is called when some are ready."""
        self._folder = folder
        self._places = places
        self._names = names
        self._leaving = leaving
        self._recall = recall
        self._ledger = context.ledger
        self._clock = context.clock
        self._wall = wall
        self._thread = thread
        self._log = log
        self._offered = offered

    def finish(self, hand: InHand, fate: Fate) -> None:
        """Note that a file in hand was dealt with."""
        source, look = hand.source, hand.look
        if self._places.finish(source, look.signature):
            self._log.info("source could be read at last", source=source)
        self._let_go(
            source, look, fate, read_at_ns=hand.read_at_ns, was_hashed=hand.was_hashed
        )

    def _let_go(
        self,
        source: str,
        look: Look,
        fate: Fate,
        *,
        read_at_ns: int | None,
        was_hashed: bool,
    ) -> None:
        """Let a finished file leave, but not before it is certain that it is the one."""
        if not look.is_file:
            return
        if read_at_ns is not None:
            doubt = seconds_of_doubt(look.signature, read_at_ns, now_ns=self._wall())
            if doubt is not None:
                self._places.doubt(source, look.signature, until=self._clock() + doubt)
                return
        self._leaving.add(source, look.signature, fate, was_read=was_hashed)

    def put_off(self, source: str, look: Look, reason: str) -> None:
        """Note that a file cannot be read now."""
        if self._places.later(source, look.signature, now=self._clock()):
            self._log.warning(
                "source cannot be read now; it is tried again for ever",
                source=source,
                reason=reason,
            )

    async def adopt(
        self, found: Mapping[str, Look], done_before: Callable[[str, int], bool]
    ) -> None:
        """Note what was done before there was a ledger, as its outputs tell."""
        known = await self._recall.entries(found)
        unknown = [s for s in found if s not in known and found[s].is_file]
        unknown = await self._thread.run(partial(sorted, unknown, key=natural_key))
        await self._recall.name(unknown, known)
        named = [(s, self._names.claim(s), found[s].signature) for s in unknown]
        done: list[tuple[str, str, Signature]] = []
        for portion in portions(named, _AT_ONCE):
            work = partial(_of_these_done, portion, done_before)
            done += await self._thread.run(work)
        await self._ledger.adopt(done)  # at once: the next run will not ask any more

    async def take_in(self, looks: Mapping[str, Look]) -> None:
        """Find a place for each; what is known of them for certain is left out."""
        for portion in portions(looks.items(), _AT_ONCE):
            now = self._clock()
            strangers: dict[str, Look] = {}
            for source, look in portion:
                self._names.add(source)
                if self._places.saw(source, look, now=now):
                    strangers[source] = look
            known = await self._recall.entries(strangers)
            for source, look in strangers.items():
                entry = known.get(source)
                if entry and judge(entry, look.signature) is Knowledge.KNOWN:
                    self._leave_out(entry, look)
                else:
                    self._places.settling(source, look, now=now, aged=True)
            await asyncio.sleep(0)

    def _leave_out(self, entry: Entry, look: Look) -> None:
        if self._places.finish(entry.source, look.signature):
            self._log.info("source could be read at last", source=entry.source)
        content = entry.content
        self._let_go(
            entry.source,
            look,
            entry.fate,
            read_at_ns=None if content is None else content.read_at_ns,
            was_hashed=content is not None,
        )

    async def offer_settled(self) -> None:
        """Look a last time at what has settled, and offer what is new of it."""
        settled = self._places.take_settled(self._clock())
        if not settled:
            return
        checked = await self._thread.run(partial(self._folder.check, settled))
        now = self._clock()
        for source, look in checked.unsettled.items():
            self._places.settling(source, look, now=now)
        for source in dict(settled).keys() - checked.unsettled - checked.complete.keys():
            self._places.gone(source)
        known = await self._recall.entries(checked.complete)
        new: dict[str, Look] = {}
        for source, look in checked.complete.items():
            match judge(known.get(source), look.signature):
                case Knowledge.KNOWN:
                    self._leave_out(known[source], look)
                case Knowledge.UNSURE:
                    self._places.unsure(source, look)
                case Knowledge.NEW:
                    new[source] = look
        await self._offer(new, known)

    async def _offer(self, new: Mapping[str, Look], known: Mapping[str, Entry]) -> None:
        await self._recall.name(new, known)
        for portion in portions(new.items(), _AT_ONCE):
            now = self._clock()
            for source, look in portion:
                self._places.offer(source, look, self._names.claim(source), now=now)
            self._offered()
            await asyncio.sleep(0)

    async def compare_unsure(self) -> None:
        """Read some of the files that may be known: a remount changes the time of all."""
        until = self._clock() + _READ_AT_ONCE
        contents: dict[str, tuple[Look, Content]] = {}
        while self._clock() < until and (taken := self._places.take_unsure()):
            source, look = taken
            content = await self._thread.run(partial(self._folder.digest, source, look))
            if content is None:
                await self._see_why_not(source, look)
            else:
                contents[source] = look, content
        if contents:
            await self._compare(contents)

    async def _compare(self, contents: Mapping[str, tuple[Look, Content]]) -> None:
        known = await self._recall.entries(contents)
        new: dict[str, Look] = {}
        same: list[tuple[Entry, Look, Content]] = []
        for source, (look, content) in contents.items():
            entry = known.get(source)
            if entry is not None and is_same(entry, look.signature, content):
                same.append((entry, look, content))
            else:
                new[source] = look
        await asyncio.gather(  # at once, for one commit instead of thousands
            *(
                self._ledger.verified(entry.source, look.signature, content)
                for entry, look, content in same
            )
        )
        for entry, look, content in same:
            verified = replace(entry, signature=look.signature, content=content)
            self._leave_out(verified, look)
        if new:
            await self._offer(new, known)

    async def _see_why_not(self, source: str, look: Look) -> None:
        now = (await self._thread.run(partial(self._folder.look_at, [source])))[source]
        if now is None:
            self._places.gone(source)
        elif now.signature == look.signature:
            self.put_off(source, look, "its content cannot be compared")
        else:
            self._places.settling(source, now, now=self._clock())


def _of_these_done(
    named: list[tuple[str, str, Signature]], done_before: Callable[[str, int], bool]
) -> list[tuple[str, str, Signature]]:
    return [entry for entry in named if done_before(entry[1], entry[2].mtime_ns)]
