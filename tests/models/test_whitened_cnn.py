"""The stem's filters are the cosine basis, in every checkpoint, and runs of version 0.1 open with the filters that they had."""

import numpy as np
import pytest
import torch
from torch import nn

from pixelwise.engine.torch.model import load_model, model_arrays
from pixelwise.models import MODELS

FILTERS = "stem.patches.weight"


def build(**options):
    torch.manual_seed(3)
    return MODELS.build("whitened_cnn", 3, 5, width=4, **options)


def test_the_filters_are_an_orthonormal_basis_whose_first_is_the_mean_and_they_are_not_learned():
    model = build()
    rows = model.state_dict()[FILTERS].flatten(1)
    torch.testing.assert_close(rows @ rows.T, torch.eye(12))
    torch.testing.assert_close(rows[0], torch.full((12,), 12**-0.5))
    assert FILTERS not in dict(model.named_parameters())


def test_every_other_weight_is_the_same_with_random_filters():
    cosine, random = build().state_dict(), build(stem="random").state_dict()
    assert [name for name, value in cosine.items() if not torch.equal(value, random[name])] == [FILTERS]


def test_random_filters_are_those_that_version_0_1_drew():
    model = build(stem="random")
    torch.manual_seed(3)
    old = type(model)(3, 5, 4, "cosine")
    for layer in old.modules():  # what he_normal did then: every convolution and linear layer, in order
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    assert torch.equal(model.state_dict()[FILTERS], old.state_dict()[FILTERS])
    assert torch.equal(model.blocks[2].residual.weight, old.blocks[2].residual.weight)


@pytest.mark.parametrize("kept", [True, False])
def test_a_checkpoint_without_filters_gets_the_random_ones_of_its_seed(kept):
    arrays = model_arrays(build(stem="random"))
    lacking = arrays if kept else {name: array for name, array in arrays.items() if name != FILTERS}
    model = build()
    load_model(model, lacking, "checkpoint")
    assert np.array_equal(model_arrays(model)[FILTERS], arrays[FILTERS])
