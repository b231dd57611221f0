from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from pictures import edges, frame, zone_plate
from srstream.engine import AdaptOptions, Session, SessionOptions, UpscaleOptions
from srstream.engine.losses import MseOptions
from srstream.engine.nets import ZssrOptions, ZssrStarOptions
from srstream.engine.resample import enlarge
from srstream.engine.state import pack, unpack
from srstream.errors import FrameError, ResourceError, StateError
from srstream.frames import Outcome, Pixels, Used

SMALL = SessionOptions(
    net=ZssrStarOptions(width=8, depth=3),
    loss=MseOptions(),
    adapt=AdaptOptions(steps=6, batch=2, crop=24, pairs=None, rate=3e-3, milestones=()),
)


def options(scale: int = 2, seed: int = 0, **adapt: object) -> SessionOptions:
    changed = dataclasses.replace(SMALL.adapt, **adapt)  # type: ignore[arg-type]
    return dataclasses.replace(SMALL, scale=scale, seed=seed, adapt=changed)


def bicubic(pixels: Pixels, scale: int = 2) -> np.ndarray:
    """By torch in float, rounded once."""
    planes = torch.tensor(pixels.astype(np.float32)).permute(2, 0, 1)[None]
    top = np.iinfo(pixels.dtype).max
    high = enlarge(planes, scale).clamp(0, top).round()
    return high[0].permute(1, 2, 0).numpy().astype(pixels.dtype)


def all_but_thumbnail(state: bytes) -> bytes:
    """What a frame looked like is known, also if nothing was learnt from it."""
    arrays, head = unpack(state)
    del arrays["thumbnail"], head["format"]
    return pack(arrays, head)


STREAM = [edges(40, 52, shift=3 * k) for k in range(4)]


def test_replaying_the_same_frames_with_the_same_seed_is_bit_identical() -> None:
    first, again = Session(options()), Session(options())
    for pixels in STREAM:
        one, two = first.step(frame(pixels)), again.step(frame(pixels))
        assert np.array_equal(one.pixels, two.pixels)
        assert one.stats.loss_after == two.stats.loss_after
    assert not np.array_equal(
        Session(options(seed=1)).step(frame(STREAM[0])).pixels,
        Session(options(seed=0)).step(frame(STREAM[0])).pixels,
    )


@pytest.mark.parametrize("carry_moments", [False, True])
def test_a_loaded_session_continues_bit_identically(*, carry_moments: bool) -> None:
    settings = options(carry_moments=carry_moments)
    straight, begun = Session(settings), Session(settings)
    for pixels in STREAM[:2]:
        straight.step(frame(pixels))
        begun.step(frame(pixels))
    resumed = Session(settings)
    resumed.load(begun.dump())
    for pixels in STREAM[2:]:
        expected, got = straight.step(frame(pixels)), resumed.step(frame(pixels))
        assert np.array_equal(expected.pixels, got.pixels)
        assert dataclasses.replace(
            expected.stats, adapt_ms=0.0, upscale_ms=0.0
        ) == dataclasses.replace(got.stats, adapt_ms=0.0, upscale_ms=0.0)


