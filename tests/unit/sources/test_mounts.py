from __future__ import annotations

from pathlib import Path

import pytest

from srstream.sources.mounts import file_system_without_events, without_events

# The lines of proc_pid_mountinfo(5), and of machines.
MOUNTS = r"""
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
36 27 98:0 /mnt1 /data rw,noatime master:1 propagate_from:2 - xfs /dev/sdb1 rw
40 36 0:45 / /data/share rw,relatime shared:9 - nfs4 server:/export rw,vers=4.2
41 40 0:46 / /data/share/local rw,relatime - tmpfs tmpfs rw
42 27 0:47 / /mnt/with\040space\134and\011tab rw - cifs //server/x rw
43 27 0:48 / /mnt/sftp rw - fuse.sshfs user@host:/ rw
44 27 8:17 / /mnt/usb rw - fuseblk /dev/sdb1 rw
45 27 0:49 / /mnt/vm rw - 9p host rw
46 27 0:50 / /mnt/hidden rw - nfs server:/a rw
47 27 0:51 / /mnt/hidden rw - ext4 /dev/sdc rw
broken line
48 27 0:52 / /mnt/cut rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    {
        "/": None,
        "/home/me/inbox": None,
        "/data": None,
        "/data/share": "nfs4",
        "/data/share/inbox": "nfs4",
        "/data/shared": None,
        "/data/share/local/inbox": None,
        "/mnt/with space\\and\ttab/inbox": "cifs",
        "/mnt/sftp/inbox": "fuse.sshfs",
        "/mnt/usb/inbox": None,
        "/mnt/vm": "9p",
        "/mnt/hidden": None,
        "/mnt/cut": None,
    }.items(),
)
def test_the_file_system_is_that_of_the_longest_mount_point(
    path: str, kind: str | None
) -> None:
    assert without_events(MOUNTS, path) == kind


def test_of_two_mounts_on_one_point_the_later_one_counts() -> None:
    first, later = "46 27 0:50 / /mnt rw - ext4 x rw", "47 27 0:51 / /mnt rw - nfs y rw"
    assert without_events(f"{first}\n{later}\n", "/mnt/inbox") == "nfs"
    assert without_events(f"{later}\n{first}\n", "/mnt/inbox") is None


def test_where_nothing_is_known_events_are_expected() -> None:
    assert without_events("", "/inbox") is None


def test_a_disk_of_this_machine_sends_events() -> None:
    assert file_system_without_events(Path("/proc")) is None
