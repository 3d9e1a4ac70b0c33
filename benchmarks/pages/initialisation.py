"""What docs/initialisation.md measures: four rules for the first weights of a network, with and without normalisation.

    python benchmarks/pages/initialisation.py

A `plain_cnn` of width 8 and depth 3 (17 convolutions) learns to segment 240 drawn scenes of 32×32 for 10 epochs of Adam.
"""

from itertools import product
from typing import Any

import lesson
from figure import Panel, draw, over_seeds

RULES = ("torch", "xavier", "he_fan_in", "he_fan_out")
NAMES = {
    "torch": "torch's default",
    "xavier": "Xavier",
    "he_fan_in": "He, fan-in",
    "he_fan_out": "He, fan-out",
}
NORMS = {"none": "without normalisation", "batch": "batch normalisation"}
RECIPE = [
    "task=segment",
    "data.dataset={name: scenes, size: 32, train: 240, val: 120}",
    "augment=[]",
    "train.batch=24",
    "train.optimizer={name: adam, learning_rate: 2e-3}",
    "train.phases=[{epochs: 10}]",
]
SCORE = "mean_iou[void=none,classes=truth_or_prediction]"


def settings() -> list[lesson.Row]:
    drawn = product(lesson.SEEDS, NORMS, RULES)
    return [{"norm": "guess"}, *({"norm": norm, "init": init, "seed": seed} for seed, norm, init in drawn)]


def guess() -> lesson.Row:
    """Loss of the training frequencies for every pixel, and mean IoU of the most frequent class, on the validation scenes."""
    import numpy as np

    from pixelwise.data.scenes import scenes

    data = scenes(lesson.CACHE, size=32, train=240, val=120)
    counts = {
        split: sum(np.bincount(data.read(split, place).mask.ravel(), minlength=7) for place in range(many))
        for split, many in (("train", 240), ("val", 120))
    }
    share, truth = (found / found.sum() for found in counts.values())
    return {"loss": float(-(truth * np.log(share)).sum()), "score": float(truth[share.argmax()] / (truth > 0).sum())}


def measure(setting: lesson.Row) -> lesson.Row:
    if setting["norm"] == "guess":
        return guess()
    model = f"model={{name: plain_cnn, width: 8, depth: 3, norm: {setting['norm']}, init: {setting['init']}}}"
    sizes = first_signal([*RECIPE, model, f"train.seed={setting['seed']}"])
    _, curve = lesson.trained("scenes/colourize", [*RECIPE, model, f"train.seed={setting['seed']}"])
    return {
        "signal": sizes,
        "train": [round(one["train"], 4) for one in curve],
        "validation": [round(one["validation"], 4) for one in curve],
        "score": curve[-1]["scores"][SCORE],
    }


def first_signal(changes: list[str]) -> float:
    """Root mean square of the last map before the classifier, divided by that of the picture, before any training."""
    import torch

    from pixelwise.data.scenes import scenes
    from pixelwise.engine.build import build_task
    from pixelwise.engine.hardware.device import Choices
    from pixelwise.engine.torch.learner import TorchLearner
    from pixelwise.engine.torch.model import inputs_of
    from pixelwise.recipe.load import load_recipe

    recipe, data = load_recipe("scenes/colourize", changes), scenes(lesson.CACHE, size=32, val=120)
    choices = Choices("cpu", "fp32", "contiguous", allocator=False, threads=1, deterministic=False)
    learner = TorchLearner(recipe, build_task(recipe, data.info), (32, 32), choices)
    images = learner.encode([data.read("val", place) for place in range(24)]).images
    found: dict[str, float] = {}
    model: Any = learner.model
    model.decoder.register_forward_hook(lambda _, given, made: found.update(end=float(made.square().mean().sqrt())))
    model.encoder.register_forward_pre_hook(lambda _, given: found.update(start=float(given[0].square().mean().sqrt())))
    with torch.no_grad():
        model.train()(inputs_of(images, learner.task.input))
    return found["end"] / found["start"]


def tables() -> dict[str, str]:
    rows, lines = lesson.rows_of("initialisation"), []
    for norm, words in NORMS.items():
        for init in RULES:
            found = {key: lesson.values(rows, key, norm=norm, init=init) for key in ("signal", "validation", "score")}
            signal = f"{min(found['signal']):.2g} to {max(found['signal']):.2g}"
            last = lesson.cell([curve[-1] for curve in found["validation"]])
            lines.append([f"{NAMES[init]}, {words}", signal, last, lesson.cell(found["score"])])
    (constant,) = (row for row in rows if row["norm"] == "guess")
    lines.append(
        ["the training frequencies for every pixel", "–", f"{constant['loss']:.3f}", f"{constant['score']:.3f}"]
    )
    return {"rules": lesson.table(["rule", "signal before training", "validation loss", "mean IoU"], lines)}


def figures() -> dict[str, str]:
    rows = lesson.rows_of("initialisation")
    panels = []
    for norm, words in NORMS.items():
        lines = []
        for init in RULES:
            curves = lesson.values(rows, "train", norm=norm, init=init)
            lines.append(over_seeds(NAMES[init], range(1, len(curves[0]) + 1), curves))
        panels.append(Panel(f"Training loss, {words}", "epoch", lines, ticks=(1, 5, 10), bottom=1.2, top=2.2))
    return {"initialisation.svg": draw("Training loss with four rules for the first weights", panels)}


WHAT = "plain_cnn, width 8, depth 3, on 240 drawn scenes of 32×32: four initialisations with and without normalisation"

if __name__ == "__main__":
    lesson.main(
        lambda: lesson.measured("initialisation", WHAT, settings(), measure), "initialisation.md", tables, figures
    )
