"""The check of gradients must itself find what is wrong."""

from __future__ import annotations

import numpy as np
import pytest

from pixelwise.errors import ShapeError, TrainingError
from pixelwise.scratch.gradcheck import gradcheck


def test_a_right_gradient_passes_and_a_wrong_one_is_named():
    x, y = np.array([1.0, -2.0, 3.0]), np.array([[0.5, 4.0]])
    checks = gradcheck(
        lambda: float((x**3).sum() + (y**2).sum()), {"x": x, "y": y}, {"x": 3 * x**2, "y": np.array([[1.0, 7.0]])}
    )
    assert [check.name for check in checks] == ["y", "x"]
    wrong, right = checks
    assert right.error < 1e-9
    assert wrong.place == (0, 1)
    assert wrong.written == 7
    assert np.isclose(wrong.measured, 8)
    assert np.isclose(wrong.error, 1 / 8)
    assert "y (1, 2): error 1.3e-01 at (0, 1)" in str(wrong)
    assert x.tolist() == [1, -2, 3]


def test_of_a_large_tensor_the_largest_gradient_is_always_looked_at():
    x = np.ones(1000)
    gradient = np.ones(1000)
    gradient[777] = 5
    (check,) = gradcheck(lambda: float(x.sum()), {"x": x}, {"x": gradient}, entries=10)
    assert check.place == (777,)
    assert check.checked in (9, 10)


def test_a_gradient_of_nothing_has_no_error():
    x = np.ones(3)
    (check,) = gradcheck(lambda: 0.0, {"x": x}, {"x": np.zeros(3)})
    assert check.error == 0


def test_what_is_not_finite_is_refused():
    x = np.ones(2)
    with pytest.raises(TrainingError, match=r"the gradient of x contains nan at \(1,\)"):
        gradcheck(lambda: 0.0, {"x": x}, {"x": np.array([0.0, np.nan])})
    with pytest.raises(TrainingError, match=r"the loss is inf and 1.0 when x\[0\] is moved"):
        gradcheck(lambda: np.inf if x[0] > 1 else 1.0, {"x": x}, {"x": np.ones(2)})
    assert x.tolist() == [1, 1]
    with pytest.raises(ShapeError, match="float32"):
        gradcheck(lambda: 0.0, {"x": np.ones(2, np.float32)}, {"x": np.ones(2)})
    with pytest.raises(ShapeError, match="the gradient of x has shape"):
        gradcheck(lambda: 0.0, {"x": x}, {"x": np.ones(3)})
