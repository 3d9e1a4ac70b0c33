"""Dead units, planted and found."""

import numpy as np

from pixelwise.scratch.activity import count_activity
from pixelwise.scratch.layers import Conv2d, Flatten, Linear, ReLU
from pixelwise.scratch.network import Network


def test_planted_dead_units_are_found():
    network = Network([Conv2d(3, 5, 3), ReLU(), Flatten(), Linear(5 * 4 * 4, 7), ReLU(), Linear(7, 2)], (3, 6, 6))
    network.parameters["0.bias"][[1, 4]] = -1e3
    network.parameters["3.bias"][2] = -1e3
    rng = np.random.default_rng(0)
    batches = [rng.standard_normal((8, 3, 6, 6)).astype(np.float32) for _ in range(3)]
    first, second = count_activity(network, batches)
    assert (first.layer, first.units, first.dead, first.silent) == (1, 5, 2, (1, 4))
    assert (second.layer, second.units, second.dead, second.silent) == (4, 7, 1, (2,))
    hidden, _ = network.layers[0].forward(np.concatenate(batches))
    assert first.firing == (hidden > 0).mean()


def test_a_dead_unit_has_no_gradient():
    network = Network([Linear(3, 4), ReLU(), Linear(4, 2)], (3,))
    network.parameters["0.bias"][1] = -1e3
    x = np.random.default_rng(0).standard_normal((9, 3)).astype(np.float32)
    _, caches = network.forward(x)
    gradients = network.backward(np.ones((9, 2), np.float32), caches)
    assert not gradients["0.weight"][1].any()
    assert gradients["0.bias"][1] == 0
