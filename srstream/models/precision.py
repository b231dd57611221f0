"""Which precision is faster for a model on this machine: measured once, and remembered."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import structlog
import torch

from srstream.engine.options import SessionOptions
from srstream.engine.selftest import (
    LARGEST_DIFFERENCE,
    Precise,
    PrecisionTest,
    compare_precisions,
)
from srstream.models.catalogue import Model
from srstream.runtime.compute import Compute
from srstream.runtime.cpus import processor, usable_cpus
from srstream.stores.selftests import SelfTests


async def faster_precision(
    options: SessionOptions,
    model: Model,
    device: torch.device,
    compute: Compute,
    tests: SelfTests,
    *,
    key: str,
) -> Precise:
    """Return the precision that is faster here; measured only once, in slices.

    Args:
        options: of the session.
        model: of the weights that it starts from.
        device: where the session will compute.
        compute: the device's thread.
        tests: what was found before.
        key: has its share of the thread's time.

    Raises:
        StateError: the weights do not fit their network.
    """
    case = _case(model, device)
    found = _known(await asyncio.to_thread(tests.recall, case))
    if found is None:
        work = compare_precisions(options, device, weights=model.weights)
        found = await compute.run((key, "self-test"), work)
        log = structlog.get_logger().bind(device=str(device))
        log.info(
            "precision chosen by a self-test",
            precision=found.precision,
            float32_ms=round(found.float32_ms, 2),
            bfloat16_ms=round(found.bfloat16_ms, 2),
            difference=round(found.difference, 3),
            largest_difference=LARGEST_DIFFERENCE,
        )
        try:
            await asyncio.to_thread(tests.remember, case, asdict(found))
        except OSError as error:
            log.info("self-test not kept: done again at the next start", reason=str(error))
    return found.precision


def _known(kept: Mapping[str, Any] | None) -> PrecisionTest | None:
    """Return what was kept; none if that is nothing, or changed by hand."""
    try:
        found = PrecisionTest(**kept or {})
    except TypeError:
        return None
    return found if found.precision in ("float32", "bfloat16") else None


def _case(model: Model, device: torch.device) -> dict[str, Any]:
    """Return all that decides which precision is faster, and whether the results agree."""
    is_gpu = device.type == "cuda"
    return {
        "processor": torch.cuda.get_device_name(device) if is_gpu else processor(),
        "threads": usable_cpus(),
        "torch": torch.__version__,
        "model": model.sha256,  # its network, scale and weights
    }
