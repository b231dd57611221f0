"""Online super-resolution of image streams. Importing this loads nothing heavy."""

from __future__ import annotations

from importlib import metadata


def _version() -> str:
    try:
        return metadata.version("srstream")
    except metadata.PackageNotFoundError:  # a bare checkout, as tests/gpu uses it
        return "0+checkout"


__version__ = _version()
