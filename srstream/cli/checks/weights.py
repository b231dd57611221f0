"""The weights that the streams of a configuration start from."""

from __future__ import annotations

from collections.abc import Iterator

from srstream.cli.checks.finding import Finding, fail, ok
from srstream.engine import Session
from srstream.errors import ConfigError, StateError
from srstream.models.find import find_model
from srstream.settings import Settings
from srstream.settings.keys import below


def check_weights(settings: Settings) -> Iterator[Finding]:
    """Read the weights of every stream that has any, and make a session of them."""
    for name, stream in settings.streams.items():
        key, session = below("streams", name, "weights"), stream.session
        if session.weights is None:
            continue
        try:
            model = find_model(session.weights, session.scale, settings.base, key=key)
            Session(session, weights=model.weights)
        except ConfigError as error:
            found, _, remedy = error.complaints[0].problem.rpartition("; ")
            yield fail(key, found, remedy)
        except StateError as error:
            yield fail(key, f"{session.weights}: {error}", "name other weights")
        else:
            found = f"{model.name} x{session.scale}: {model.weights.net}"
            yield ok(key, f"{found}, {model.parameters:,} parameters")