def test_state_of_another_network_is_refused_and_changes_nothing() -> None:
    session = Session(options())
    session.step(frame(STREAM[0]))
    before = session.dump()
    other = Session(dataclasses.replace(options(), net=ZssrOptions(width=8, depth=3)))
    with pytest.raises(StateError, match="net is 'zssr'"):
        session.load(other.dump())
    with pytest.raises(StateError, match="initial"):
        session.load(Session(options(seed=5)).dump())
    for damaged in (b"", b"PK\x03\x04 nonsense", before[: len(before) // 2]):
        with pytest.raises(StateError):
            session.load(damaged)
    twin = Session(options())
    twin.load(before)
    assert np.array_equal(
        session.step(frame(STREAM[1])).pixels, twin.step(frame(STREAM[1])).pixels
    )


def test_slices_give_what_one_step_gives() -> None:
    whole, sliced = Session(options()), Session(options())
    for pixels in STREAM:
        expected = whole.step(frame(pixels))
        sliced.begin(frame(pixels))
        slices = 1
        while not sliced.advance(0.0):
            slices += 1
        assert slices > SMALL.adapt.steps
        assert np.array_equal(sliced.finish().pixels, expected.pixels)


def test_an_abandoned_frame_leaves_no_trace() -> None:
    clean, disturbed = Session(options()), Session(options())
    clean.step(frame(STREAM[0]))
    disturbed.step(frame(STREAM[0]))
    disturbed.begin(frame(zone_plate(48, 48)))
    disturbed.advance(0.0)
    disturbed.advance(0.0)
    disturbed.abandon()
    assert np.array_equal(
        clean.step(frame(STREAM[1])).pixels, disturbed.step(frame(STREAM[1])).pixels
    )


def test_online_carries_the_weights_and_per_frame_does_not() -> None:
    online = Session(options(mode="online", judge="observe"))
    restarted = Session(options(mode="per-frame", judge="observe"))
    for shift in range(0, 12, 3):  # of frames so small that most is guard band, too little
        pixels = edges(96, 128, shift=shift)
        carried, fresh = online.step(frame(pixels)), restarted.step(frame(pixels))
    assert carried.stats.heldout_psnr_before is not None
    assert carried.stats.heldout_psnr_bicubic is not None
    assert fresh.stats.heldout_psnr_before == fresh.stats.heldout_psnr_bicubic
    assert carried.stats.heldout_psnr_before > carried.stats.heldout_psnr_bicubic + 0.1
    assert carried.stats.loss_before is not None
    assert fresh.stats.loss_before is not None
    assert carried.stats.loss_before < fresh.stats.loss_before


def test_adaptation_beats_bicubic_on_a_picture_it_can_learn() -> None:
    truth = edges(96, 128, bar=40)
    planes = torch.tensor(truth).permute(2, 0, 1)[None].float()
    low = torch.nn.functional.interpolate(
        planes, size=(48, 64), mode="bicubic", antialias=True
    )
    pixels = low.clamp(0, 255).round()[0].permute(1, 2, 0).numpy().astype(np.uint8)
    session = Session(options(steps=40))
    for _ in range(3):
        result = session.step(frame(pixels))

    def mse(enlarged: np.ndarray) -> float:
        return float(((enlarged.astype(float) - truth) ** 2).mean())

    assert mse(result.pixels) < 0.6 * mse(bicubic(pixels))


def test_frozen_takes_no_step_and_an_unadapted_network_is_bicubic() -> None:
    result = Session(options(mode="frozen")).step(frame(STREAM[0]))
    assert result.stats.outcome is Outcome.SKIPPED
    assert result.stats.steps == 0
    assert result.stats.loss_before is None
    assert np.array_equal(result.pixels, bicubic(STREAM[0]))


@pytest.mark.parametrize("colour", [(0, 0, 0), (128, 128, 128), (255, 128, 0)], ids=str)
def test_flat_and_black_frames_skip_adaptation(colour: tuple[int, int, int]) -> None:
    session = Session(options())
    session.step(frame(STREAM[0]))
    flat = np.full((40, 40, 3), colour, np.uint8)
    result = session.step(frame(flat))
    assert result.stats.outcome is Outcome.SKIPPED
    assert result.stats.steps == 0


@pytest.mark.parametrize("size", [(1, 1), (15, 200), (3, 8)], ids=str)
def test_frames_below_16x16_are_upscaled_by_bicubic_and_say_so(
    size: tuple[int, int],
) -> None:
    pixels = zone_plate(*size)
    result = Session(options()).step(frame(pixels))
    assert result.stats.outcome is Outcome.FALLBACK
    assert np.abs(result.pixels.astype(int) - bicubic(pixels)).max() <= 1


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("size", [(16, 16), (17, 23), (61, 35), (16, 1200)], ids=str)
def test_any_size_from_16x16_works_at_every_scale(
    scale: int, size: tuple[int, int]
) -> None:
    result = Session(options(scale=scale)).step(frame(zone_plate(*size)))
    assert result.pixels.shape == (size[0] * scale, size[1] * scale, 3)
    assert result.stats.steps == SMALL.adapt.steps
    assert result.stats.heldout_psnr_after is not None


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_channels_and_depth_come_out_as_they_went_in(
    channels: int, kind: type[np.uint8 | np.uint16]
) -> None:
    colour = zone_plate(32, 40).astype(np.uint32)
    pixels = np.concatenate([colour, colour[:, :, :1]], axis=2)[:, :, -channels:]
    pixels = (pixels * (np.iinfo(kind).max // 255)).astype(kind)
    result = Session(options()).step(frame(pixels))
    assert result.pixels.dtype == kind
    assert result.pixels.shape == (64, 80, channels)
    if channels in (2, 4):  # alpha is bicubic, exactly
        alpha = pixels[:, :, -1:]
        difference = result.pixels[:, :, -1:].astype(int) - bicubic(alpha)
        assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_floats_come_out_as_the_same_picture_of_8_bits_but_finer(channels: int) -> None:
    colour = zone_plate(32, 40)
    pixels = np.concatenate([colour, colour[:, :, :1]], axis=2)[:, :, -channels:]
    floats = (pixels / 255).astype(np.float32)
    one = Session(options()).step(frame(pixels))
    result = Session(options()).step(frame(floats))
    assert result.pixels.dtype == np.float32
    assert result.pixels.shape == one.pixels.shape
    assert 0.0 <= result.pixels.min() < result.pixels.max() <= 1.0
    assert np.abs(result.pixels * 255 - one.pixels).max() <= 0.51
    assert len(np.unique(result.pixels)) > 256
    assert result.stats.loss_after == pytest.approx(one.stats.loss_after, rel=1e-3)


def test_floats_beyond_black_and_white_are_clamped() -> None:
    floats = (zone_plate(32, 40) / 255).astype(np.float32)
    beyond = np.where(floats < 0.1, -0.5, np.where(floats > 0.9, 1.5, floats))
    within = beyond.clip(0, 1)
    frozen = options(mode="frozen")
    one = Session(frozen).step(frame(beyond.astype(np.float32)))
    two = Session(frozen).step(frame(within.astype(np.float32)))
    assert np.array_equal(one.pixels, two.pixels)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_floats_that_are_not_finite_are_refused_at_the_door(value: float) -> None:
    pixels = np.zeros((20, 20, 3), np.float32)
    pixels[3, 4, 1] = value
    with pytest.raises(FrameError, match="finite"):
        Session(options()).begin(frame(pixels))


def test_grey_is_upscaled_as_the_same_picture_in_rgb() -> None:
    grey = zone_plate(32, 40)[:, :, :1]
    result = Session(options(mode="frozen")).step(frame(grey))
    assert np.abs(result.pixels.astype(int) - bicubic(grey)).max() <= 1


def test_a_step_that_makes_the_held_out_pixels_worse_is_rolled_back_entirely() -> None:
    """A rate far too high: the frame, and all that is carried, are as before it."""
    session = Session(options())
    session.step(frame(STREAM[0]))
    kept = session.dump()
    harmful = Session(options(rate=0.9, carry_moments=True))
    harmful.load(kept)
    result = harmful.step(frame(STREAM[1]))
    assert result.stats.outcome is Outcome.ROLLED_BACK
    assert result.stats.weight_change == 0.0
    frozen = Session(options(mode="frozen"))
    frozen.load(kept)
    assert np.array_equal(result.pixels, frozen.step(frame(STREAM[1])).pixels)
    weights = [p.detach().clone() for p in harmful._carried.net.parameters()]
    harmful.step(frame(STREAM[1]))
    assert all(
        torch.equal(a, b)
        for a, b in zip(weights, harmful._carried.net.parameters(), strict=True)
    )


def test_an_observing_judge_keeps_what_an_enforcing_one_rolls_back() -> None:
    result = Session(options(rate=0.9, judge="observe")).step(frame(STREAM[0]))
    assert result.stats.outcome is not Outcome.ROLLED_BACK
    assert result.stats.heldout_psnr_after is not None
    assert result.stats.heldout_psnr_before is not None
    assert result.stats.heldout_psnr_after < result.stats.heldout_psnr_before


@pytest.mark.parametrize("judge", ["enforce", "observe"])
def test_weights_that_are_not_finite_never_survive_a_frame(judge: str) -> None:
    session = Session(options(judge=judge, heldout=0.0))
    original = session._carried.adapter._loss

    def broken(difference: torch.Tensor) -> torch.Tensor:
        return original(difference) * math.nan

    session._carried.adapter._loss = broken
    result = session.step(frame(STREAM[0]))
    assert result.stats.outcome is Outcome.ROLLED_BACK
    assert np.array_equal(result.pixels, bicubic(STREAM[0]))


def test_an_enlargement_that_is_not_finite_falls_back_to_bicubic() -> None:
    session = Session(options(mode="frozen"))
    with torch.no_grad():
        for net in session._carried.networks:
            next(iter(net.parameters())).fill_(math.inf)
    result = session.step(frame(STREAM[0]))
    assert (result.stats.outcome, result.stats.used) == (Outcome.FALLBACK, Used.BICUBIC)
    assert np.array_equal(result.pixels, bicubic(STREAM[0]))


def test_carried_weights_far_below_bicubic_are_reset_to_the_initial_ones() -> None:
    session = Session(options())
    session.step(frame(STREAM[0]))
    with torch.no_grad():
        for weight in session._carried.net.parameters():
            weight.add_(0.5)
    result = session.step(frame(STREAM[1]))
    assert result.stats.outcome is Outcome.RESET
    assert result.stats.heldout_psnr_before == result.stats.heldout_psnr_bicubic


def smooth() -> np.ndarray:
    """A sky: bicubic enlarges it perfectly, carried weights almost."""
    return np.tile(np.linspace(90, 160, 60).astype(np.uint8)[:, None, None], (1, 52, 3))


def test_a_smooth_frame_does_not_cost_what_was_learnt() -> None:
    session = Session(options(steps=30))
    for pixels in STREAM:
        session.step(frame(pixels))
    learnt = session.step(frame(STREAM[0])).stats.heldout_psnr_before
    sky = session.step(frame(smooth()))
    again = session.step(frame(STREAM[0])).stats
    assert sky.stats.outcome is not Outcome.RESET
    assert again.heldout_psnr_before is not None
    assert again.heldout_psnr_bicubic is not None
    assert learnt is not None
    assert again.heldout_psnr_before > again.heldout_psnr_bicubic + 0.1


def test_when_no_weights_are_any_good_the_frame_is_bicubic_and_the_carried_ones_stay() -> (
    None
):
    session = Session(options(rate=0.9))
    with torch.no_grad():
        for weight in session._carried.net.parameters():
            weight.add_(0.5)
    carried = [p.detach().clone() for p in session._carried.net.parameters()]
    result = session.step(frame(STREAM[1]))
    assert (result.stats.outcome, result.stats.used) == (Outcome.FALLBACK, Used.BICUBIC)
    assert np.array_equal(result.pixels, bicubic(STREAM[1]))
    kept = zip(carried, session._carried.net.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in kept)


@pytest.mark.parametrize("message", ["CUDA out of memory", "DefaultCPUAllocator: can't"])
@pytest.mark.parametrize("where", ["_exam", "_train"])
def test_running_out_of_memory_anywhere_in_adaptation_costs_only_that(
    where: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise RuntimeError(message) if "CPU" in message else torch.OutOfMemoryError(message)

    session = Session(options())
    session.step(frame(STREAM[0]))
    before = session.dump()
    monkeypatch.setattr(session._adaptation.learning, where, full)
    result = session.step(frame(STREAM[1]))
    assert result.stats.outcome is Outcome.ROLLED_BACK
    assert result.stats.weight_change == 0.0
    assert result.stats.fault == "out of memory"
    assert all_but_thumbnail(session.dump()) == all_but_thumbnail(before)


def test_running_out_of_memory_in_upscaling_is_a_resource_error_and_leaves_no_trace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")

    session = Session(options())
    session.step(frame(STREAM[0]))
    before = session.dump()
    monkeypatch.setattr(session._upscaler, "enlarge", full)
    with pytest.raises(ResourceError, match="no memory for this frame: CUDA"):
        session.step(frame(STREAM[1]))
    assert session.dump() == before


def test_a_budget_without_time_for_a_step_skips_the_frame() -> None:
    result = Session(options(seconds=0.0)).step(frame(STREAM[0]))
    assert (result.stats.outcome, result.stats.steps) == (Outcome.SKIPPED, 0)


def test_what_is_not_finite_is_none_in_the_statistics() -> None:
    """Half of the frame is flat, and so are some held-out tiles of it: infinite dB."""
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:2, :2] = 255
    stats = Session(options(heldout=0.01)).step(frame(pixels)).stats
    for value in dataclasses.asdict(stats).values():
        assert not isinstance(value, float) or math.isfinite(value)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((20, 20), np.uint8),
        np.zeros((20, 20, 5), np.uint8),
        np.zeros((20, 20, 3), np.float64),
        np.zeros((0, 20, 3), np.uint8),
    ],
    ids=lambda pixels: f"{pixels.dtype}{pixels.shape}",
)
def test_pixels_of_another_shape_or_type_are_refused_at_the_door(pixels: Pixels) -> None:
    session = Session(options())
    with pytest.raises(FrameError, match="allowed: uint8, uint16 or float32"):
        session.begin(frame(pixels))
    session.step(frame(STREAM[0]))


def test_mirrored_views_and_big_endian_pixels_are_taken() -> None:
    mirrored = STREAM[0][:, ::-1]
    swapped = STREAM[0].astype(">u2") * 257
    frozen = options(mode="frozen")
    one = Session(frozen).step(frame(mirrored)).pixels
    assert np.array_equal(one, bicubic(np.ascontiguousarray(mirrored)))
    two = Session(frozen).step(frame(swapped)).pixels
    assert np.abs(two.astype(int) // 257 - bicubic(STREAM[0])).max() <= 1


def test_abandoning_after_any_unit_restores_everything() -> None:
    session = Session(options(carry_moments=True))
    session.step(frame(STREAM[0]))
    before = session.dump()
    units = 0
    while True:
        session.begin(frame(STREAM[1]))
        if any(session.advance(0.0) for _ in range(units)):
            break
        session.abandon()
        assert session.dump() == before
        units += 1
    assert units > SMALL.adapt.steps


def test_a_session_never_touches_the_global_generator() -> None:
    before = torch.get_rng_state()
    Session(dataclasses.replace(options(), net=ZssrStarOptions(width=8))).step(
        frame(STREAM[0])
    )
    assert torch.equal(torch.get_rng_state(), before)


def test_a_roll_back_takes_back_moments_and_random_state_too() -> None:
    session = Session(options(carry_moments=True))
    session.step(frame(STREAM[0]))
    before = session.dump()
    session._carried.adapter._loss = lambda difference: (
        difference.square().mean() * math.nan
    )
    assert session.step(frame(STREAM[0])).stats.outcome is Outcome.ROLLED_BACK
    after = session.dump()
    ours, theirs = unpack(before)[0], unpack(after)[0]
    same = [name for name in ours if name.startswith("moment/")]
    assert same
    assert all(np.array_equal(ours[name], theirs[name]) for name in same)


@pytest.mark.parametrize(
    "damage",
    [
        {"moment/tail.weight/exp_avg": np.zeros(3, np.float32)},
        {"moment/tail.weight/step": np.zeros(2, np.float32)},
        {"weight/tail.weight": np.full((3, 8, 3, 3), np.nan, np.float32)},
        {"thumbnail": np.zeros((2, 2), np.float32)},
        {"thumbnail": np.zeros((3, 16, 16), np.int32)},
        {"random/cpu": np.zeros(5, np.uint8)},
        {"random/cpu": np.zeros(5056, np.uint8)},
    ],
    ids=lambda damage: next(iter(damage)),
)
def test_state_that_would_do_harm_later_is_refused_at_once(
    damage: dict[str, np.ndarray],
) -> None:
    session = Session(options(carry_moments=True))
    session.step(frame(STREAM[0]))
    before = session.dump()
    arrays, head = unpack(before)
    with pytest.raises(StateError):
        session.load(pack({**arrays, **damage}, head))
    assert session.dump() == before


@pytest.mark.parametrize("key", ["frames", "steps"])
@pytest.mark.parametrize("count", [-1, 1.5, True, "1", None])
def test_counters_that_are_none_are_refused(key: str, count: object) -> None:
    session = Session(options())
    arrays, head = unpack(session.dump())
    with pytest.raises(StateError, match=f"{key} is {count!r}; wanted: a whole number"):
        session.load(pack(arrays, {**head, key: count}))


def counters(session: Session) -> tuple[int, int]:
    """Frames and steps, as they stand in the state."""
    _, head = unpack(session.dump())
    return head["frames"], head["steps"]


def test_frames_and_steps_that_are_kept_are_counted_and_carried() -> None:
    session = Session(options(judge="observe"))
    assert counters(session) == (0, 0)
    session.step(frame(STREAM[0]))
    session.step(frame(STREAM[1]))
    assert counters(session) == (2, 12)
    resumed = Session(options(judge="observe"))
    resumed.load(session.dump())
    resumed.step(frame(STREAM[2]))
    assert counters(resumed) == (3, 18)
    resumed.step(frame(np.full((40, 40, 3), 9, np.uint8)))  # flat: nothing is learnt
    assert counters(resumed) == (3, 18)


def test_what_is_given_up_is_not_counted() -> None:
    session = Session(options())
    session.step(frame(STREAM[0]))
    session.begin(frame(STREAM[1]))
    while not session.advance(0.0):
        pass
    session.abandon()
    assert counters(session) == (1, 6)
    harmful = Session(options(rate=0.9))
    harmful.load(session.dump())
    assert harmful.step(frame(STREAM[1])).stats.outcome is Outcome.ROLLED_BACK
    assert counters(harmful) == (1, 6)


def test_counters_begin_anew_with_the_initial_weights() -> None:
    per_frame = Session(options(mode="per-frame", judge="observe"))
    reset = Session(options())
    for pixels in STREAM[:2]:
        per_frame.step(frame(pixels))
        reset.step(frame(pixels))
    assert counters(per_frame) == (1, 6)
    with torch.no_grad():
        for weight in reset._carried.net.parameters():
            weight.add_(0.5)
    assert reset.step(frame(STREAM[2])).stats.outcome is Outcome.RESET
    assert counters(reset) == (1, 6)


def test_the_state_of_a_session_on_another_kind_of_device_is_taken_over() -> None:
    """All but its random numbers, which go on as they are here."""
    settings = options(carry_moments=True)
    session, other = Session(settings), Session(settings)
    session.step(frame(STREAM[0]))
    arrays, head = unpack(session.dump())
    del arrays["random/cpu"]
    other.load(pack({**arrays, "random/cuda": np.zeros(16, np.uint8)}, head))
    taken, _ = unpack(other.dump())
    own, _ = unpack(Session(settings).dump())
    assert all(np.array_equal(taken[name], arrays[name]) for name in arrays)
    assert np.array_equal(taken["random/cpu"], own["random/cpu"])
    with pytest.raises(StateError, match="random"):
        other.load(pack(arrays, head))


def test_moments_are_left_behind_where_none_are_carried() -> None:
    giver, taker = Session(options(carry_moments=True)), Session(options())
    giver.step(frame(STREAM[0]))
    taker.load(giver.dump())
    assert not any(name.startswith("moment/") for name in unpack(taker.dump())[0])


def test_running_out_of_memory_in_training_costs_the_adaptation_not_the_frame() -> None:
    session = Session(options())

    def full(difference: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    session._carried.adapter._loss = full
    result = session.step(frame(STREAM[0]))
    assert result.stats.outcome is Outcome.ROLLED_BACK
    assert np.array_equal(result.pixels, bicubic(STREAM[0]))


def test_a_loss_that_no_longer_falls_ends_the_steps() -> None:
    session = Session(options(steps=400, plateau=0.5, judge="observe"))
    result = session.step(frame(STREAM[0]))
    assert result.stats.outcome is Outcome.CONVERGED
    assert 50 <= result.stats.steps < 400


def test_the_time_budget_counts_only_this_frames_own_slices() -> None:
    now = [0.0]
    session = Session(options(steps=50, seconds=1.0), clock=lambda: now[0])
    step = session._carried.adapter._step

    def slow_step(*args: object) -> torch.Tensor:
        now[0] += 0.3
        return step(*args)  # type: ignore[arg-type]

    session._carried.adapter._step = slow_step  # type: ignore[method-assign]
    session.begin(frame(STREAM[0]))
    while not session.advance(0.0):
        now[0] += 100.0  # another stream has the device
    stats = session.finish().stats
    assert stats.steps == 4
    assert stats.adapt_ms == pytest.approx(1200.0)


def test_the_rate_is_divided_by_ten_after_each_milestone() -> None:
    session = Session(options(steps=6, rate=0.004, milestones=(2, 4)))
    rates = []
    step = session._carried.adapter._step

    def watched(*args: object) -> torch.Tensor:
        rates.append(session._carried.adapter.optimiser.param_groups[0]["lr"])
        return step(*args)  # type: ignore[arg-type]

    session._carried.adapter._step = watched  # type: ignore[method-assign]
    session.step(frame(STREAM[0]))
    assert rates == pytest.approx([4e-3, 4e-3, 4e-4, 4e-4, 4e-5, 4e-5])


def test_a_new_scene_is_reported_and_the_first_frame_is_none() -> None:
    session = Session(options())
    dark = np.full((40, 52, 3), 10, np.uint8)
    dark[::2] = 20
    seen = [
        session.step(frame(pixels)).stats.scene_change
        for pixels in (STREAM[0], STREAM[0], dark, dark)
    ]
    assert seen == [False, False, True, False]


def test_the_change_of_the_weights_is_reported_relative_to_their_norm() -> None:
    session = Session(options(judge="observe"))
    before = torch.cat([p.detach().flatten() for p in session._carried.net.parameters()])
    result = session.step(frame(STREAM[0]))
    after = torch.cat([p.detach().flatten() for p in session._carried.net.parameters()])
    assert result.stats.weight_change == pytest.approx(
        float((after - before).norm() / before.norm())
    )


def test_ensemble_and_back_projection_are_options_of_a_session() -> None:
    settings = dataclasses.replace(
        options(mode="frozen"), upscale=UpscaleOptions(ensemble=True, back_projection=2)
    )
    result = Session(settings).step(frame(STREAM[0]))
    plain = bicubic(STREAM[0]).astype(float)
    assert np.abs(result.pixels - plain).max() > 2  # back-projection sharpened it


def test_dumping_with_a_frame_in_hand_is_refused() -> None:
    session = Session(options())
    session.begin(frame(STREAM[0]))
    with pytest.raises(RuntimeError, match="in hand"):
        session.dump()
    with pytest.raises(RuntimeError, match="neither finished nor abandoned"):
        session.begin(frame(STREAM[1]))
