"""One pass of colour against torchvision's three, and what it promises."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional

from pixelwise.augment import AUGMENTATIONS
from pixelwise.augment.colour import blended, colour
from pixelwise.errors import RecipeError

THEIRS = {
    "brightness": functional.adjust_brightness,
    "contrast": functional.adjust_contrast,
    "saturation": functional.adjust_saturation,
}
blends = st.lists(st.tuples(st.sampled_from(sorted(THEIRS)), st.floats(0.0, 1.6)), max_size=4)


def picture(low=0, high=256, size=(19, 23)):
    return torch.from_numpy(np.random.default_rng(0).integers(low, high, (3, *size), dtype=np.uint8))


@settings(max_examples=60, deadline=None)
@given(blends)
def test_is_torchvisions_where_nothing_is_clipped_on_the_way(chosen):
    """In float64 and without clipping, torchvision's steps one by one give ours to a rounding."""
    one_by_one = picture().double()
    grey = torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64)
    for name, factor in chosen:
        own_grey = torch.einsum("c,chw->hw", grey, one_by_one)
        other = {"brightness": 0, "contrast": own_grey.mean(), "saturation": own_grey}[name]
        one_by_one = factor * one_by_one + (1 - factor) * other
    ours = blended(picture(), chosen).double()
    assert (ours - one_by_one.clamp(0, 255)).abs().max() <= 0.5 + 1e-3


@pytest.mark.parametrize("name", sorted(THEIRS))
@pytest.mark.parametrize("factor", [0.0, 0.7, 1.0, 1.3])
def test_one_step_is_torchvisions(name, factor):
    ours = blended(picture(60, 190), [(name, factor)]).int()
    theirs = THEIRS[name](picture(60, 190), factor).int()
    assert (ours - theirs).abs().max() <= 1  # torchvision cuts where ours rounds


def test_factors_of_one_change_nothing():
    assert torch.equal(blended(picture(), [(name, 1.0) for name in THEIRS]), picture())


def test_extremes_are_clipped_not_wrapped():
    assert blended(picture(200, 256), [("brightness", 2.0)]).min() == 255
    assert blended(picture(), [("brightness", 0.0)]).max() == 0


def test_masks_are_left_alone_and_the_hue_turns():
    transform = colour(255, brightness=0, contrast=0, saturation=0, hue=0.5)
    mask = tv_tensors.Mask(torch.randint(0, 9, (19, 23), dtype=torch.uint8))
    before = tv_tensors.Image(picture())
    after, same = transform(before, mask)
    assert torch.equal(same, mask)
    assert not torch.equal(after, before)
    assert isinstance(after, tv_tensors.Image)
    brightest = before.amax(dim=0).int() - after.amax(dim=0).int()
    assert brightest.abs().max() <= 2  # value and saturation stay


def test_nothing_asked_for_is_nothing_done():
    transform = colour(255, brightness=0, contrast=0, saturation=0, hue=0)
    assert torch.equal(transform(tv_tensors.Image(picture())), picture())


def test_layout_changes_no_bit():
    chosen = [("contrast", 1.3), ("saturation", 0.6)]
    hwc = picture().permute(1, 2, 0).contiguous().permute(2, 0, 1)
    assert torch.equal(blended(hwc, chosen), blended(picture(), chosen))


def test_out_of_bounds_is_refused():
    with pytest.raises(RecipeError, match="hue"):
        AUGMENTATIONS.build("colour", 255, hue=0.6)
    with pytest.raises(RecipeError, match="contrast"):
        AUGMENTATIONS.build("colour", 255, contrast=-1)
