"""What a figure was measured with: without it the figure means nothing."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from srstream import __version__
from srstream.engine import choose_device
from srstream.runtime.cpus import processor, usable_cpus

_ROOT = Path(__file__).parent.parent


def stamp(device: str) -> dict[str, Any]:
    """Return commit, date, versions, processor, cores, threads and device.

    Args:
        device: as in the configuration: auto, cpu, cuda, cuda:N.
    """
    return {
        "commit": _git("rev-parse", "HEAD"),
        "modified": bool(_git("status", "--porcelain", "--", "srstream", "bench")),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "srstream": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "processor": processor(),
        "cores": os.cpu_count(),
        "usable_cores": usable_cpus(),
        "threads": torch.get_num_threads(),
        "gomp_spincount": os.environ.get("GOMP_SPINCOUNT"),
        "device": _name_of(choose_device(device)),
    }


def _git(*arguments: str) -> str | None:
    """Return what git says, none where there is no git or no repository."""
    git = shutil.which("git")
    if git is None:
        return None
    done = subprocess.run(
        [git, *arguments], cwd=_ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else None


def _name_of(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{device}: {torch.cuda.get_device_name(device)}"
    return str(device)
