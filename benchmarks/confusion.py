"""Confusion matrix of 32 label maps of 500×500 pixels and 21 classes: ours, torchmetrics, scikit-learn.

    python benchmarks/confusion.py            # writes confusion.json beside this file

One process, one thread each, all candidates in turn in every round, medians of seconds, ratios of medians. The result of
every candidate is compared to the bit. Two contents: `regions`, label maps as networks predict them, and `noise`, where no
two neighbours agree, the worst case of counting by runs. Ours gets uint8 as it comes from the cache; torchmetrics and
scikit-learn get the int64 that their users have at hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch
from sklearn.metrics import confusion_matrix as sklearn_matrix
from torchmetrics.classification import MulticlassConfusionMatrix

from pixelwise.metrics.confusion import RUNS_PAY, confusion_matrix, count_pixels, count_runs
from pixelwise.run.environment import environment

CLASSES, PICTURES, SIDE, ROUNDS = 21, 32, 500, 7


def main() -> None:
    torch.set_num_threads(1)
    generator = np.random.default_rng(0)
    contents = {"regions": regions(generator), "noise": noise(generator)}
    result = {
        "what": "seconds for one confusion matrix, medians of interleaved rounds, one thread",
        "pictures": PICTURES,
        "size": [SIDE, SIDE],
        "classes": CLASSES,
        "rounds": ROUNDS,
        "contents": {name: compare(*maps) for name, maps in contents.items()},
        "crossover": {"runs_pay_from_pixels": RUNS_PAY, "measured": crossover(generator)},
        "torchmetrics": version("torchmetrics"),
        "environment": environment() | {"command": ["python", "benchmarks/confusion.py"]},
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=2) + "\n")
    for name, content in result["contents"].items():
        for rival, ratio in content["ours_is_faster_by"].items():
            print(f"{name}: {ratio:.1f} × {rival}")


def regions(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Truth and prediction as smooth regions: argmax of enlarged random scores, the prediction's a little different."""
    scores = torch.from_numpy(generator.standard_normal((PICTURES, CLASSES, 6, 6), dtype=np.float32))
    changed = scores + 0.5 * torch.from_numpy(generator.standard_normal(scores.shape, dtype=np.float32))
    return enlarged(scores), enlarged(changed)


def enlarged(scores: torch.Tensor) -> np.ndarray:
    """(N, C, h, w) scores → (N, SIDE, SIDE) classes"""
    maps = [torch.nn.functional.interpolate(one[None], (SIDE, SIDE), mode="bicubic")[0].argmax(0) for one in scores]
    return np.stack(maps).astype(np.uint8)


def noise(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Every pixel drawn by itself."""
    truth, prediction = generator.integers(0, CLASSES, (2, PICTURES, SIDE, SIDE), dtype=np.uint8)
    return truth, prediction


def compare(truth: np.ndarray, prediction: np.ndarray) -> dict[str, Any]:
    """Every candidate in turn, ROUNDS times; all must count the same."""
    wide, wide_prediction = truth.astype(np.int64), prediction.astype(np.int64)
    tensors = torch.from_numpy(wide_prediction), torch.from_numpy(wide)

    def torchmetrics(**options: bool) -> np.ndarray:
        metric = MulticlassConfusionMatrix(CLASSES, **options)
        metric.update(*tensors)
        return metric.compute().numpy()

    candidates: dict[str, Callable[[], np.ndarray]] = {
        "pixelwise": lambda: sum(confusion_matrix(t, p, CLASSES)[:-1] for t, p in zip(truth, prediction, strict=True)),
        "torchmetrics": torchmetrics,
        "torchmetrics without validation": lambda: torchmetrics(validate_args=False),
        "scikit-learn": lambda: sklearn_matrix(wide.ravel(), wide_prediction.ravel(), labels=np.arange(CLASSES)),
    }
    times: dict[str, list[float]] = {name: [] for name in candidates}
    reference = candidates["pixelwise"]()
    for _ in range(ROUNDS):
        for name, count in candidates.items():
            start = perf_counter()
            matrix = count()
            times[name].append(perf_counter() - start)
            if not np.array_equal(matrix, reference):
                raise SystemExit(f"{name} counts something else")
    medians = {name: median(values) for name, values in times.items()}
    return {
        "seconds": {name: round(value, 5) for name, value in medians.items()},
        "megapixels_per_second": round(truth.size / medians["pixelwise"] / 1e6),
        "ours_is_faster_by": {
            name: round(value / medians["pixelwise"], 1) for name, value in medians.items() if name != "pixelwise"
        },
    }


def crossover(generator: np.random.Generator) -> list[dict[str, float]]:
    """Megapixels per second by pixels and by runs, for runs of several mean lengths."""
    rows = []
    for length in (1, 2, 3, 4, 6, 8, 16, 64):
        fresh = generator.random(1 << 17) < 1 / length
        start = np.maximum.accumulate(np.where(fresh, np.arange(fresh.size), 0))
        codes = generator.integers(0, CLASSES**2, fresh.size, dtype=np.uint16)[start]
        ends = codes[1:] != codes[:-1]
        speed = {}
        total = np.zeros(5376, np.int64)
        counted = {"pixels": partial(count_pixels, codes, total), "runs": partial(count_runs, codes, ends, total)}
        for name, count in counted.items():
            seconds = []
            for _ in range(60):
                begin = perf_counter()
                count()
                seconds.append(perf_counter() - begin)
            speed[name] = round(codes.size / median(seconds) / 1e6)
        rows.append({"pixels_per_run": round(codes.size / (1 + np.count_nonzero(ends)), 2), **speed})
    return rows


if __name__ == "__main__":
    main()
