from __future__ import annotations

from functools import partial
from itertools import islice

import pytest
import torch

import srstream.engine.pairs as pairs_module
from pictures import zone_plate
from srstream.engine.heldout import Reserved, left_of
from srstream.engine.letterbox import Box
from srstream.engine.options import AdaptOptions
from srstream.engine.pairs import PYRAMID_LEVELS, Batch, Pairs, all_of, crop_side
from srstream.engine.resample import resize, shrink


def colour(height: int = 60, width: int = 83) -> torch.Tensor:
    return torch.tensor(zone_plate(height, width)).permute(2, 0, 1)[None].float() / 255


def make(frame: torch.Tensor, *, scale: int = 2, seed: int = 0, **options: object) -> Pairs:
    return Pairs(
        frame,
        all_of(frame),
        options=AdaptOptions(**{"crop": 24, "pairs": None, **options}),  # type: ignore[arg-type]
        scale=scale,
        generator=torch.Generator().manual_seed(seed),
    )


def first(pairs: Pairs) -> Batch:
    return next(pairs.batches())


def test_low_is_the_shrunk_high() -> None:
    for scale in (2, 3, 4):
        low, high, _ = first(make(colour(), scale=scale))
        assert high.shape == (8, 3, 24, 24)
        assert torch.equal(low, shrink(high, scale))


