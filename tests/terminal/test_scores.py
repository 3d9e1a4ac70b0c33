"""The scores of a run: each with its convention, beside a constant guess, and by class."""

import io
import re

from rich.console import Console

from pixelwise.terminal.output import as_text
from pixelwise.terminal.scores import beaten_by_guess, show_scores
from pixelwise.types import Score

SUMMARY = {
    "splits": {
        "val": {
            "checkpoint": "best",
            "resolution": "224×224",
            "pictures": 213,
            "metrics": [
                {
                    "scores": [
                        {"name": "mean_iou", "value": 0.1234, "convention": "void=background,absent=skipped"},
                        {"name": "odd_score", "value": None, "convention": "", "support": 8_000_000},
                    ],
                    "per_class": [{"class": "[red]sky", "iou": 0.5}, {"class": "cat", "iou": None}],
                }
            ],
        }
    }
}


def test_scores_are_shown_with_their_convention() -> None:
    console = Console(file=io.StringIO(), width=100)
    show_scores(SUMMARY, console, report="runs/a [b]/report.html")  # type: ignore[arg-type]
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "scores on val, best checkpoint, 213 pictures, counted at 224×224" in text
    assert re.search(r"mean IoU +0\.1234 +void counts as background, classes in truth or prediction", text)
    assert re.search(r"odd score +– +8.00 million", text)
    assert "[red]sky" in text
    assert "report  runs/a [b]/report.html" in text
    show_scores({}, console)  # an interrupted run has none


def test_a_score_stands_beside_that_of_a_constant_guess() -> None:
    key = "mean_iou[void=background,absent=skipped]"
    score = {"name": "mean_iou", "key": key, "value": 0.1234, "convention": "void=background,absent=skipped"}
    metric = {"scores": [score], "constant_guess": {"class": "[red]sky", "scores": {key: 0.0357}}}
    console = Console(file=io.StringIO(), width=100)
    show_scores({"splits": {"val": {"metrics": [metric]}}}, console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "always “[red]sky”" in text
    assert re.search(r"mean IoU +0\.1234 +0\.0357 +void counts as background", text)


def printed(*intervals: dict[str, object] | None, **record: object) -> str:
    scores = [
        Score.from_key(key, 0.25).as_record() | ({"interval": one} if one else {})
        for key, one in zip(("mean_iou", "accuracy"), intervals, strict=True)
    ]
    return as_text(
        lambda console: show_scores({"splits": {"val": {"metrics": [{"scores": scores}], **record}}}, console)
    )


def test_intervals_stand_beside_the_scores() -> None:
    known = {"low": 0.2, "high": 0.3, "n": 72, "method": "m", "level": 0.95, "lack": ""}
    few = {"low": None, "high": None, "n": 12, "method": "m", "level": 0.95, "lack": "too few pictures"}
    text = printed(known, few, chose_epoch=True, pictures=72)
    assert "72 pictures, val chose the epoch" in text
    assert re.search(r"score +value +95 % over pictures", text)
    assert re.search(r"mean IoU +0\.2500 +0\.2000 … 0\.3000", text)
    assert re.search(r"accuracy +0\.2500 +too few pictures", text)
    assert "No interval" not in text


def test_a_table_without_any_interval_says_why_in_one_line_and_an_old_one_says_nothing() -> None:
    few = {"low": None, "high": None, "n": 12, "lack": "too few pictures"}
    text = printed(few, few, chose_epoch=False)
    assert "over pictures: too few pictures (12)." in text
    assert "95 %" not in text
    assert "chose" not in text
    assert "over pictures" not in printed(None, None)


def test_a_damaged_score_of_a_class_has_a_bar_that_ends() -> None:
    rows = [{"class": "sky", "iou": 1e30}, {"class": "cat", "iou": -1e30}]
    console = Console(file=io.StringIO(), width=100)
    show_scores({"splits": {"val": {"metrics": [{"scores": [], "per_class": rows}]}}}, console)
    assert "━" * 30 in console.file.getvalue()  # type: ignore[attr-defined]


def metric_of(iou: float, accuracy: float) -> dict:
    values = {"mean_iou[void=none,classes=truth_or_prediction]": iou, "pixel_accuracy[void=none]": accuracy}
    scores = [Score.from_key(key, value).as_record() for key, value in values.items()]
    guess = {"mean_iou[void=none,classes=truth_or_prediction]": 0.25, "pixel_accuracy[void=none]": 0.75}
    return {"scores": scores, "constant_guess": {"class": "sky", "scores": guess}}


def shown(metric: dict, best: str = "mean_iou[void=none,classes=truth_or_prediction]") -> str:
    console = Console(file=io.StringIO(), width=200)
    show_scores({"best": {"metric": best}, "splits": {"val": {"metrics": [metric]}}}, console)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_a_run_that_is_not_better_than_a_constant_guess_says_so() -> None:
    assert "at least as well" not in shown(metric_of(0.26, 0.76))
    said = "Always answering “sky” scores at least as well: mean IoU 0.2500 (this run 0.2500)."
    assert said in shown(metric_of(0.25, 0.76))
    assert "pixel accuracy 0.7500 (this run 0.7000)" in shown(metric_of(0.3, 0.7))
    whole = "mean IoU 0.2000 is not better than the 0.2500 of always answering “sky”."
    assert beaten_by_guess(metric_of(0.2, 0.8), "epoch") == (said.replace("run 0.25", "run 0.20"), whole)
    assert beaten_by_guess(metric_of(0.3, 0.7), "mean_iou[void=none,absent=skipped]")[1] == ""  # type: ignore[index]
    assert beaten_by_guess({"scores": []}) is None


def test_a_class_that_was_only_predicted_is_marked() -> None:
    rows = [
        {"class": "sky", "support": 9, "iou": 0.5},
        {"class": "cat", "support": 0, "iou": 0.0},
        {"class": "dog", "support": 0, "iou": None},
    ]
    text = shown({**metric_of(0.5, 0.9), "per_class": rows})
    assert re.search(r"^cat \* +0\.0000", text, re.M)
    assert re.search(r"^sky +0\.5000", text, re.M)
    assert re.search(r"^dog +–", text, re.M)
    assert "* predicted, but not in the truth" in text
