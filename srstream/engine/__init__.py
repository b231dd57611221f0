"""Online super-resolution as a library: synchronous; torch, numpy and safetensors only.

from srstream.engine import PRESETS, Session
session = Session(PRESETS["light"])
result = session.step(frame)        # adapt to the frame, then upscale it
"""

from __future__ import annotations

from srstream.engine.device import choose_device, prepare_thread
from srstream.engine.estimate import Estimate, estimate
from srstream.engine.losses import LOSSES
from srstream.engine.nets import NETS
from srstream.engine.options import AdaptOptions, SessionOptions, UpscaleOptions
from srstream.engine.presets import DEFAULT_PRESET, PRESETS
from srstream.engine.selftest import PrecisionTest, compare_precisions
from srstream.engine.session import Session

__all__ = [
    "DEFAULT_PRESET",
    "LOSSES",
    "NETS",
    "PRESETS",
    "AdaptOptions",
    "Estimate",
    "PrecisionTest",
    "Session",
    "SessionOptions",
    "UpscaleOptions",
    "choose_device",
    "compare_precisions",
    "estimate",
    "prepare_thread",
]
