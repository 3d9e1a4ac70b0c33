"""The shipped networks have the shapes and the numbers of parameters that they promise."""

import pytest

from pixelwise.errors import ShapeError
from pixelwise.scratch.presets import conv_pool, fcn, lenet


def parameters(network):
    return sum(value.size for value in network.parameters.values())


def test_the_course_s_network():
    network = conv_pool((3, 32, 32), 10, 0, 1, deviation=1e-3)
    assert parameters(network) == 74_442
    assert network.shapes[-1] == (10,)
    assert 0.9e-3 < network.parameters["4.weight"].std() < 1.1e-3


def test_lenet():
    network = lenet((3, 32, 32), 10, 0, 1)
    assert parameters(network) == 62_006
    assert network.shapes[-1] == (10,)


@pytest.mark.parametrize("norm", ["none", "before", "after"])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_fcn_gives_scores_of_the_picture_s_size(norm, depth):
    network = fcn((3, 16, 24), 5, 0, 1, width=2, depth=depth, norm=norm)
    assert network.shapes[-1] == (5, 16, 24)


def test_fcn_says_what_would_fit():
    with pytest.raises(ShapeError, match="multiples of 4"):
        fcn((3, 16, 30), 5, 0, 1, depth=2)
