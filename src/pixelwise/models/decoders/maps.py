"""The choice of the encoder's maps that a decoder reads."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from pixelwise.errors import RecipeError
from pixelwise.models.encoders.base import Encoder


def choose_maps(encoder: Encoder, strides: Sequence[int]) -> list[int]:
    """The places of the maps that have these strides without dilation, finest first.

    Raises RecipeError if the encoder has no map of a stride, or a stride is not a multiple of the one before.
    """
    there = ", ".join(map(str, encoder.levels))
    if missing := [stride for stride in strides if stride not in encoder.levels]:
        what = f"the encoder has no map of stride {missing[0]}; its strides are {there}."
        raise RecipeError(what, where="model.strides", hint="Take strides from these.")
    if not strides or any(fine >= coarse or coarse % fine for fine, coarse in pairwise(strides)):
        read = ", ".join(map(str, strides)) or "no stride"
        what = f"read {read}; write strides from fine to coarse, each a multiple of the one before."
        raise RecipeError(what, where="model.strides", hint=f"The encoder has {there}.")
    return [encoder.levels.index(stride) for stride in strides]
