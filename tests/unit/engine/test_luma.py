from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from pictures import zone_plate
from srstream.engine.luma import luma


def test_it_is_the_grey_that_pillow_makes() -> None:
    pixels = zone_plate(20, 30)
    truth = np.array(Image.fromarray(pixels).convert("L"))
    ours = luma(torch.tensor(pixels).permute(2, 0, 1)[None].float())
    assert ours.shape == (1, 1, 20, 30)
    assert np.abs(ours[0, 0].numpy() - truth).max() <= 0.51


def test_grey_is_its_own_luma() -> None:
    grey = torch.rand(2, 1, 4, 5, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(luma(grey.expand(-1, 3, -1, -1)), grey, atol=1e-7)
