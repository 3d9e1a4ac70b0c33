"""A first convolution that was made for three channels, on pictures with another number of them."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from pixelwise.engine.fitted import other_channels


@pytest.mark.parametrize("channels", [1, 2, 4, 6])
def test_pictures_of_equal_channels_give_the_same_maps_whatever_their_number(channels: int) -> None:
    generator = np.random.default_rng(0)
    weight, grey = generator.normal(size=(5, 3, 3, 3)).astype(np.float32), generator.normal(size=(2, 1, 9, 9))
    if channels % 3 and channels != 1:
        weight[:] = weight[:, :1]  # a part of three channels says as much as all of them where they are equal
    maps = [
        functional.conv2d(torch.tensor(grey, dtype=torch.float32).expand(2, w.shape[1], 9, 9), torch.from_numpy(w))
        for w in (weight, other_channels(weight, channels))
    ]
    torch.testing.assert_close(maps[0], maps[1], rtol=1e-5, atol=1e-5)
