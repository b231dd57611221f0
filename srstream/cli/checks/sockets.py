"""The sockets of a configuration: can they be bound, and are the keys there and private?"""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

from srstream.cli.checks.finding import Finding, fail, ok, warn
from srstream.settings import Settings
from srstream.settings.links import StreamLink, links, wrong_keys
from srstream.transport.endpoints import Endpoint


def check_sockets(settings: Settings) -> Iterator[Finding]:
    """Look at every endpoint of a configuration, and at the keys that go with them.

    Nothing is connected to, and nothing listens, so that a daemon that runs is not met.
    """
    for each in links(settings):
        for endpoint in each.link.endpoints:
            yield check_endpoint(each, endpoint)
        yield from check_keys(each)


def check_endpoint(of: StreamLink, endpoint: Endpoint) -> Finding:
    """Look whether a socket can be bound here; one that connects is not tried."""
    check = f"{'connect' if of.link.connects else 'bind'} {of.endpoints}"
    if of.link.connects:
        return ok(check, f"{endpoint.text}: not tried")
    if endpoint.kind == "ipc":
        return _check_path(check, Path(endpoint.text.removeprefix("ipc://")))
    return _check_port(check, endpoint)


def check_keys(of: StreamLink) -> Iterator[Finding]:
    """Look whether keys can be used, and whether there ought to be any."""
    check, wrong = f"keys {of.key}", list(wrong_keys(of))
    for complaint in wrong:
        remedy = "see `srstream keys --help`"
        yield fail(f"keys {complaint.key}", complaint.problem, remedy)
    if wrong:
        return
    if of.link.curve_key is not None:
        yield ok(check, f"{of.link.curve_key}: private, and those beside it can be read")
    elif of.link.is_exposed:
        found = "none: other machines reach it in plaintext"
        yield warn(check, found, "set curve_key; `srstream keys new DIR` makes keys")


def _check_path(check: str, path: Path) -> Finding:
    try:
        is_socket = stat.S_ISSOCK(path.lstat().st_mode)
    except FileNotFoundError:
        if not path.parent.is_dir():
            found = f"{path}: its folder is missing"
            return fail(check, found, "make it, with mode 0700, or name another one")
    except OSError as error:
        found = f"{path}: {error.strerror}"
        return fail(check, found, "let the user of the daemon use this folder")
    else:
        if not is_socket:
            found = f"{path}: a file that is no socket is there"
            return fail(check, found, "remove it, or name another one")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        found = f"{path}: nothing can be made in its folder"
        return fail(check, found, "let the user of the daemon write there")
    return ok(check, str(path))


def _check_port(check: str, endpoint: Endpoint) -> Finding:
    host, _, port = endpoint.text.removeprefix("tcp://").rpartition(":")
    if port == "*":
        return ok(check, f"{endpoint.text}: any that is free")
    family = socket.AF_INET6 if endpoint.is_ipv6 else socket.AF_INET
    address = "" if host == "*" else host.strip("[]")
    try:
        with socket.socket(family, socket.SOCK_STREAM) as tried:
            # As ZeroMQ does it: connections that linger are no hindrance, listeners are.
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind((address, int(port)))
    except OSError as error:
        return _not_bound(check, endpoint, error)
    return ok(check, endpoint.text)


def _not_bound(check: str, endpoint: Endpoint, error: OSError) -> Finding:
    found = f"{endpoint.text}: {error.strerror or error}"
    if error.errno == errno.EADDRINUSE:
        remedy = "none is needed if this daemon runs already; else name another port"
        return warn(check, found, remedy)
    if isinstance(error, socket.gaierror):
        return warn(check, found, "none is needed if it is the name of an interface")
    if error.errno in (errno.EACCES, errno.EPERM):
        return fail(check, found, "name a port above 1023")
    return fail(check, found, "name an address of this machine, such as 127.0.0.1")
