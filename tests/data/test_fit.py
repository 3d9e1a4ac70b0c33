"""Pictures at a size of another shape: squashed, in a letterbox, cropped; and what is proposed where sizes are mixed."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelwise.data.cache import open_split
from pixelwise.data.cache.fitting import Fitting
from pixelwise.data.scenes import scenes
from pixelwise.errors import DataError, RecipeError
from pixelwise.imaging.fit import fit_image, fit_mask, placed, proposed_size
from pixelwise.imaging.resize import resize_image, resize_mask
from pixelwise.metrics.confusion import confusion
from pixelwise.recipe.load import load_recipe
from pixelwise.tasks.segment import segment

sides = st.tuples(st.integers(1, 300), st.integers(1, 300))


@given(sides, sides)
def test_a_letterbox_holds_the_whole_picture_and_a_crop_covers_the_size(own, size):
    for fit in ("letterbox", "crop"):
        place = placed(own, size, fit)
        assert any(inner == side for inner, side in zip(place.inner, size, strict=True))
        for at, inner, side in zip((place.top, place.left), place.inner, size, strict=True):
            assert (at >= 0 and at + inner <= side) if fit == "letterbox" else (at <= 0 and at + inner >= side)
        (height, width), (tall, wide) = own, place.inner
        if min(place.inner) > 1:  # the shape is kept, within half a pixel of one side
            assert abs(height * wide - width * tall) <= max(height, width)
    assert placed(own, size, "squash").inner == size


def test_pictures_and_masks_are_placed_alike():
    image = np.random.default_rng(0).integers(0, 255, (20, 40, 3)).astype(np.uint8)
    mask = (image[..., 0] > 120).astype(np.uint8)
    box, truth = fit_image(image, (32, 32), "letterbox"), fit_mask(mask, (32, 32), "letterbox", 255)
    assert np.array_equal(box[8:24], resize_image(image, (16, 32)))
    assert np.array_equal(truth[8:24], resize_mask(mask, (16, 32)))
    assert (truth[:8] == 255).all()
    assert (truth[24:] == 255).all()
    assert (box[:8] == 128).all()
    cut, truth = fit_image(image, (32, 32), "crop"), fit_mask(mask, (32, 32), "crop", 255)
    assert np.array_equal(cut, resize_image(image, (32, 64))[:, 16:48])
    assert np.array_equal(truth, resize_mask(mask, (32, 64))[:, 16:48])
    assert np.array_equal(fit_image(image, (32, 32), "squash"), resize_image(image, (32, 32)))


def test_a_letterbox_gives_masks_a_void_that_the_files_do_not_have(pictures, tmp_path):
    data = Fitting(pictures.open(), (16, 16), "letterbox")
    assert (pictures.open().info.void, data.info.void) == (None, 255)
    split = open_split(data, "train", (16, 16), folder=tmp_path / "cache")
    assert set(np.unique(split.masks)) == {0, 1, 2, 255}
    assert split.key != open_split(pictures.open(), "train", (16, 16), folder=tmp_path / "cache").key
    pictures.mask(pictures.path / "train/masks/p0.png", (0, 1, 255))  # in a file it is a value like any other
    with pytest.raises(DataError, match="its mask has the value 255"):
        open_split(Fitting(pictures.open(), (16, 16), "letterbox"), "train", (16, 16), folder=tmp_path / "cache")


@pytest.mark.parametrize("void", [None, 7])
def test_what_a_letterbox_has_around_pictures_never_counts_as_background(pictures, void):
    pictures.classes("background", "cat", "dog")
    data = Fitting(pictures.open(void=void), (16, 16), "letterbox")
    assert data.info.padded
    assert {score.convention["void"] for score in confusion(data.info).scores()} == {"ignore"}
    for made in (confusion, segment):
        with pytest.raises(DataError, match="what a letterbox has around pictures is void too"):
            made(data.info, void="background")
    assert not Fitting(pictures.open(), (16, 16), "crop").info.padded


@pytest.mark.parametrize("fit", ["letterbox", "crop"])
def test_objects_are_placed_as_their_masks_are(tmp_path, fit):
    whole = scenes(tmp_path, size=32, train=6, val=1, test=0)
    data = Fitting(whole, (16, 48), fit)
    for index in range(6):
        before, after = whole.read("train", index), data.read("train", index)
        placed_all = [fit_mask(one.mask.mask().astype(np.uint8), (16, 48), fit, 0) for one in before.objects]
        kept = [mask for mask in placed_all if mask.any()]
        assert [one.mask.mask().tolist() for one in after.objects] == [mask.astype(bool).tolist() for mask in kept]
        assert all(one.box == one.mask.box for one in after.objects)


def test_a_fit_without_a_size_is_refused():
    with pytest.raises(RecipeError, match="fit but no size"):
        load_recipe("quickstart", ["data.fit=crop"])
    with pytest.raises(
        RecipeError, match="task 'colourize' would also learn the pixels around a picture in a letterbox"
    ):
        load_recipe("scenes/colourize", ["data.fit=letterbox", "data.size=[8, 8]"])
    assert "fit" not in load_recipe("quickstart").model_dump(mode="json")["data"]
    assert (
        load_recipe("quickstart", ["data.fit=crop", "data.size=[8, 8]"]).model_dump(mode="json")["data"]["fit"]
        == "crop"
    )


def test_a_size_is_proposed_near_the_middle():
    assert proposed_size(Counter({(480, 640): 5, (640, 480): 1})) == (384, 512)
    assert proposed_size(Counter({(20, 30): 1})) == (32, 32)
