"""What commands ask about sockets: keys and endpoints, and how wrong ones are named."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from srstream.errors import Complaint, ConfigError
from srstream.transport.link import Link, link

CurveKey = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Our own secret key, of `srstream keys new`; without it plaintext.",
        readable=False,
    ),
]
CurveClients = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Public keys of those who may connect, where we bind.",
        readable=False,
    ),
]
CurveServer = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Public key of the one who binds, where we connect.",
        readable=False,
    ),
]
Insecure = Annotated[
    bool,
    typer.Option("--insecure", help="Allow to bind beyond this machine without keys."),
]

_ABOUT = re.compile(r"(\w+) (?:is|are) (.*)", re.DOTALL)
"""How a link says which of its arguments is wrong."""
_NAMED = re.compile(r"\b(curve_\w+|insecure)\b(?: = true)?")


@dataclass(frozen=True, slots=True)
class Keys:
    """One set for all the sockets of a command."""

    insecure: bool = False
    key: Path | None = None
    clients: Path | None = None
    server: Path | None = None

    def options(self, endpoints: Sequence[str], *, connects: bool) -> dict[str, Any]:
        """Return those that concern these endpoints, as options of sources have them.

        Keys are for TCP; an `ipc` socket is guarded by the rights of its file.
        """
        options: dict[str, Any] = {"insecure": self.insecure}
        if self.key is None or all(each.startswith("ipc:") for each in endpoints):
            return options
        options["curve_key"] = str(self.key)
        if connects and self.server is not None:
            options["curve_server"] = str(self.server)
        if not connects and self.clients is not None:
            options["curve_clients"] = str(self.clients)
        return options

    def check(self, *, binds: bool, connects: bool) -> None:
        """Refuse what would not be used: whoever gave it believes that it guards them.

        Args:
            binds: some socket does.
            connects: some socket does.

        Raises:
            ConfigError: with every complaint.
        """
        complaints = []
        if self.clients is not None and not binds:
            problem = "for sockets that bind; ours connects and needs --curve-server"
            complaints.append(Complaint("--curve-clients", problem))
        if self.server is not None and not connects:
            problem = "for sockets that connect; ours binds and needs --curve-clients"
            complaints.append(Complaint("--curve-server", problem))
        if self.key is None and (self.clients or self.server):
            problem = "missing; the keys of others are of no use without our own"
            complaints.append(Complaint("--curve-key", problem))
        if complaints:
            raise ConfigError(*complaints)


def linked(endpoint: str, *, connects: bool, keys: Keys, flag: str) -> Link:
    """Return how the one socket of a command is reached. No file is looked at.

    Args:
        endpoint: as given.
        connects: else it binds.
        keys: as given.
        flag: what the endpoint is called on the command line, for messages.

    Raises:
        ConfigError: named by its flag, with the remedy.
    """
    try:
        return link(
            [endpoint],
            connects=connects,
            insecure=keys.insecure,
            curve_key=str(keys.key or ""),
            curve_clients=str(keys.clients or ""),
            curve_server=str(keys.server or ""),
        )
    except ValueError as error:
        raise ConfigError(_complaint(str(error), {"endpoints": flag})) from error


def flag_of(field: str, others: Mapping[str, str]) -> str:
    """Return the flag that sets an option: `--curve-key` for `curve_key`.

    Args:
        field: of the options.
        others: those whose flag is called otherwise.
    """
    return others.get(field, f"--{field.replace('_', '-')}")


def in_flags(problem: str) -> str:
    """Return the text with flags for options of keys: their remedies name some."""
    return _NAMED.sub(lambda match: flag_of(match[1], {}), problem)


def _complaint(problem: str, others: Mapping[str, str]) -> Complaint:
    match = _ABOUT.fullmatch(problem)
    if match is None:
        return Complaint("", in_flags(problem))
    return Complaint(flag_of(match[1], others), in_flags(f"found {match[2]}"))
