"""Whatever happens and whenever the process is killed: what was awaited is there."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from ledgers import CONTENT, Disk, frame
from srstream.ledger import Fate, Signature

SOURCES = [f"{letter}.png" for letter in "abc"]
CALLS = ["took", "published", "failed", "adopted", "moved", "told", "killed"]
Known = dict[str, tuple[Signature, Fate, str]]


@dataclass
class Model:
    """What a ledger must know."""

    known: Known = field(default_factory=dict)
    last_seq: int = 0
    lines: list[int] = field(default_factory=list)

    def copy(self) -> Model:
        return Model(dict(self.known), self.last_seq, list(self.lines))

    def settle(self, source: str, fate: Fate) -> None:
        if source in self.known:
            signature, _, moved = self.known[source]
            self.known[source] = signature, fate, moved


async def run(folder: Path, script: list[tuple[str, str, int]]) -> None:
    disk = Disk(folder)
    stream = disk.stream()
    await stream.told_up_to("stats")
    model = Model()
    possible = [model.copy()]
    """What may be on the disk: what was awaited, and more and more of what was not."""
    for call, source, number in script:
        awaited = call not in ("took", "told", "killed")
        match call:
            case "took":
                stream.took(source, source, Signature(number, number))
                model.known[source] = Signature(number, number), Fate.TAKEN, ""
            case "published":
                seq = stream.last_seq + 1
                stream.publishing(frame(seq, source), CONTENT, outputs=1, line=None)
                await stream.done(frame(seq, source), line="{}")
                model.settle(source, Fate.DONE)
                model.last_seq = seq
                model.lines.append(seq)
            case "failed":
                await stream.failed(source, "no")
                model.settle(source, Fate.FAILED)
            case "adopted":
                await stream.adopt([(source, source, Signature(number, number))])
                model.known[source] = Signature(number, number), Fate.DONE, ""
            case "moved":
                await stream.moved(source, "/elsewhere")
                if source in model.known:
                    model.known[source] = (*model.known[source][:2], "/elsewhere")
            case "told":
                stream.told("stats", model.last_seq)
                model.lines.clear()
        possible = [model.copy()] if awaited else [*possible, model.copy()]
        if call == "killed":
            stream = disk.kill()
            found = await stream.entries(SOURCES)
            lines = [line.seq for line in await stream.lines(0, 99)]
            there = Model(
                {e.source: (e.signature, e.fate, e.moved_to) for e in found.values()},
                stream.last_seq,
                lines,
            )
            assert there in possible
            model, possible = there, [there.copy()]
    disk.close()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(CALLS), st.sampled_from(SOURCES), st.integers(1, 3)),
        max_size=25,
    )
)
def test_what_was_awaited_outlives_a_kill(script: list[tuple[str, str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder), [*script, ("killed", "a.png", 1)]))
