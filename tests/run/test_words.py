"""Records in words."""

import pytest

from pixelwise.run.words import clock, convention_label, duration, number, quantity, score_label
from pixelwise.types import Score


@pytest.mark.parametrize(
    ("convention", "words"),
    [
        ("", ""),
        ("void=ignore,classes=truth_or_prediction", "void ignored, classes in truth or prediction"),
        ("k=5", "k = 5"),
        ("bins=15", "15 intervals of confidence"),
        ("palette=24,classes=truth", "over 24 palette colours, classes in truth"),
        ("n>100", "more than 100 training pictures"),
        ("n=20..100", "20 to 100 training pictures"),
        ("n<20", "fewer than 20 training pictures"),
        ("of=somebody", "of: somebody"),
    ],
)
def test_conventions_are_told_as_people_say_them(convention: str, words: str) -> None:
    assert convention_label(Score.from_key(f"score[{convention}]").convention) == words


def test_words() -> None:
    assert score_label("mean_iou[void=ignore,classes=truth_or_prediction]") == "mean IoU"
    assert convention_label({"void": "odd"}) == "void: odd"
    assert number(float("nan")) == "–"
    assert [quantity(value) for value in (None, 0, 999_999, 1_000_000)] == ["–", "0", "999,999", "1.00 million"]
    assert [duration(value) for value in (59.96, 3599.6, 7199)] == ["1 min 00 s", "1 h 00 min", "2 h 00 min"]
    assert [clock(value) for value in (-1, 61, 3661)] == ["0:00", "1:01", "1:01:01"]
