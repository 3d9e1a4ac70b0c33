"""What a classifier says of pictures, as records and lines."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelwise.shown.labels import labels
from pixelwise.types import DatasetInfo, Labels

CLASSES = ("cat", "dog", "horse", "ship")
INFO = DatasetInfo("pets", CLASSES, ((0, 0, 0),) * 4, frozenset({"label"}))


def record(probabilities: list[float], top: int = 5, file: str = "a/x.png", size: tuple[int, int] = (32, 32)):
    said = Labels(np.array(probabilities, np.float32))
    counts = labels(top=top).counts(said, INFO)
    return labels().record(Path(file), size, counts, {}, {"scale": "recipe", "size": [32, 32]})


def test_the_most_probable_class_comes_first():
    told = record([0.1, 0.2, 0.6, 0.1], top=2)
    assert (told["file"], told["label"], told["probability"]) == ("a/x.png", "horse", 0.6)
    assert told["top"] == [{"class": "horse", "probability": 0.6}, {"class": "dog", "probability": 0.2}]
    assert told["computed_at"] == {"height": 32, "width": 32}
    assert not told["resized"]


def test_of_equally_probable_classes_the_lowest_index_comes_first():
    assert [one["class"] for one in record([0.25] * 4)["top"]] == list(CLASSES)


def test_a_picture_of_another_size_says_so():
    told = record([1, 0, 0, 0], size=(50, 32))
    assert told["resized"]
    assert told["size"] == {"height": 50, "width": 32}


@given(st.lists(st.floats(0.01, 1), min_size=4, max_size=4), st.integers(1, 6))
def test_as_many_as_asked_for_and_as_there_are(weights: list[float], top: int):
    told = record([weight / sum(weights) for weight in weights], top)
    shares = [one["probability"] for one in told["top"]]
    assert len(shares) == min(top, 4)
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == pytest.approx(max(weights) / sum(weights), abs=1e-5)


def test_lines_stand_below_each_other():
    lines = labels().lines([record([0.996, 0.004, 0, 0]), record([0.2, 0.25, 0.3, 0.25], file="b/long.png")])
    assert lines == [
        "picture   label         then",
        "x.png     cat    >99 %   dog <1 %, horse 0 %",
        "long.png  horse   30 %   dog 25 %, ship 25 %",
    ]


def test_pictures_of_one_name_are_told_with_their_folders():
    lines = labels().lines([record([1, 0, 0, 0]), record([1, 0, 0, 0], file="b/x.png")])
    assert [line.split()[0] for line in lines] == ["picture", "a/x.png", "b/x.png"]
