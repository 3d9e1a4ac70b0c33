"""The NumPy network averages over a picture and its mirror image, and refuses other scales."""

import numpy as np
import pytest

from pixelwise.errors import RunError
from pixelwise.predict import Predictor
from pixelwise.run.folder import RunFolder

IMAGE = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)


def test_pixels_of_a_mirrored_picture(pixels_run: RunFolder):
    flipped, plain = Predictor.open(pixels_run, flips=True), Predictor.open(pixels_run)
    own, mirrored = (flipped.predict(image) for image in (IMAGE, IMAGE[:, ::-1]))
    np.testing.assert_allclose(own.confidence, mirrored.confidence[:, ::-1], rtol=0, atol=1e-6)
    assert np.abs(own.confidence - plain.predict(IMAGE).confidence).max() > 1e-4


def test_labels_are_the_mean_of_two(pictures_run: RunFolder):
    flipped, plain = Predictor.open(pictures_run, flips=True), Predictor.open(pictures_run)
    each = [plain.predict(image).probabilities for image in (IMAGE, IMAGE[:, ::-1])]
    np.testing.assert_allclose(flipped.predict(IMAGE).probabilities, np.mean(each, axis=0), rtol=0, atol=1e-6)


def test_other_scales_are_refused(pixels_run: RunFolder):
    with pytest.raises(
        RunError, match=r"--scales: the NumPy network computes each picture at one scale.*--flips can be used"
    ):
        Predictor.open(pixels_run, scales=(1, 2)).predict(IMAGE)
