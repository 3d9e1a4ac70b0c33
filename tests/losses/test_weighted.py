"""Which places count and how much: a batch small enough to see."""

import numpy as np
import pytest
import torch

from pixelwise.errors import ShapeError
from pixelwise.losses.base import ClassWeighted, Term
from pixelwise.types import IGNORE

TARGET = torch.tensor([[0, 2], [IGNORE, 1]])


class Counting(ClassWeighted):
    """The sum of the weights over the number of places."""

    def forward(self, scores: torch.Tensor, target: torch.Tensor) -> Term:
        _, valid, weights = self.weigh(scores, target)
        return Term(weights.sum(), valid.sum())


@pytest.mark.parametrize(
    ("weights", "expected"), [(None, [[1, 1], [0, 1]]), (np.array([2.0, 3.0, 5.0]), [[2, 5], [0, 3]])]
)
def test_every_place_weighs_as_its_class_and_void_nothing(weights, expected):
    index, valid, found = Counting(weights).weigh(torch.zeros(2, 3, 2), TARGET)
    assert index.tolist() == [[0, 2], [0, 1]]
    assert valid.tolist() == [[True, True], [False, True]]
    assert found.tolist() == expected


def test_what_does_not_fit_is_refused_with_its_numbers():
    with pytest.raises(ShapeError, match=r"scores \(2, 3, 4\) are \(B, C, ...\), but their target is \(2, 2\)"):
        Counting(None).weigh(torch.zeros(2, 3, 4), TARGET)
    with pytest.raises(ShapeError, match="2 class weights do not fit scores of 3 classes"):
        Counting(np.ones(2)).weigh(torch.zeros(2, 3, 2), TARGET)