def test_every_crop_is_a_turned_piece_of_the_frame_or_of_a_smaller_version() -> None:
    """So no pixel is padded, warped or invented."""
    frame = colour()
    levels = [
        frame if share == 1.0 else resize(frame, round(60 * share), round(83 * share))
        for share in (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
    ]
    windows = torch.cat(
        [
            level[0]
            .unfold(1, 24, 1)
            .unfold(2, 24, 1)
            .permute(1, 2, 0, 3, 4)
            .reshape(-1, 3, 24, 24)
            for level in levels
        ]
    )
    _, high, _ = first(make(frame, as_is=0.0))
    for crop in high:
        turned = [
            member.flip(axes) if axes else member
            for member in (crop, crop.transpose(1, 2))
            for axes in ((), (1,), (2,), (1, 2))
        ]
        distance = min(
            float((windows - member).abs().amax(dim=(1, 2, 3)).min()) for member in turned
        )
        assert distance < 1e-6


def test_all_eight_symmetries_and_several_scales_are_drawn() -> None:
    _, width, symmetry = make(colour(), as_is=0.0)._draw(512)
    assert set(symmetry.tolist()) == set(range(8))
    assert len(set(width.tolist())) == PYRAMID_LEVELS


def test_where_few_pairs_are_drawn_some_sizes_are_made_and_others_next_time() -> None:
    made = {
        tuple(make(colour(), seed=seed, steps=8, smallest=0.7)._levels[1].tolist())
        for seed in range(40)
    }
    assert {len(heights) for heights in made} == {3}  # 64 pairs: two smaller ones
    assert {heights[0] for heights in made} == {60}
    assert {height for heights in made for height in heights[1:]} == {56, 53, 49, 46, 42}


def test_one_channel_gives_the_pairs_that_three_give() -> None:
    frame = colour()[:, :1]
    one, three = first(make(frame)), first(make(frame.expand(-1, 3, -1, -1)))
    assert one.low.shape == (8, 1, 12, 12)
    assert torch.equal(one.high.expand(-1, 3, -1, -1), three.high)
    assert torch.allclose(one.low.expand(-1, 3, -1, -1), three.low, atol=1e-6)
    assert torch.equal(one.trainable, three.trainable)


@pytest.mark.parametrize("pairs", [None, 40])
def test_batches_are_of_the_asked_size_however_many_are_gathered_at_once(
    pairs: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, together = (
        list(islice(make(colour(), pairs=pairs).batches(), 7))
        for pixels in (1, 10**9)
        if monkeypatch.setattr(pairs_module, "PIXELS_AT_ONCE", pixels) is None
    )
    assert {len(batch.high) for batch in alone} == {8}
    for one, other in zip(alone, together, strict=True):
        assert torch.equal(one.high, other.high)
        assert torch.allclose(one.low, other.low, atol=1e-6)


def test_as_is_takes_the_full_size_frame_unturned() -> None:
    _, width, symmetry = make(colour(), as_is=1.0)._draw(64)
    assert set(symmetry.tolist()) == {0}
    assert set(width.tolist()) == {83}


def test_a_fixed_number_of_pairs_is_gone_through_once_per_epoch() -> None:
    """The paper's 3000 pairs in two epochs, small: 16 pairs, four batches of 8."""
    crops = [
        tuple(high.flatten().tolist())
        for batch in islice(make(colour(), pairs=16).batches(), 4)
        for high in batch.high
    ]
    assert len(set(crops[:16])) == 16
    assert sorted(crops[:16]) == sorted(crops[16:])
    assert crops[:16] != crops[16:]


def test_the_same_seed_draws_the_same_pairs_and_another_seed_others() -> None:
    def fourth(seed: int) -> torch.Tensor:
        return next(islice(make(colour(), seed=seed).batches(), 3, None)).high

    assert torch.equal(fourth(0), fourth(0))
    assert not torch.equal(fourth(0), fourth(1))


def test_crops_are_clamped_to_small_frames_and_to_multiples_of_the_scale() -> None:
    assert crop_side((16, 40), 128, 3) == 15
    assert crop_side((200, 400), 128, 3) == 126
    low, high, _ = first(make(colour(17, 19), scale=4))
    assert high.shape[-2:] == (16, 16)
    assert low.shape[-2:] == (4, 4)


def test_held_out_pixels_are_marked_in_every_crop_at_every_size() -> None:
    frame = colour()
    held = torch.zeros(frame.shape[-2:])
    held[20:40, 30:50] = 1.0
    frame[..., 20:40, 30:50] = 9.0  # a colour that stands out, and bleeds when shrunk
    pairs = Pairs(
        frame,
        partial(left_of, held),
        options=AdaptOptions(crop=24, pairs=None),
        scale=2,
        generator=torch.Generator().manual_seed(0),
    )
    for _, high, free in islice(pairs.batches(), 40):
        learnt = high.masked_select((free == 1.0).expand_as(high))
        # Antialiasing lets a neighbour see a little of it, never a pixel that is in it.
        assert float(learnt.max()) < 4.0


SIDE = 8
CORNERS = ((0, 0), (31, 50), (60, 7), (110, 123), (80, 90))


@pytest.mark.parametrize("limit", [10**9, 9000], ids=["whole", "window"])
@pytest.mark.parametrize("smallest", [0.9, 0.5, 0.3])
def test_no_trainable_pixel_of_any_size_tells_anything_of_tiles_or_guard_bands(
    smallest: float, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a huge frame a window is learnt from; a smaller limit stands for its size."""
    monkeypatch.setattr(pairs_module, "MOST_PIXELS", limit)
    draw = torch.Generator().manual_seed(1)
    noise = torch.rand(1, 3, 118, 131, generator=draw)
    reserved = Reserved(Box(0, 0, 118, 131), (118, 131), SIDE, torch.tensor(CORNERS).T)
    secret = torch.zeros(118, 131, dtype=torch.bool)
    guard = reserved.guard
    assert guard > 0
    for top, left in CORNERS:
        rows = slice(max(top - guard, 0), top + SIDE + guard)
        secret[rows, max(left - guard, 0) : left + SIDE + guard] = True
    other = torch.where(secret, torch.rand(noise.shape, generator=draw), noise)
    lines = []
    for frame in (noise, other):
        pairs = Pairs(
            frame,
            reserved.trainable,
            options=AdaptOptions(crop=24, pairs=None, smallest=smallest),
            scale=2,
            generator=torch.Generator().manual_seed(0),
        )
        assert pairs._levels.shape[1] > 1
        lines.append(pairs._lines)
    one, two = lines
    free = one[-1] == 1.0
    assert torch.equal(free, two[-1] == 1.0)
    assert 0.3 < float(free.float().mean()) < 0.95
    assert torch.equal(one[:, free], two[:, free])
    assert not torch.equal(one[:, ~free], two[:, ~free])


def test_of_a_huge_frame_a_window_is_learnt_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """A smaller limit stands for the four megapixels."""
    monkeypatch.setattr(pairs_module, "MOST_PIXELS", 10_000)
    frame = colour(100, 200)
    pairs = make(frame, smallest=1.0, as_is=1.0)
    assert pairs._lines.shape[1] <= 10_000 * PYRAMID_LEVELS
    assert pairs._levels[1:, 0].tolist() == [100, 100]
    tall_ribbon = make(colour(5000, 20))
    assert tall_ribbon._levels[1:, 0].tolist() == [500, 20]
    _, high, _ = first(pairs)
    windows = frame[0].unfold(1, 24, 1).unfold(2, 24, 1).permute(1, 2, 0, 3, 4)
    flat = windows.reshape(-1, 3, 24, 24)
    for crop in high:
        assert float((flat - crop).abs().amax(dim=(1, 2, 3)).min()) < 1e-6
