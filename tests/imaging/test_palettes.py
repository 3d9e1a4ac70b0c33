import numpy as np
import pytest

from pixelwise.imaging.palettes import OKABE_ITO, VOC_VOID, distinct_colours, voc_colours


def test_voc_colours_are_the_published_ones():
    # VOC development kit, first and some later entries
    published = {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 8: (64, 0, 0), 15: (192, 128, 128), 20: (0, 64, 128)}
    colours = voc_colours(256)
    assert {index: colours[index] for index in published} == published
    assert colours[255] == VOC_VOID
    assert len(set(colours)) == 256


@pytest.mark.parametrize("count", [1, 2, 8, 9, 40])
def test_distinct_colours_are_a_prefix_of_the_longer_list(count):
    colours = distinct_colours(count)
    assert len(set(colours)) == count
    assert distinct_colours(60)[:count] == colours
    assert colours[: len(OKABE_ITO)] == OKABE_ITO[:count]


def test_distinct_colours_stay_apart():
    colours = np.array(distinct_colours(40), dtype=float)
    distance = np.linalg.norm(colours[:, None] - colours[None], axis=2) + 1e3 * np.eye(40)
    assert distance.min() > 25
