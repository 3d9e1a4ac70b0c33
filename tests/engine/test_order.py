"""The order of an epoch: `sampling` alone decides how it is drawn."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from pixelwise.engine.order import draw_order

LABELS = np.array([0] * 8 + [1] * 2)


@pytest.mark.parametrize("sampling", ["shuffled", "replacement"])
def test_labels_change_no_other_sampling(sampling: Literal["shuffled", "replacement"]) -> None:
    orders = {draw_order(10, 3, 5, sampling, labels) for labels in (None, LABELS)}
    assert len(orders) == 1
    assert sampling != "shuffled" or sorted(orders.pop()) == list(range(10))


def test_balanced_draws_each_class_as_often() -> None:
    drawn = [LABELS[index] for epoch in range(200) for index in draw_order(10, 3, epoch, "balanced", LABELS)]
    assert 0.45 < np.mean(drawn) < 0.55


@pytest.mark.parametrize("labels", [None, LABELS[:9]])
def test_balanced_without_a_label_for_each_picture_is_refused(labels: np.ndarray | None) -> None:
    with pytest.raises(ValueError, match="balanced sampling of 10 pictures needs a label for each"):
        draw_order(10, 3, 5, "balanced", labels)
