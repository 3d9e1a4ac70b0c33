"""What is said of a difference: never more than its intervals allow."""

import pytest

from pixelwise.compare.columns import Column
from pixelwise.compare.gather import Group
from pixelwise.compare.judge import Verdict
from pixelwise.statistics.spread import Difference, Interval
from pixelwise.types import Score

UP, AROUND = Interval(0.01, 0.03), Interval(-0.01, 0.05)


def words(seeds: Difference, pictures: Difference, higher: bool = True) -> str:
    column = Column(Score("mean_iou", None, {}, 100, higher), "val", "8×8", "best", 40, "toy", "2 ab", "")
    return Verdict(column, Group("A", "a", ()), Group("B", "b", ()), seeds, pictures).words


@pytest.mark.parametrize(
    ("seeds", "pictures", "said"),
    [
        (Difference(0.02, UP), Difference(0.02, UP), "B is better: neither the choice of seeds nor that of pictures"),
        (Difference(0.02, AROUND), Difference(0.02, UP), "No clear difference: with other seeds"),
        (Difference(0.02, UP), Difference(0.02, AROUND), "No clear difference: with other pictures"),
        (Difference(0.02, None, "one seed"), Difference(0.02, UP), "Other seeds are unknown: one seed."),
        (Difference(0.02, None, "one seed"), Difference(0.02, AROUND), "No clear difference: with other pictures"),
        (Difference(0.02, UP), Difference(0.02, None, "too few"), "B is better with other seeds too. Other pictures"),
        (
            Difference(0.02, None, "one seed"),
            Difference(0.02, None, "too few"),
            "Not enough data to say: one seed; too few.",
        ),
        (Difference(None, None, "no score"), Difference(0.02, None, "none"), "Not enough data to say: no score."),
    ],
)
def test_words(seeds: Difference, pictures: Difference, said: str) -> None:
    assert said in words(seeds, pictures)


def test_less_may_be_better() -> None:
    down = Interval(-0.03, -0.01)
    assert words(Difference(-0.02, down), Difference(0.02, down), higher=False).startswith("B is better")
    assert words(Difference(-0.02, down), Difference(0.02, down)).startswith("B is worse")
