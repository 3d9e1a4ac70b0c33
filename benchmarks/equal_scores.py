"""Interpolated average precision of the frequency baseline on Stanford Background (val), by the order of equal pixels.

    python benchmarks/equal_scores.py [DATA]        writes equal_scores.json beside it; DATA: the folder stanford-background

There are at most 573 different scores for 4.6 million pixels. A sort of single pixels puts equal ones into some order.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.metrics import average_precision_score

ORDERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "stable sort of -p, pixels in the order of the files": lambda s: np.argsort(-s, kind="stable"),
    "stable sort of p, reversed": lambda s: np.argsort(s, kind="stable")[::-1],
    "NumPy's default sort of -p": lambda s: np.argsort(-s),
    "NumPy's default sort of p, reversed": lambda s: np.argsort(s)[::-1],
    "at random among equals (seed 0)": lambda s: np.lexsort((np.random.default_rng(0).random(len(s)), -s)),
}


def masks(folder: Path, split: str) -> np.ndarray:
    return np.stack([np.asarray(Image.open(file)) for file in sorted((folder / split).glob("*.png"))])


def interpolated(truth: np.ndarray, order: np.ndarray) -> float:
    """VOC's all-point form, pixel by pixel."""
    ranked = truth[order]
    precision = np.cumsum(ranked) / np.arange(1, len(ranked) + 1)
    largest = np.maximum.accumulate(precision[::-1])[::-1]
    return float(largest[ranked].mean())


def together(truth: np.ndarray, scores: np.ndarray) -> float:
    """The same where equal pixels enter together."""
    hits, taken = np.bincount(scores[truth], minlength=scores.max() + 1), np.bincount(scores)
    precision = np.cumsum(hits[::-1])[::-1] / np.maximum(np.cumsum(taken[::-1])[::-1], 1)
    return float((hits * np.maximum.accumulate(precision)).sum() / hits.sum())


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "~/.cache/pixelwise/stanford-background").expanduser()
    train, val = masks(folder, "train"), masks(folder, "val")
    found: dict[str, list[float]] = {}
    for index in range(9):
        truth = (val == index).ravel()
        scores = np.ascontiguousarray(np.broadcast_to((train == index).sum(0), val.shape)).ravel()
        found.setdefault("equal pixels enter together", []).append(together(truth, scores))
        found.setdefault("not interpolated, scikit-learn", []).append(average_precision_score(truth, scores))
        for name, order in ORDERS.items():
            found.setdefault(name, []).append(interpolated(truth, order(scores)))
    record = {"mean_ap": {name: round(float(np.mean(values)), 6) for name, values in found.items()}}
    Path(__file__).with_suffix(".json").write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
