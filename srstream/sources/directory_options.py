"""What can be set about a watched folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from srstream.ranges import check_within
from srstream.sources.after import where_after
from srstream.sources.files import MAX_PIXELS
from srstream.sources.hearing import Mode
from srstream.sources.matching import PICTURES


@dataclass(frozen=True, slots=True)
class DirectoryOptions:
    """A folder to watch."""

    path: str
    """The folder; made if it is missing."""
    pattern: tuple[str, ...] = PICTURES
    """Names to take, upper and lower case alike; never those with a leading dot."""
    recursive: bool = False
    """Whether sub-folders are watched as well, except hidden ones."""
    links: Literal["inside", "anywhere"] = "inside"
    """Where links may lead: within the folder only, or anywhere."""
    after: str = "keep"
    """What happens to a source once its frame is done: keep, delete, or move:DIR."""
    failed: str = ""
    """The folder to which sources are moved that are no pictures; empty: they stay."""
    watch: Mode = "auto"
    """events: as the system tells; poll: by looking again and again; auto: either."""
    settle: float = 0.5
    """Seconds without a change after which a file counts as complete."""
    rescan: float = 5.0
    """Seconds between looks at the whole folder, for what events do not tell."""
    max_pixels: int = MAX_PIXELS
    """Larger pictures are refused, from their header."""

    def __post_init__(self) -> None:
        if not self.path:
            raise ValueError("path is empty; name a folder")
        if not self.pattern or not all(self.pattern):
            raise ValueError('pattern is empty; allowed: one or more such as "*.png"')
        where_after(self.after, Path())
        check_within("settle", self.settle, 0.01, 3600.0)
        check_within("rescan", self.rescan, 0.05, 86_400.0)
        check_within("max_pixels", self.max_pixels, 1, 2**31 - 1)
