"""Colour scores against scikit-image and naive counting."""

import numpy as np
import pytest
from skimage.color import deltaE_cie76, rgb2lab
from skimage.metrics import peak_signal_noise_ratio
from sklearn.metrics import accuracy_score

from pixelwise.errors import DataError
from pixelwise.imaging.colour import nearest_colours, paint
from pixelwise.metrics.colour import STEPS, colour
from pixelwise.types import Colours, DatasetInfo, Sample

PALETTE = ((10, 20, 30), (120, 90, 60), (90, 160, 80), (240, 235, 230))
INFO = DatasetInfo("toy", tuple("#{:02x}{:02x}{:02x}".format(*c) for c in PALETTE), PALETTE, frozenset())


def drawn(count=3):
    generator = np.random.default_rng(0)
    for index in range(count):
        image = generator.integers(0, 256, (9, 8, 3), dtype=np.uint8)
        indices = generator.integers(0, 4, (9, 8), dtype=np.uint8)
        yield Sample(f"{index}", image), Colours(paint(indices, PALETTE), indices)


def counted(pictures):
    metric = colour(INFO)
    for picture in pictures:
        metric.update(*picture)
    return metric


def values(metric):
    return {score.name: score.value for score in metric.scores()}


def test_scores_are_those_of_scikit_learn_and_scikit_image():
    pictures = list(drawn())
    scores = values(counted(pictures))
    originals = np.stack([sample.image for sample, _ in pictures])
    painted = np.stack([prediction.image for _, prediction in pictures])
    truth = np.stack([nearest_colours(sample.image, PALETTE) for sample, _ in pictures])
    chosen = np.stack([prediction.indices for _, prediction in pictures])
    assert scores["accuracy"] == pytest.approx(accuracy_score(truth.ravel(), chosen.ravel()))
    assert scores["psnr"] == pytest.approx(peak_signal_noise_ratio(originals, painted))
    assert scores["delta_e"] == pytest.approx(deltaE_cie76(rgb2lab(originals), rgb2lab(painted)).mean(), abs=1e-6)
    best = paint(truth, PALETTE)
    assert scores["palette_psnr"] == pytest.approx(peak_signal_noise_ratio(originals, best))
    assert scores["palette_delta_e"] == pytest.approx(deltaE_cie76(rgb2lab(originals), rgb2lab(best)).mean(), abs=1e-6)


@pytest.mark.parametrize("mixed", [False, True])
def test_palette_colours_looked_up_in_cielab_count_as_pictures_converted(mixed):
    ((sample, prediction),) = drawn(1)
    if mixed:  # colours between those of the palette, as the annealed mean gives
        prediction = Colours(prediction.image // 2 + 40, prediction.indices)
    best = paint(nearest_colours(sample.image, PALETTE), PALETTE)
    distances = [deltaE_cie76(rgb2lab(sample.image), rgb2lab(picture)) for picture in (prediction.image, best)]
    sums = [round(STEPS * float(distance.sum())) for distance in distances]
    state = counted([(sample, prediction)]).state
    assert state[[-3, -1]].tolist() == pytest.approx(sums, abs=1)  # a step is 1e-6 of a ΔE


def test_order_and_processes_change_no_bit():
    pictures = list(drawn(6))
    whole = counted(pictures)
    backwards = counted(pictures[::-1])
    halves = [counted(pictures[start::2]) for start in (0, 1)]
    halves[0].state = halves[0].state + halves[1].state
    assert whole.scores() == backwards.scores() == halves[0].scores()
    assert whole.state.dtype == np.int64


def test_a_picture_without_error_has_no_psnr():
    indices = np.zeros((2, 2), np.uint8)
    image = paint(indices, PALETTE)
    scores = values(counted([(Sample("same", image), Colours(image, indices))]))
    assert scores == {
        "accuracy": 1.0,
        "mean_class_accuracy": 1.0,
        "psnr": None,
        "delta_e": 0.0,
        "palette_psnr": None,
        "palette_delta_e": 0.0,
    }


def test_an_annealed_picture_is_judged_by_its_own_colours():
    """Accuracy is about the chosen index, PSNR and ΔE about the picture."""
    indices = np.zeros((3, 3), np.uint8)
    image = np.full((3, 3, 3), 100, np.uint8)
    scores = values(counted([(Sample("grey", image), Colours(image, indices))]))
    assert scores["delta_e"] == 0.0
    assert scores["accuracy"] == 0.0


def test_what_does_not_fit_is_refused():
    (sample, _), *_ = drawn(1)
    small = np.zeros((4, 4), np.uint8)
    with pytest.raises(DataError, match="8×9, the prediction 4×4"):
        colour(INFO).update(sample, Colours(paint(small, PALETTE), small))


def test_the_constant_guess_is_the_most_frequent_colour():
    pictures = list(drawn())
    guess = counted(pictures).constant_guess()
    truth = np.concatenate([nearest_colours(sample.image, PALETTE).ravel() for sample, _ in pictures])
    most = int(np.bincount(truth).argmax())
    assert guess.name == INFO.classes[most]
    assert guess.scores["accuracy[palette=4]"] == pytest.approx(accuracy_score(truth, np.full_like(truth, most)))
    assert colour(INFO).constant_guess() is None
