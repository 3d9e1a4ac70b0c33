"""Fabricated run folders: what the engine would write, without training anything."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from pixelwise.imaging.files import write_image, write_mask
from pixelwise.run.events import EpochDone, Finished, Noted, PhaseBegan, Saved, Started, StepDone
from pixelwise.run.folder import RunFolder
from pixelwise.types import Score

MEAN_IOU = "mean_iou[void=ignore,classes=truth_or_prediction]"
ACCURACY = "pixel_accuracy[void=ignore]"
VOID = 255
STEPS = 6


@pytest.fixture
def fabricate(tmp_path: Path) -> Callable[..., RunFolder]:
    """`fabricate("name", classes=[...], epochs=8, finished=True)` writes a run folder under tmp_path."""

    def make(name: str = "run", **options: Any) -> RunFolder:
        return fabricate_run(tmp_path / name, **options)

    return make


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
        if entry["key"] == MEAN_IOU:
            entry["value"] = score
    run.write("summary", summary)


def fabricate_run(
    path: Path,
    classes: tuple[str, ...] = ("ground", "disc", "ring", "wire"),
    *,
    title: str = "Shapes",
    about: str = "A small network on drawn scenes.",
    picture: str = "scene-{}",
    note: str = "bf16 passed over: fp32 is faster here",
    epochs: int = 8,
    finished: bool = True,
) -> RunFolder:
    """A run whose records are made up but consistent: the scores are those of its confusion matrix."""
    rng = np.random.default_rng(len(classes))
    recipe = {
        "title": title,
        "about": about,
        "stated": [
            {"what": "mean IoU", "value": 0.05, "source": "course handout", "convention": "void is background"},
            {"what": "pixel accuracy", "value": "about .65", "source": "handout", "metric": "pixel_accuracy"},
            {"what": "something else", "value": 1, "source": "nowhere", "metric": "not_measured"},
        ],
        "task": {"name": "segment"},
        "data": {"dataset": {"name": "scenes"}, "size": [64, 80], "train": "train", "validation": "val"},
        "model": {"name": "unet", "width": 16},
        "train": {"optimizer": {"name": "adamw"}, "phases": [{"epochs": epochs}]},
    }
    run = RunFolder.create(path, yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True))
    colours = [[0, 0, 0], *rng.integers(60, 256, (len(classes) - 1, 3)).tolist()]
    counts = (10 ** rng.uniform(3, 6, len(classes))).astype(int).tolist()
    write_setup(run, classes, colours, counts, note)
    run.write("environment", {"python": "3.12.1", "packages": {"pixelwise": "0.1.0", "torch": "2.14.0"}, "cores": 2})
    best = write_events(run, epochs, note, finished)
    matrix = (rng.dirichlet(np.full(len(classes), 0.3), len(classes) + 1) * 9000).astype(int)
    matrix[np.diag_indices(len(classes))] += 20_000
    matrix[len(classes) - 1] = 0  # a class that truth and prediction do not know
    matrix[:, len(classes) - 1] = 0
    write_gallery(run, classes, colours, picture, rng)
    if finished:
        run.write("summary", summary(classes, matrix, epochs, best))
    return run


def write_setup(run: RunFolder, classes: tuple[str, ...], colours: list[Any], counts: list[int], note: str) -> None:
    layer = {"in_channels": 3, "out_channels": 16, "kernel": [3, 3], "stride": [1, 1], "padding": [1, 1]}
    rows = [
        {
            "layer": f"down.{n}",
            "kind": "Conv2d",
            **layer,
            "activation": "ReLU",
            "output": [16, 64, 80],
            "parameters": 448,
        }
        for n in range(12)
    ]
    skipped = [{"where": "broken.png", "what": "is cut short"}]
    run.write(
        "setup",
        {
            "task": "segment",
            "choices": {"device": "cpu", "precision": "fp32", "layout": "channels_last", "threads": 2, "notes": [note]},
            "data": {
                "name": "scenes",
                "source": "drawn from a seed",
                "classes": list(classes),
                "colours": colours,
                "void": VOID,
                "size": [64, 80],
                "splits": {"train": {"pictures": 209, "skipped": skipped}, "val": {"pictures": 213, "skipped": []}},
            },
            "counts": counts,
            "weights": [round(float(np.median(counts) / count), 4) for count in counts],
            "weighting": "median",
            "model": {
                "name": "unet",
                "parameters": 1_930_000,
                "trainable": 1_930_000,
                "macs": 812_345_678,
                "input": [3, 64, 80],
                "layers": [{**row, "macs": 2_211_840} for row in rows],
            },
        },
    )


def write_events(run: RunFolder, epochs: int, note: str, finished: bool) -> tuple[int, float]:
    run.append(Started(0, 0, epochs if finished else epochs + 4, STEPS))
    run.append(PhaseBegan(0, 0, 1_930_000))
    run.append(Noted(note))
    best = (0, -1.0)
    for epoch in range(1, epochs + 1):
        for step in range((epoch - 1) * STEPS + 1, epoch * STEPS + 1):
            loss = 2.2 * np.exp(-step / 20) + 0.25 + 0.1 * np.sin(7 * step)
            run.append(StepDone(step, epoch, {"loss": float(loss)}, 1e-3))
        fit = float(np.exp(-epoch / 4))
        scores = {MEAN_IOU: 0.55 - 0.5 * fit - 0.02 * max(0, epoch - 6) ** 0.5, ACCURACY: 0.9 - 0.3 * fit}
        losses = {"loss": 0.3 + 1.4 * fit}, {"loss": 0.45 + 1.2 * fit + 0.01 * max(0, epoch - 5)}
        seconds = {"train": 2.5, "validation": 0.5}
        run.append(EpochDone(epoch, epoch * STEPS, *losses, scores, 1e-3, 209, seconds))
        if scores[MEAN_IOU] > best[1]:
            best = (epoch, scores[MEAN_IOU])
            run.append(Saved("best", epoch, epoch * STEPS, MEAN_IOU, best[1]))
    if finished:
        run.append(Finished("complete", epochs, epochs * STEPS, *best))
    return best


def summary(classes: tuple[str, ...], matrix: np.ndarray, epochs: int, best: tuple[int, float]) -> dict[str, Any]:
    scored = matrix[: len(classes)]
    right, truth, said = np.diag(scored), scored.sum(1), scored.sum(0)
    union = truth + said - right
    iou = [float(r / u) if u else None for r, u in zip(right, union, strict=True)]
    known = [value for value in iou if value is not None]
    support = int(scored.sum())
    values = {
        MEAN_IOU: float(np.mean(known)),
        ACCURACY: float(right.sum() / support),
        "mean_iou[void=background]": None,
    }
    scores = [{**Score.from_key(key, value).as_record(), "support": support} for key, value in values.items()]
    rows = [
        {"class": name, "iou": iou[n], "accuracy": None if iou[n] is None else 0.5, "dice": iou[n], "support": int(t)}
        for n, (name, t) in enumerate(zip(classes, truth, strict=True))
    ]
    figures = {"matrix": scored.tolist(), "void_row": matrix[-1].tolist(), "classes": list(classes)}
    guess = {"class": classes[0], "scores": {MEAN_IOU: 0.04, ACCURACY: None}}
    return {
        "finished": "complete",
        "epochs": epochs,
        "steps": epochs * STEPS,
        "seconds": {"train": 20.0, "validation": 4.0, "total": 26.5},
        "best": {"epoch": best[0], "step": best[0] * STEPS, "metric": MEAN_IOU, "value": best[1]},
        "splits": {
            "val": {
                "checkpoint": "best",
                "resolution": "64×80",
                "pictures": 213,
                "metrics": [
                    {
                        "name": "confusion",
                        "scores": scores,
                        "constant_guess": guess,
                        "per_class": rows,
                        "figures": figures,
                    }
                ],
            }
        },
    }


def write_gallery(run: RunFolder, classes: tuple[str, ...], colours: list[Any], name: str, rng: Any) -> None:
    entries = []
    height, width = 64, 80
    rows, columns = np.mgrid[:height, :width]
    for number, rank in enumerate(["best", "best", "typical", "typical", "worst", "worst"]):
        truth = np.zeros((height, width), np.uint8)
        prediction = truth.copy()
        for index in range(1, len(classes)):
            y, x, radius = rng.integers(10, 54), rng.integers(10, 70), rng.integers(6, 15)
            distance = np.hypot(rows - y, columns - x)
            truth[distance < radius] = index
            truth[abs(distance - radius) < 1] = VOID
            prediction[np.hypot(rows - y - 2, columns - x + number) < radius] = index
        texture = rng.normal(0, 14, (height, width, 1))
        image = (np.asarray(colours)[np.minimum(truth, len(classes) - 1)] * 0.6 + 60 + texture).clip(0, 255)
        files = {part: f"{number:03d}-{part}.png" for part in ("image", "truth", "prediction")}
        write_image(run.predictions / files["image"], image.astype(np.uint8))
        palette = [tuple(colour) for colour in colours]
        write_mask(run.predictions / files["truth"], truth, palette)
        write_mask(run.predictions / files["prediction"], prediction, palette)
        score = None if number == 5 else round(0.9 - number / 10, 3)
        entries.append({"name": name.format(number), "rank": rank, "score": score, "files": files})
    index = {"split": "val", "pictures": entries}
    (run.predictions / "index.json").write_text(json.dumps(index, ensure_ascii=False), encoding="utf-8")


def offline(page: str) -> bool:
    """Whether a page takes nothing from elsewhere; it may link to the reports of runs."""
    return not re.search(r'(src|href)="(?!data:|#|[\w%=.-]+/report\.html)', page) and "http://" not in re.sub(
        r'xmlns(:xlink)?="[^"]*"', "", page
    )
