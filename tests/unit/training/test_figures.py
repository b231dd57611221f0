from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from srstream.evaluation.metrics import psnr_y
from srstream.training import Original
from srstream.training.figures import set_psnr
from trainings import tiny_net


def test_at_birth_the_figure_is_that_of_bicubic_as_pillow_has_it() -> None:
    photograph = data.astronaut()[100:221, 60:200]  # of odd height
    digest = hashlib.sha256(photograph.tobytes()).digest()
    pixels = torch.from_numpy(photograph.transpose(2, 0, 1).copy())
    truth = photograph[:120]
    small = Image.fromarray(truth).resize((70, 60), Image.Resampling.BICUBIC)
    ours = np.asarray(small.resize((140, 120), Image.Resampling.BICUBIC))
    expected = psnr_y(ours, truth, border=2)
    found = set_psnr(tiny_net(), [Original("a.png", digest, pixels)], scale=2)
    assert found == pytest.approx(expected, abs=0.02)
