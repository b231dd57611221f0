"""The state folder: who uses it, and whether the ledger in it can be read."""

from __future__ import annotations

import fcntl
from pathlib import Path

from srstream.cli.checks.finding import Finding, fail, ok, warn
from srstream.errors import StateDirError
from srstream.stores.ledger_view import LedgerView
from srstream.stores.state_dir import holder_of, ledger_in, lock_in


def check_lock(state_dir: Path) -> Finding:
    """Look whether a daemon uses this state folder."""
    try:
        with lock_in(state_dir).open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                pid = holder_of(file.fileno())
                found = f"a daemon runs with {state_dir}: process {pid or 'unknown'}"
                return warn("daemon", found, "stop it before you start another")
    except FileNotFoundError:
        pass
    except OSError as error:
        found = f"{state_dir}: cannot tell who uses it: {error.strerror}"
        return warn("daemon", found, "run this as the user of the daemon")
    return ok("daemon", f"none runs with {state_dir}")


def check_ledger(state_dir: Path) -> Finding:
    """Read the ledger, without changing it."""
    path = ledger_in(state_dir)
    try:
        if not path.exists():
            return ok("ledger", f"{path}: none yet")
        with LedgerView.open(path) as ledger:
            totals = [ledger.totals(stream) for stream in ledger.streams()]
    except StateDirError as error:
        remedy = "let this user read it; a damaged one is set aside at the next start"
        return fail("ledger", str(error), remedy)
    except OSError as error:
        return fail("ledger", f"{path}: {error.strerror}", "let this user read it")
    done, failed = sum(each.done for each in totals), sum(each.failed for each in totals)
    return ok("ledger", f"{path}: {done} done, {failed} failed")
