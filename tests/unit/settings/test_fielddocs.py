from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import pytest

from srstream.engine.losses import LOSSES
from srstream.engine.nets import NETS
from srstream.engine.options import AdaptOptions, SessionOptions, UpscaleOptions
from srstream.settings import CheckpointOptions, DaemonSettings, StreamSettings
from srstream.settings.fielddocs import field_docs, summary_of
from srstream.sinks import SINKS
from srstream.sources import SOURCES

REGISTRIES: tuple[Any, ...] = (SOURCES, SINKS, NETS, LOSSES)
ALL_OPTIONS = [
    DaemonSettings,
    CheckpointOptions,
    SessionOptions,
    AdaptOptions,
    UpscaleOptions,
    *(registry[name].options for registry in REGISTRIES for name in registry),
]


@dataclass(frozen=True, slots=True)
class Oven:
    """An oven: it bakes.

    Mind the door.
    """

    heat: int = 200
    """Degrees,
    in the middle."""
    trays: int = 2


@dataclass(frozen=True, slots=True)
class GasOven(Oven):
    """An oven with gas; it bakes."""

    trays: int = 3
    """How many."""


def test_a_field_has_the_text_below_it() -> None:
    assert field_docs(Oven) == {"heat": "Degrees, in the middle."}


def test_a_field_of_a_base_keeps_its_text() -> None:
    assert field_docs(GasOven) == {"heat": "Degrees, in the middle.", "trays": "How many."}


def test_a_class_is_summed_up_by_its_first_words() -> None:
    assert summary_of(Oven) == "An oven: it bakes"
    assert summary_of(GasOven) == "An oven with gas"


@pytest.mark.parametrize("options", ALL_OPTIONS)
def test_every_option_has_a_text(options: type[Any]) -> None:
    assert {each.name for each in fields(options)} <= field_docs(options).keys()


def test_every_key_of_a_stream_has_a_text() -> None:
    own = {each.name for each in fields(StreamSettings)} - {"session"}
    assert own <= field_docs(StreamSettings).keys()
