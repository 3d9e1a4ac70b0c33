"""Fabricated runs that differ in what a test says: recipe, seed, scores, what was scored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pixelwise.run.folder import RunFolder

KEY = "mean_iou[void=ignore,absent=skipped]"


@pytest.fixture
def made(fabricate: Callable[..., RunFolder]) -> Callable[..., Path]:
    """`made("a", seed=1, score=.4, batch=8)` writes a run under tmp_path and gives its folder."""

    def make(
        name: str,
        *,
        seed: int = 0,
        score: float = 0.4,
        batch: int = 8,
        task: str = "segment",
        resolution: str = "80×64",
        finished: bool = True,
        epochs: int = 4,
        classes: tuple[str, ...] = ("ground", "disc", "ring", "wire"),
        loss: str = "cross_entropy",
    ) -> Path:
        run = fabricate(name, classes=classes, epochs=epochs, finished=finished)
        setup = run.read("setup")
        setup["task"] = task
        setup["recipe"] = {
            "title": f"run {name}",
            "task": {"name": task},
            "data": {"dataset": {"name": "scenes"}, "size": [64, 80]},
            "model": {"name": "unet", "width": 16},
            "loss": {"name": loss},
            "metrics": [{"name": "confusion", "void": "ignore"}],
            "train": {"seed": seed, "batch": batch, "best": "mean_iou", "phases": [{"epochs": epochs}]},
            "gallery": seed,
        }
        for split, told in setup["data"]["splits"].items():
            told["key"] = f"{split}-{resolution}"
        run.write("setup", setup)
        if finished:
            rescore(run, score, resolution)
        return run.path

    return make


def rescore(run: RunFolder, score: float, resolution: str) -> None:
    summary: dict[str, Any] = run.read("summary")
    split = summary["splits"]["val"]
    split["resolution"] = resolution
    for entry in split["metrics"][0]["scores"]:
        entry["support"] = 1_000_000
        if entry["key"] == KEY:
            entry["value"] = score
    run.write("summary", summary)
