"""What a run computes of a picture of another shape, where its training pictures were in a letterbox or cropped."""

from types import SimpleNamespace

import numpy as np
import pytest

from pixelwise.imaging.fit import fit_object
from pixelwise.predict.predictor import Predictor
from pixelwise.rle import RLE
from pixelwise.shown.instances import ShownInstances
from pixelwise.types import Instances, Object


@pytest.mark.parametrize(
    ("fit", "any_size", "computed", "part"),
    [
        ("squash", True, (64, 64), None),
        ("letterbox", True, (64, 64), (slice(16, 48), slice(0, 64))),
        ("crop", True, (64, 128), None),  # the whole picture, at the scale of the training
        ("crop", False, (64, 64), None),  # of a model that reads one size only
    ],
)
def test_the_part_of_the_outputs_that_is_the_picture(fit, any_size, computed, part):
    recipe = SimpleNamespace(data=SimpleNamespace(fit=fit))
    predictor = Predictor.__new__(Predictor)
    learner = SimpleNamespace(any_size=any_size, multiple=32)
    predictor.opened = SimpleNamespace(recipe=recipe, size=(64, 64), learner=learner)
    image, found = predictor._placed(np.zeros((50, 100, 3), np.uint8))
    assert (image.shape[:2], found) == (computed, part)


def test_objects_go_back_to_the_size_and_the_place_that_they_have_in_the_picture():
    """A picture of 20×40 is rows 20 to 60 of a letterbox of 80×80, where it is twice as large."""
    rng = np.random.default_rng(0)
    own, part = (20, 40), (slice(20, 60), slice(0, 80))
    masks = [rng.random(own) < share for share in (0.1, 0.5, 0.9)]
    truth = [Object.of(1, RLE.of(mask), score=0.9) for mask in masks] + [Object(1, None, (3.0, 4.0, 11.5, 20.0), 0.5)]
    inside = [fit_object(one, own, (80, 80), "letterbox") for one in truth]
    assert inside[3] is not None
    assert inside[3].box == (6.0, 28.0, 23.0, 60.0)
    above = Object.of(
        1, RLE.of(np.arange(6400).reshape(80, 80) < 800), score=0.4
    )  # in the grey: no place in the picture
    back = ShownInstances().resized(Instances((80, 80), (*inside, above)), own, part)
    assert (back.size, len(back.objects)) == (own, 4)
    for one, again, mask in zip(truth, back.objects, [*masks, None], strict=True):
        assert (again.box, again.score) == (one.box, one.score)
        assert mask is None or np.array_equal(again.mask.mask(), mask)
