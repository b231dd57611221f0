"""Keys of CURVE in files, as pyzmq writes them: make new ones, and read them with care."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import zmq

from srstream.errors import LinkError

_LARGEST = 65_536
"""Bytes of a file of keys."""
_KEY = rb'^[ \t]*%s-key[ \t]*=[ \t]*"([!-~]{40})"[ \t\r]*$'
_SECRET = re.compile(_KEY % b"secret", re.MULTILINE)
_PUBLIC = re.compile(_KEY % b"public", re.MULTILINE)
_TEXT = '# CURVE {what} key, by srstream.\n\nmetadata\ncurve\n    public-key = "{public}"\n'
_MORE_TEXT = '    secret-key = "{secret}"\n'


@dataclass(frozen=True, slots=True)
class KeyPair:
    """As ZeroMQ takes them: 40 characters of Z85 each."""

    public: bytes
    secret: bytes


@dataclass(frozen=True, slots=True)
class KeyFolder:
    """Where the files of new keys are."""

    server: Path
    """Public, for those who connect."""
    server_secret: Path
    client: Path
    client_secret: Path
    clients: Path
    """Folder of the public keys of those who may connect."""


def read_secret(path: Path) -> KeyPair:
    """Read a secret key that nobody else can read.

    Raises:
        LinkError: it cannot be read, others can read it, or it is no such key; names the
            file and the remedy.
    """
    content, status = _content(path)
    if status.st_uid not in {os.geteuid(), 0}:
        raise LinkError(f"{path} belongs to another user, who knows this secret key")
    if status.st_mode & 0o077:
        raise LinkError(f"{path} is a secret key that others can read: chmod 600 {path}")
    secret = _found(_SECRET, content)
    if secret is None:
        raise LinkError(f"{path} has no secret key; `srstream keys new DIR` makes them")
    return KeyPair(zmq.curve_public(secret), secret)


def read_public(path: Path) -> bytes:
    """Read a public key.

    Raises:
        LinkError: it cannot be read or is no such key; names the file.
    """
    public = _found(_PUBLIC, _content(path)[0])
    if public is None:
        raise LinkError(f"{path} has no public key; `srstream keys new DIR` makes them")
    return public


def _found(pattern: re.Pattern[bytes], content: bytes) -> bytes | None:
    """Return the key in a file, or nothing where there is none, or no valid one."""
    match = pattern.search(content)
    if match is None:
        return None
    try:
        zmq.curve_public(match[1])  # of a public key as good a check as of a secret one
    except zmq.ZMQError:
        return None
    return match[1]


def _content(path: Path) -> tuple[bytes, os.stat_result]:
    """Return the content of a regular file, and the status of just this one."""
    try:
        # Opening must not wait for the writer of a FIFO.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(handle)
            content = file.read(_LARGEST) if stat.S_ISREG(status.st_mode) else None
    except (OSError, ValueError) as error:
        told = getattr(error, "strerror", None) or error
        raise LinkError(f"cannot read the key {path}: {told}") from error
    if content is None:
        raise LinkError(f"{path} is no regular file, so it is no key")
    return content, status


def make_keys(folder: Path) -> KeyFolder:
    """Make keys for one who binds and one who connects, in a folder of our own.

    Args:
        folder: is made, with mode 0700, if it is missing.

    Raises:
        LinkError: there are keys already, others can write there, or it cannot be written.
    """
    made = KeyFolder(
        folder / "server.key",
        folder / "server.key_secret",
        folder / "client.key",
        folder / "client.key_secret",
        folder / "clients",
    )
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
        if status.st_uid == os.geteuid() and not status.st_mode & 0o022:
            _fill(made)
            return made
    except FileExistsError as error:
        raise LinkError(f"{error.filename} is there already; name a new folder") from error
    except OSError as error:
        raise LinkError(f"cannot write keys to {folder}: {error.strerror}") from error
    raise LinkError(
        f"others can write to {folder}: chmod 700 {folder}, or name a new folder"
    )


def _fill(made: KeyFolder) -> None:
    with _all_or_none() as written:
        written.append(made.clients)
        made.clients.mkdir(mode=0o700)
        _write_pair(made.server, made.server_secret, written)
        public = _write_pair(made.client, made.client_secret, written)
        _write(made.clients / "client.key", _public_text(public), 0o644, written)


@contextmanager
def _all_or_none() -> Iterator[list[Path]]:
    """Remove again what was written, where not all of it could be."""
    written: list[Path] = []
    try:
        yield written
    except OSError as error:
        if isinstance(error, FileExistsError):
            written.pop()  # not ours
        for path in reversed(written):
            with suppress(OSError):
                path.rmdir() if path.is_dir() else path.unlink()
        raise


def _write_pair(public_file: Path, secret_file: Path, written: list[Path]) -> bytes:
    public, secret = zmq.curve_keypair()
    text = _TEXT.format(what="**secret**", public=public.decode("ascii"))
    text += _MORE_TEXT.format(secret=secret.decode("ascii"))
    _write(secret_file, text, 0o600, written)
    _write(public_file, _public_text(public), 0o644, written)
    return public


def _public_text(public: bytes) -> str:
    return _TEXT.format(what="public", public=public.decode("ascii"))


def _write(path: Path, text: str, mode: int, written: list[Path]) -> None:
    """Write a new file that has its mode from the first moment."""
    written.append(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, mode), "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
