"""The key `weights`, and `net` beside it: weights bring their network."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from srstream.engine.options import SessionOptions
from srstream.models.find import check_name
from srstream.settings.findings import refuse
from srstream.settings.keys import below
from srstream.settings.values import fit

NONE = "none"
"""Weights drawn at random: so is a preset overridden, as TOML has no null."""


def with_weights(session: SessionOptions, value: Any, *, key: str) -> SessionOptions:
    """Return the session with these weights and, of a preset without any, no other net.

    Raises:
        ConfigError: this is no string, or an empty one; names the key, where it was set.
    """
    named = fit(value, str, key=key)
    if not named:
        raise refuse(key, f'found "" (string); for weights drawn at random: "{NONE}"')
    if named == NONE:
        return replace(session, weights=None)
    return replace(session, weights=named, net=None)


def refuse_net(session: SessionOptions, *, stream: str) -> None:
    """Refuse the key `net` of this stream if the session has weights.

    Raises:
        ConfigError: it has; names both keys and the remedy.
    """
    if session.weights is None:
        return
    problem = (
        f'the weights "{session.weights}" bring their own network; remove `net`, or set '
        f'{below(stream, "weights")} = "{NONE}" for a network with weights drawn at random'
    )
    raise refuse(below(stream, "net"), problem)


def check_weights(session: SessionOptions, *, key: str, remedy: str) -> None:
    """Check the weights that were set, when all beside them was read.

    Files are not looked at: a configuration may be checked on another machine.

    Args:
        session: with these weights.
        key: where they were set.
        remedy: how a session without weights gets a network.

    Raises:
        ConfigError: no model is called so, or none for this scale; or there are neither
            weights nor a network.
    """
    if session.weights is not None:
        check_name(session.weights, session.scale, key=key)
    elif session.net is None:
        problem = (
            f'found "{NONE}" (string), and preset {session.preset} has no network of its '
            f"own; {remedy}"
        )
        raise refuse(key, problem)
