"""The watershed that cuts a mask into objects, against the plain chain of scipy and scikit-image."""

import numpy as np
import pytest
from scipy import ndimage
from skimage.morphology import local_maxima, reconstruction
from skimage.segmentation import watershed

from pixelwise.errors import DataError
from pixelwise.imaging.instances.centres import group
from pixelwise.imaging.instances.objects import scored_objects
from pixelwise.imaging.instances.targets import centres, normalised_distances
from pixelwise.imaging.instances.watershed import separate


def plain(inside: np.ndarray, energy: np.ndarray, smoothing: float, depth: float, smallest: int) -> np.ndarray:
    """The same by its definition, over the whole picture."""
    energy = np.maximum(energy, 0)
    smooth = ndimage.gaussian_filter(energy, smoothing) if smoothing else energy
    smooth = np.where(inside, smooth, np.float32(-1))
    rebuilt = reconstruction(smooth - np.float32(depth), smooth)
    markers, _ = ndimage.label(local_maxima(rebuilt) & inside, np.ones((3, 3)))
    labels = watershed(-energy, markers, connectivity=np.ones((3, 3)), mask=inside)
    found, number = np.zeros(labels.shape, np.int32), 0
    for label in dict.fromkeys(labels.ravel().tolist()):
        if label and (labels == label).sum() >= max(1, smallest):
            number += 1
            found[labels == label] = number
    return found


@pytest.mark.parametrize("seed", range(25))
def test_equals_the_plain_chain(seed: int) -> None:
    generator = np.random.default_rng(seed)
    height, width = generator.integers(1, 60, 2)
    energy = ndimage.gaussian_filter(generator.standard_normal((height, width)), generator.uniform(0.3, 4))
    energy = (energy / np.abs(energy).max() * generator.uniform(0.5, 1.5)).astype(np.float32)
    if seed % 3 == 0:  # plateaus and equal peaks
        energy = np.round(energy * 8) / np.float32(8)
    inside = ndimage.gaussian_filter(generator.standard_normal((height, width)), 2) > generator.uniform(-0.2, 0.1)
    options = {
        "smoothing": float(generator.choice([0, 0.5, 1, 2])),
        "depth": float(generator.choice([0.01, 0.1, 0.125, 0.3])),
        "smallest": int(generator.choice([0, 3, 20])),
    }
    found = separate(inside, energy, **options)
    np.testing.assert_array_equal(found, plain(inside, energy, **options))
    assert not found[~inside].any()
    assert np.unique(found[found > 0]).tolist() == list(range(1, found.max() + 1))
    np.testing.assert_array_equal(found, separate(inside, energy.copy(), **options))


def two_people() -> np.ndarray:
    """Two bodies that touch, each with a head and limbs that have distance peaks of their own."""
    numbers = np.zeros((80, 90), np.uint16)
    rows, columns = np.indices(numbers.shape)
    for number, middle in ((1, 30), (2, 53)):
        own = (abs(columns - middle) < 12) & (abs(rows - 40) < 20)
        own |= (rows - 14) ** 2 + (columns - middle) ** 2 < 49
        own |= (abs(columns - middle + 7) < 4) & (rows > 55) & (rows < 78)
        numbers[own & (numbers == 0)] = number
    return numbers


def test_touching_people_are_two_objects_where_plain_peaks_give_many() -> None:
    numbers = two_people()
    energy = normalised_distances(numbers)
    assert separate(numbers > 0, energy, smoothing=0, depth=1e-6, smallest=0).max() == 4
    found = separate(numbers > 0, energy, smoothing=2, depth=0.4, smallest=50)
    assert found.max() == 2
    for number in (1, 2):
        best = max((found == n)[numbers == number].sum() / ((found == n) | (numbers == number)).sum() for n in (1, 2))
        assert best > 0.95


def test_nothing_inside_gives_no_objects_and_small_ones_are_removed() -> None:
    energy = np.zeros((5, 7), np.float32)
    assert not separate(np.zeros((5, 7), bool), energy, smoothing=1, depth=0.1, smallest=0).any()
    inside = np.zeros((5, 7), bool)
    inside[1:3, 1:3], inside[4, 6] = True, True
    assert separate(inside, energy, smoothing=1, depth=0.1, smallest=2).max() == 1
    assert separate(inside, energy, smoothing=1, depth=0.1, smallest=0).max() == 2


def test_an_energy_that_is_not_finite_is_refused() -> None:
    energy = np.zeros((4, 4), np.float32)
    energy[1, 1] = np.nan
    with pytest.raises(DataError, match="finite"):
        separate(np.ones((4, 4), bool), energy, smoothing=0, depth=0.1, smallest=0)


def test_scores_and_classes_are_means_over_the_pixels_of_each_object() -> None:
    labels = np.array([[1, 1, 0, 2], [1, 0, 0, 2]])
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet(np.ones(3), labels.shape).transpose(2, 0, 1).astype(np.float32)
    energy = generator.uniform(-0.2, 1.2, labels.shape).astype(np.float32)
    for rule, second in (("inside", lambda e: 1), ("inside_energy", np.mean), ("inside_peak", np.max)):
        objects = scored_objects(labels, probabilities, energy, [4, 7], rule)
        wanted = {}
        for number in (1, 2):
            own = labels == number
            value = (1 - probabilities[0])[own].mean() * second(np.clip(energy, 0, 1)[own])
            wanted[own.tobytes()] = (value, [4, 7][probabilities[1:, own].sum(axis=1).argmax()])
        assert [one.score for one in objects] == sorted((one.score for one in objects), reverse=True)
        for one in objects:
            assert one.mask is not None
            value, label = wanted[
                one.mask.mask().tobytes()
                if one.mask.mask().flags.c_contiguous
                else np.ascontiguousarray(one.mask.mask()).tobytes()
            ]
            assert one.score == pytest.approx(value, abs=1e-6)
            assert one.label == label
    assert scored_objects(np.zeros((2, 2), int), probabilities[:, :, :2], energy[:, :2], [0, 1], "inside") == ()


def test_parts_that_do_not_touch_are_one_object_by_their_centre() -> None:
    numbers = np.zeros((40, 60), np.uint16)
    numbers[5:35, 5:15], numbers[5:35, 20:30], numbers[5:35, 40:55] = 1, 1, 2  # the first one behind a pole
    bells, way = centres(numbers, spread=4)
    found = group(numbers > 0, bells, np.nan_to_num(way), smoothing=0, least=0.1, smallest=0)
    np.testing.assert_array_equal(found, numbers)
    assert group(numbers > 0, bells * 0.01, np.nan_to_num(way), smoothing=1, least=0.5, smallest=0).max() == 1
