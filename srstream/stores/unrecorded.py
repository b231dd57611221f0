"""The ledger of a stream that needs none: `srstream upscale` looks at its results."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from srstream.frames import Content, FrameId
from srstream.ledger import Entry, Line, Output, Recovered, Signature
from srstream.quantities import Keep


class Unrecorded:
    """Knows nothing and forgets everything but the last number; see `ledger.Ledger`."""

    is_new = True

    def __init__(self) -> None:
        self.last_seq = 0

    async def entries(self, sources: Collection[str]) -> dict[str, Entry]:
        del sources
        return {}

    async def owners(self, names: Collection[str]) -> dict[str, str]:
        del names
        return {}

    def took(self, source: str, name: str, signature: Signature) -> None: ...

    async def adopt(self, sources: Sequence[tuple[str, str, Signature]]) -> None: ...

    async def verified(
        self, source: str, signature: Signature, content: Content
    ) -> None: ...

    async def present(self, sources: Collection[str]) -> None: ...

    async def moved(self, source: str, to: str) -> None: ...

    async def retries(self) -> list[Entry]:
        return []

    async def recover(self) -> Recovered:
        return Recovered()

    async def seq_at_least(self, seq: int) -> None:
        self.last_seq = max(self.last_seq, seq)

    def publishing(
        self, frame: FrameId, content: Content | None, *, outputs: int, line: str | None
    ) -> None: ...

    async def done(self, frame: FrameId, *, line: str | None) -> None:
        del line
        self.last_seq = max(self.last_seq, frame.seq)

    def passed(self, seq: int) -> None:
        self.last_seq = max(self.last_seq, seq)

    async def failed(self, source: str, reason: str, *, seq: int | None = None) -> None: ...

    async def intend(self, frame: FrameId, output: Output) -> bool:
        del frame, output
        return True

    async def lines(self, after: int, limit: int) -> list[Line]:
        del after, limit
        return []

    def told(self, follower: str, seq: int) -> None: ...

    async def told_up_to(self, follower: str) -> int:
        del follower
        return 0

    def wrote(self, folder: str, path: str, size: int) -> None: ...

    async def excess(self, folder: str, keep: Keep, limit: int) -> list[tuple[str, int]]:
        del folder, keep, limit
        return []

    async def dropped(self, folder: str, paths: Collection[str]) -> None: ...
