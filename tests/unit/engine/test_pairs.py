from __future__ import annotations

import torch

from pictures import zone_plate
from srstream.engine.options import AdaptOptions
from srstream.engine.pairs import Pairs, crop_side
from srstream.engine.resample import resize, shrink


def colour(height: int = 60, width: int = 83) -> torch.Tensor:
    return torch.tensor(zone_plate(height, width)).permute(2, 0, 1)[None].float() / 255


def make(frame: torch.Tensor, *, scale: int = 2, seed: int = 0, **options: object) -> Pairs:
    return Pairs(
        frame,
        torch.ones_like(frame[:, :1]),
        options=AdaptOptions(**{"crop": 24, "pairs": None, "steps": 8, **options}),  # type: ignore[arg-type]
        scale=scale,
        generator=torch.Generator().manual_seed(seed),
    )


def test_low_is_the_shrunk_high() -> None:
    for scale in (2, 3, 4):
        low, high, _ = make(colour(), scale=scale).batch(0)
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
    _, high, _ = make(frame, as_is=0.0).batch(0)
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
    pairs = make(colour(), as_is=0.0, steps=64)
    assert set(pairs._places[2].tolist()) == set(range(8))
    assert len(set(pairs._places[1].tolist())) == 6


def test_as_is_takes_the_full_size_frame_unturned() -> None:
    pairs = make(colour(), as_is=1.0)
    assert set(pairs._places[2].tolist()) == {0}
    assert set(pairs._places[1].tolist()) == {83}


def test_a_fixed_number_of_pairs_is_gone_through_once_per_epoch() -> None:
    """The paper's 3000 pairs in two epochs, small: 16 pairs, 32 used, each twice."""
    pairs = make(colour(), pairs=16, steps=4)
    used = pairs._order[: 4 * 8].tolist()
    assert sorted(used[:16]) == list(range(16)) == sorted(used[16:])
    assert used[:16] != used[16:]


def test_the_same_seed_draws_the_same_pairs_and_another_seed_others() -> None:
    first, again, other = make(colour()), make(colour()), make(colour(), seed=1)
    assert torch.equal(first.batch(3)[1], again.batch(3)[1])
    assert not torch.equal(first.batch(3)[1], other.batch(3)[1])


def test_crops_are_clamped_to_small_frames_and_to_multiples_of_the_scale() -> None:
    assert crop_side((16, 40), 128, 3) == 15
    assert crop_side((200, 400), 128, 3) == 126
    low, high, _ = make(colour(17, 19), scale=4).batch(0)
    assert high.shape[-2:] == (16, 16)
    assert low.shape[-2:] == (4, 4)


def test_held_out_pixels_are_marked_in_every_crop_at_every_size() -> None:
    frame = colour()
    trainable = torch.ones_like(frame[:, :1])
    trainable[..., 20:40, 30:50] = 0.0
    frame[..., 20:40, 30:50] = 9.0  # a colour that stands out, and bleeds when shrunk
    pairs = Pairs(
        frame,
        trainable,
        options=AdaptOptions(crop=24, pairs=None, steps=40),
        scale=2,
        generator=torch.Generator().manual_seed(0),
    )
    for step in range(40):
        _, high, free = pairs.batch(step)
        learnt = high.masked_select((free == 1.0).expand_as(high))
        # Antialiasing lets a neighbour see a little of it, never a pixel that is in it.
        assert float(learnt.max()) < 4.0
