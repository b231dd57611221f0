"""Go on after a mistake, so that one run shows all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from srstream.errors import Complaint, ConfigError


class Findings:
    """The complaints of several steps, raised together at the end."""

    def __init__(self) -> None:
        self._complaints: list[Complaint] = []

    def add(self, key: str, problem: str) -> None:
        """Note one complaint."""
        self._complaints.append(Complaint(key, problem))

    @contextmanager
    def gathered(self) -> Iterator[None]:
        """Keep the complaints of the step inside; use its results after `settle`."""
        try:
            yield
        except ConfigError as error:
            self._complaints.extend(error.complaints)

    def settle(self) -> None:
        """Raise what was found, if anything was.

        Raises:
            ConfigError: at least one complaint was noted.
        """
        if self._complaints:
            raise self.error()

    def error(self) -> ConfigError:
        """Return the error for all the complaints, each once."""
        return ConfigError(*dict.fromkeys(self._complaints))


def refuse(key: str, problem: str) -> ConfigError:
    """Return the error for a single complaint."""
    return ConfigError(Complaint(key, problem))
