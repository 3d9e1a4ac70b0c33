"""The scores of a run: each with its convention, beside a constant guess, and by class."""

import io
import re

from rich.console import Console

from pixelwise.terminal.scores import show_scores

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
    assert re.search(r"mean IoU +0\.1234 +void counts as background, absent classes left out", text)
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
