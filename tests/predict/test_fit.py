"""What a run computes of a picture of another shape, where its training pictures were in a letterbox or cropped."""

from types import SimpleNamespace

import numpy as np
import pytest

from pixelwise.predict.predictor import Predictor


@pytest.mark.parametrize(
    ("fit", "any_size", "computed", "part"),
    [
        ("squash", True, (64, 64), None),
        ("letterbox", True, (64, 64), (slice(16, 48), slice(0, 64))),
        ("crop", True, (64, 128), None),  # the whole picture, at the scale of the training
        ("crop", False, (64, 64), None),  # of a model that reads one size only
    ],
)
def test_the_part_of_the_outputs_that_is_the_picture(monkeypatch, fit, any_size, computed, part):
    recipe = SimpleNamespace(data=SimpleNamespace(fit=fit))
    predictor = Predictor.__new__(Predictor)
    learner = SimpleNamespace(any_size=any_size, multiple=32)
    predictor.opened = SimpleNamespace(recipe=recipe, size=(64, 64), learner=learner)
    monkeypatch.setattr(predictor, "_outputs", lambda images: images[0].shape[:2])
    assert predictor._of_whole(np.zeros((50, 100, 3), np.uint8)) == (computed, part)
