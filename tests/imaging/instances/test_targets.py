"""Target maps of objects, against naive loops and under flips, scaling and crops."""

import numpy as np
import pytest
from scipy import ndimage

from pixelwise.imaging.instances import targets


def draw(seed: int, height: int = 24, width: int = 31) -> np.ndarray:
    """An instance map of overlapping ellipses; some are cut by the edge."""
    generator = np.random.default_rng(seed)
    rows, columns = np.indices((height, width))
    numbers = np.zeros((height, width), np.uint16)
    for number in range(1, 6):
        row, column = generator.uniform(0, height), generator.uniform(0, width)
        down, right = generator.uniform(2, 8, 2)
        numbers[((rows - row) / down) ** 2 + ((columns - column) / right) ** 2 < 1] = number
    return numbers


def nearest_other(numbers: np.ndarray, row: int, column: int) -> np.ndarray:
    """The squared distance from a pixel to each one that is not of its object; inf for those that are."""
    rows, columns = np.indices(numbers.shape)
    return np.where(numbers == numbers[row, column], np.inf, (rows - row) ** 2 + (columns - column) ** 2)


@pytest.mark.parametrize("seed", range(6))
def test_distances_and_directions_equal_a_search_over_all_pixels(seed: int) -> None:
    numbers = draw(seed)
    distances, directions = targets.distances(numbers), targets.directions(numbers)
    for row, column in np.argwhere(numbers):
        squares = nearest_other(numbers, row, column)
        assert distances[row, column] == pytest.approx(np.sqrt(squares.min()), rel=1e-6)
        # the direction leads away from one of the nearest pixels
        away = (row, column) - np.argwhere(squares == squares.min())
        units = away / np.linalg.norm(away, axis=1, keepdims=True)
        assert np.abs(units - directions[:, row, column]).sum(axis=1).min() < 1e-6
    assert not distances[numbers == 0].any()
    assert not directions[:, numbers == 0].any()


def test_normalised_distances_are_1_at_the_deepest_place_of_each_object() -> None:
    numbers = draw(1)
    plain, normalised = targets.distances(numbers), targets.normalised_distances(numbers)
    for number in np.unique(numbers[numbers > 0]):
        own = numbers == number
        np.testing.assert_allclose(normalised[own], plain[own] / plain[own].max(), rtol=1e-6)


def test_touching_objects_have_a_valley_between_them() -> None:
    numbers = np.repeat(np.array([[1] * 7 + [2] * 7], np.uint16), 9, axis=0)
    distances = targets.distances(np.pad(numbers, 1))[5, 1:-1]
    assert distances.tolist() == [1, 2, 3, 4, 3, 2, 1, 1, 2, 3, 4, 3, 2, 1]


def test_the_edge_of_the_picture_is_not_a_boundary_unless_an_object_has_no_other() -> None:
    half = np.zeros((4, 6), np.uint16)
    half[:, :3] = 1
    assert targets.distances(half)[0].tolist() == [3, 2, 1, 0, 0, 0]
    assert targets.distances(np.ones((3, 3), np.uint16)).tolist() == [[1, 1, 1], [1, 2, 1], [1, 1, 1]]
    assert np.isfinite(targets.directions(np.ones((3, 3), np.uint16))).all()


def test_levels_are_those_of_the_paper() -> None:
    assert targets.EDGES == (0, 1, 2, 3, 4, 5, 7, 9, 12, 15, 19, 24, 30, 37, 45, 54)
    strip = np.ones((1, 130), np.uint16)
    strip[0, 0] = 0
    depth = targets.distances(strip)[0] - 0.5
    expected = [max(k for k, edge in enumerate(targets.EDGES) if edge <= max(d, 0)) for d in depth]
    assert targets.levels(strip)[0].tolist() == expected
    assert max(expected) == 15


def test_areas_count_the_pixels_of_each_object() -> None:
    numbers = draw(2)
    for number in np.unique(numbers):
        assert set(targets.areas(numbers)[numbers == number]) == {int((numbers == number).sum()) if number else 0}


def test_offsets_lead_to_the_centre_of_mass_where_the_bell_is_highest() -> None:
    numbers = np.zeros((30, 40), np.uint16)
    numbers[2:9, 3:12], numbers[15:28, 20:35] = 1, 2
    bells, way = targets.centres(numbers, spread=4)
    for number in (1, 2):
        row, column = ndimage.center_of_mass(numbers == number)
        for place in np.argwhere(numbers == number):
            np.testing.assert_allclose(place + way[:, place[0], place[1]], (row, column), atol=1e-4)
        assert bells[round(row), round(column)] == pytest.approx(1, abs=0.02)
    assert np.isnan(way[:, numbers == 0]).all()
    assert bells.max() <= 1


@pytest.mark.parametrize("seed", range(3))
def test_a_mirrored_map_has_mirrored_targets_with_negated_directions(seed: int) -> None:
    numbers = draw(seed)
    mirrored = np.ascontiguousarray(numbers[:, ::-1])
    np.testing.assert_array_equal(targets.distances(mirrored), targets.distances(numbers)[:, ::-1])
    np.testing.assert_array_equal(targets.levels(mirrored), targets.levels(numbers)[:, ::-1])
    angle = targets.directions(numbers)[:, :, ::-1] * np.array([1, -1])[:, None, None]
    found = targets.directions(mirrored)
    for row, column in np.argwhere(mirrored):
        squares = nearest_other(mirrored, row, column)
        if (squares == squares.min()).sum() == 1:  # else the direction leads away from any one of the nearest
            np.testing.assert_allclose(found[:, row, column], angle[:, row, column], atol=1e-6)
    way, moved = targets.centres(numbers, 4)[1], targets.centres(mirrored, 4)[1]
    np.testing.assert_allclose(moved, way[:, :, ::-1] * np.array([1, -1])[:, None, None], atol=1e-4)


def test_scaling_a_map_scales_its_distances() -> None:
    numbers = draw(4)
    large = np.kron(numbers, np.ones((3, 3), np.uint16))
    inner = targets.distances(large)[1::3, 1::3]  # the middle of each block: half a pixel of the small map more or less
    small = targets.distances(numbers)
    assert np.abs(inner[numbers > 0] - (3 * small[numbers > 0] - 1)).max() <= 1.01


def test_a_crop_keeps_distances_to_the_boundary_that_it_still_shows() -> None:
    numbers = np.zeros((20, 40), np.uint16)
    numbers[4:16, 5:35] = 1
    whole, crop = targets.distances(numbers), targets.distances(np.ascontiguousarray(numbers[:, 12:30]))
    np.testing.assert_array_equal(
        crop, whole[:, 12:30]
    )  # the nearest boundary is above or below, not at the crop's edge
