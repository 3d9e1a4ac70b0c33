"""A score with its convention as fields, its key, and the records of version 0.1."""

import re
from pathlib import Path

import pytest

import pixelwise
from pixelwise.types import Score, current_key

KEYS = [
    "accuracy",
    "mean_iou[void=ignore,classes=truth_or_prediction]",
    "accuracy_many[n>100]",
    "accuracy_medium[n=20..100]",
    "accuracy_few[n<20]",
    "psnr[reference=original,mse=pooled]",
    "top_accuracy[k=5]",
    "loss[somebody]",
]


@pytest.mark.parametrize("key", KEYS)
def test_a_key_names_every_field_of_the_convention(key: str) -> None:
    score = Score.from_key(key, 0.5)
    assert (score.key, score.value) == (key, 0.5)
    assert Score.from_key(score.key, 0.5) == score


@pytest.mark.parametrize("key", KEYS[:-1])
def test_records_of_version_0_1_have_the_convention_as_a_string(key: str) -> None:
    name, _, text = key.rstrip("]").partition("[")
    old = {"name": name, "key": key, "value": 0.25, "convention": text, "support": 9, "higher_is_better": False}
    score = Score.from_record(old)
    assert score.key == key
    assert (score.value, score.support, score.higher_is_better) == (0.25, 9, False)
    assert Score.from_record(score.as_record()) == score
    assert hash(Score.from_record(score.as_record())) == hash(score)


def test_version_0_1_called_two_rules_by_one_name() -> None:
    """`absent=skipped` was over the classes in truth or prediction for some means, over those in the truth for others."""
    renamed = {
        "mean_iou[void=none,absent=skipped]": "mean_iou[void=none,classes=truth_or_prediction]",
        "mean_dice[void=none,absent=skipped]": "mean_dice[void=none,classes=truth_or_prediction]",
        "mean_class_accuracy[palette=24,absent=skipped]": "mean_class_accuracy[palette=24,classes=truth]",
        "balanced_accuracy[absent=skipped]": "balanced_accuracy[classes=truth]",
        "somebody's[absent=skipped]": "somebody's[absent=skipped]",
    }
    for old, new in renamed.items():
        name, _, text = old.rstrip("]").partition("[")
        fields = dict(part.split("=") for part in text.split(","))
        assert current_key(old) == current_key(new) == new
        for convention in (text, fields):  # as a string in 0.1, then as fields
            assert Score.from_record({"name": name, "key": old, "value": 0.5, "convention": convention}).key == new


def test_the_order_of_the_fields_is_that_of_the_key() -> None:
    score = Score("mean_iou", 0.5, {"void": "ignore", "classes": "truth_or_prediction"})
    assert list(score.convention.items()) == [("void", "ignore"), ("classes", "truth_or_prediction")]
    assert score.as_record() == {
        "name": "mean_iou",
        "value": 0.5,
        "convention": {"void": "ignore", "classes": "truth_or_prediction"},
        "support": 0,
        "higher_is_better": True,
        "key": "mean_iou[void=ignore,classes=truth_or_prediction]",
    }


def test_no_other_place_takes_a_key_apart() -> None:
    """Conventions are fields: only `types.py` knows how they are written in a key."""
    written = re.compile(
        r"""["'](void|palette|absent|classes|reference|k|bins|mse|formula)=(?!["'])|["']n[<>=]|partition\("\["\)|split\("\["\)"""
    )
    found = [
        f"{path.name}:{number}: {line.strip()}"
        for path in Path(pixelwise.__file__).parent.rglob("*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if written.search(line) and path.name != "types.py"
    ]
    assert not found
