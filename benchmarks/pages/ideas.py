"""The table of docs/models.md about the ideas of `shared_pyramid`, from the results of the recipes. Nothing is trained here.

python benchmarks/pages/ideas.py
"""

from __future__ import annotations

import json
from typing import Any

import lesson
from scipy.stats import ttest_ind

FOLDER = lesson.DOCS.parent / "results" / "stanford_background" / "ideas"
WITHOUT = {  # rows; a recipe that was not run is left out
    "all": "all ideas",
    "not_shared": "own blocks for each size",
    "learned_stem": "learned first layers",
    "no_positions": "no positions",
    "max_pooling": "halved by the maximum",
    "no_context": "no mean over the picture",
    "kernel_3": "kernels of 3×3 instead of 5×5",
    "no_dropping": "no random dropping",
}
SCORES = ("mean_iou[void=none,classes=truth_or_prediction]", "mean_ap[interpolation=all_points", "pixel_accuracy[")


def values(result: Any, prefix: str) -> list[float]:
    """The values over seeds of the score on validation pictures whose key starts so."""
    scores: dict[str, Any] = result["scores"]["val"]
    found: list[float] = next(one["values"] for key, one in scores.items() if key.startswith(prefix))
    return found


def difference(one: list[float], other: list[float]) -> str:
    """`−0.012 (−0.020 to −0.004)`: one mean less the other, with Welch's 95 % interval over seeds."""
    between = ttest_ind(one, other, equal_var=False).confidence_interval(0.95)
    middle = sum(one) / len(one) - sum(other) / len(other)
    return f"{middle:+.3f} ({between.low:+.3f} to {between.high:+.3f})".replace("-", "−")


def tables() -> dict[str, str]:
    results = {
        words: json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
        for name, words in WITHOUT.items()
        if (FOLDER / f"{name}.json").exists()
    }
    whole = values(results[WITHOUT["all"]], SCORES[0])
    lines = []
    for words, result in results.items():
        found = values(result, SCORES[0])
        changed = "–" if words == WITHOUT["all"] else difference(found, whole)
        cells = [lesson.cell(values(result, score)) for score in SCORES]
        lines.append([words, cells[0], changed, *cells[1:], f"{result['parameters']:,}"])
    head = ["", "mean IoU", "difference", "mean AP", "pixel accuracy", "parameters"]
    return {"ideas": lesson.table(head, lines)}


if __name__ == "__main__":
    lesson.write_page("models.md", tables(), {})
