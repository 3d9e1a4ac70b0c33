"""How far a run of another process is."""

from pathlib import Path

import pytest

from pixelwise.experiments.runner import Follower


@pytest.mark.parametrize(
    ("follower", "told"),
    [
        (Follower(Path("x")), "starting"),
        (Follower(Path("x"), 5, 10, 1, 2), "epoch 1/2"),
        (Follower(Path("x"), 5, 10, 1, 2, "mean_iou", 0.25), "epoch 1/2  mean IoU 0.2500"),
    ],
)
def test_how_far_a_run_is(follower: Follower, told: str) -> None:
    assert follower.words == told
