from __future__ import annotations

import math

import pytest

from srstream.engine import AdaptOptions
from srstream.engine.presets import PRESETS

CAUTIOUS = {"judge": "cautious"}


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"keyframe": 0}, "keyframe is 0; allowed: 1 to 10000"),
        ({"keyframe": 10_001}, "keyframe is 10001"),
        ({"radius": -0.1}, "radius is -0.1; allowed: 0.0 to 100.0"),
        ({"radius": 101.0}, "radius is 101.0"),
        ({"radius": math.nan}, "radius is nan"),
        ({"scenes": -1}, "scenes is -1; allowed: 0 to 64"),
        ({"scenes": 65}, "scenes is 65"),
        ({**CAUTIOUS, "target_fps": 0.0}, "target_fps is 0.0; allowed: 0.01 to 1000.0"),
        ({**CAUTIOUS, "target_fps": 1001.0}, "target_fps is 1001.0"),
        ({"judge": "cautious", "heldout": 0.0}, "heldout is 0.0; allowed with judge"),
        ({"target_fps": 25.0}, "target_fps is 25.0; allowed with judge = 'cautious'"),
        ({"keyframe": 2, "mode": "per-frame"}, "keyframe is 2; allowed per frame: 1"),
        ({"thread": "own"}, "thread is 'own'; allowed: same, or own with judge"),
        ({"thread": "own", "judge": "cautious", "mode": "frozen"}, "thread is 'own'"),
    ],
    ids=str,
)
def test_what_is_out_of_range_is_refused_by_name(
    given: dict[str, object], complaint: str
) -> None:
    with pytest.raises(ValueError, match=f"^{complaint}"):
        AdaptOptions(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "given",
    [
        {"keyframe": 10_000, "scenes": 64, "radius": 0.0},
        {**CAUTIOUS, "scenes": 0, "radius": 100.0, "target_fps": 0.01},
        {"target_fps": 1000.0, "judge": "cautious", "heldout": 0.001},
        {"thread": "own", "judge": "cautious"},
        {"judge": "observe", "heldout": 0.0},
    ],
    ids=str,
)
def test_what_is_in_range_is_taken(given: dict[str, object]) -> None:
    AdaptOptions(**given)  # type: ignore[arg-type]


def test_presets_with_trained_weights_are_cautious_and_others_are_not() -> None:
    for name, preset in PRESETS.items():
        is_trained = preset.weights is not None
        assert (preset.adapt.judge == "cautious") == is_trained, name
        assert (preset.adapt.repeats == "reuse") == is_trained, name
