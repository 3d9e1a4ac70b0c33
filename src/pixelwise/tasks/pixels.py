"""Pictures as a model reads them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def normalise(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """(B, H, W, C) uint8 → (B, C, H, W) float32 with (x/255 − mean)/std, channels_last in memory at no cost.

    Done on the model's device for a whole batch at once: a quarter of the bytes travel, and one multiply-add does it.
    """
    scale = torch.tensor([1 / (255 * s) for s in std], device=images.device)
    shift = torch.tensor([-m / s for m, s in zip(mean, std, strict=True)], device=images.device)
    return torch.addcmul(shift, images.to(torch.float32), scale).permute(0, 3, 1, 2)
