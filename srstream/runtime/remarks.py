"""What is remarkable about a stream's frames, said once: every time would fill the log."""

from __future__ import annotations

from structlog.typing import FilteringBoundLogger

from srstream.frames import Outcome, Picture, Upscaled


class Remarks:
    """Those of one stream."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        self._log = log
        self._notes: set[str] = set()
        self._said_fallback = False
        self._said_fault: str | None = None

    def on_picture(self, picture: Picture, *, source: str) -> None:
        """Say what had to be converted."""
        for note in picture.notes:
            if note not in self._notes:
                self._notes.add(note)
                self._log.info("picture converted", source=source, note=note)

    def on_result(self, item: Upscaled) -> None:
        """Say where the network was of no use, and where learning failed."""
        if item.stats.outcome is Outcome.FALLBACK:
            self._on_fallback(item)
        if item.stats.fault is not None:
            self._on_fault(item, item.stats.fault)

    def _on_fallback(self, item: Upscaled) -> None:
        width, height = item.frame.picture.size
        say = self._log.debug if self._said_fallback else self._log.warning
        self._said_fallback = True
        say(
            "frame enlarged by bicubic alone",
            source=item.frame.id.source,
            seq=item.frame.id.seq,
            size=f"{width}x{height}",
            reason="it is below 16x16, or the network was of no use on it",
        )

    def _on_fault(self, item: Upscaled, fault: str) -> None:
        # Another one is news.
        say = self._log.debug if fault == self._said_fault else self._log.warning
        self._said_fault = fault
        say(
            "adaptation failed",
            source=item.frame.id.source,
            seq=item.frame.id.seq,
            fault=fault,
            effect="the frame was enlarged with the weights from before it",
        )
