"""Does the file system below a path send events? Pure but for one reader."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

_WITHOUT_EVENTS = (
    *("nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "glusterfs", "lustre"),
    *("gpfs", "beegfs", "orangefs"),
    *("9p", "virtiofs", "vboxsf", "vmhgfs", "prl_fs", "drvfs", "fuse"),
)
"""Others may write to them unseen by this kernel, which tells what happens here only."""

_ESCAPE = re.compile(r"\\([0-7]{3})")


def file_system_without_events(path: Path) -> str | None:
    """Return the type of the file system if it does not send events; else none.

    Only those are meant to which others can write: a network share, a folder of the host
    of a virtual machine, FUSE. Of disks that FUSE serves (`fuseblk`, such as NTFS) the
    kernel sees all that happens, as nobody else writes to them.
    """
    try:
        text = Path("/proc/self/mountinfo").read_bytes()
    except OSError:
        return None
    return without_events(os.fsdecode(text), os.path.realpath(path))


def without_events(mountinfo: str, path: str) -> str | None:
    """Return the type of the file system of a path if it does not send events.

    Args:
        mountinfo: The text of `/proc/self/mountinfo`.
        path: Absolute, without links.
    """
    best, kind = "", ""
    for point, its_kind in _mounts(mountinfo):
        # Of two on one point the later one hides the other.
        if len(point) >= len(best) and _is_at_or_below(path, point):
            best, kind = point, its_kind
    lacks = kind in _WITHOUT_EVENTS or kind.startswith("fuse.")
    return kind if lacks else None


def _mounts(mountinfo: str) -> Iterator[tuple[str, str]]:
    """Yield mount points with types; see proc_pid_mountinfo(5)."""
    for line in mountinfo.split("\n"):
        # ID, parent, device, root, mount point, options, any number of fields, "-", type
        fields = line.split(" ")
        try:
            yield _decoded(fields[4]), fields[fields.index("-", 6) + 1]
        except (IndexError, ValueError):
            continue


def _decoded(point: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1], 8)), point)


def _is_at_or_below(path: str, point: str) -> bool:
    return path == point or path.startswith(point.rstrip("/") + "/")
