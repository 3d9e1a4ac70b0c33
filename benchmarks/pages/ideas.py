"""The table of docs/models.md about the ideas of `shared_pyramid`, from the results of the recipes. Nothing is trained here.

python benchmarks/pages/ideas.py
"""

from __future__ import annotations

import lesson

from pixelwise.statistics.spread import difference

FOLDER = "stanford_background/ideas"
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


def changed(whole: list[float], found: list[float]) -> str:
    """`−0.012 (−0.020 to −0.004)`: how much the mean changes, with Welch's 95 % interval over seeds."""
    result = difference(whole, found)
    assert result.interval is not None  # three seeds that differ
    numbers = (result.value, result.interval.low, result.interval.high)
    return "{:+.3f} ({:+.3f} to {:+.3f})".format(*numbers).replace("-", "−")


def tables() -> dict[str, str]:
    whole, lines = lesson.scored(lesson.record(f"{FOLDER}/all"), "val", SCORES[0]), []
    for name, words in WITHOUT.items():
        if result := lesson.record(f"{FOLDER}/{name}"):
            found = [lesson.scored(result, "val", score) for score in SCORES]
            first, *others = map(lesson.cell, found)
            change = "–" if name == "all" else changed(whole, found[0])
            lines.append([words, first, change, *others, f"{result['parameters']:,}"])
    head = ["", "mean IoU", "difference", "mean AP", "pixel accuracy", "parameters"]
    return {"ideas": lesson.table(head, lines)}


if __name__ == "__main__":
    lesson.write_page("models.md", tables(), {})
