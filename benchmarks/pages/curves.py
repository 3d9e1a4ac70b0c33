"""What docs/loss_curves.md measures: why a validation loss can lie below the training loss, and what one seed hides.

    python benchmarks/pages/curves.py

`apart`: after every epoch, the loss of that epoch's own batches again with the weights that the epoch ended with, first in
training mode, then without dropout, then without augmentation. `seeds`: a small NumPy network overfits 120 points.
"""

from __future__ import annotations

import copy
import statistics
from dataclasses import replace
from itertools import combinations
from typing import Any

import lesson
from figure import Line, Panel, draw, over_seeds

APART = (
    "hardware={precision: fp32, threads: 1}",
    "task=segment",
    "data.dataset={name: scenes, size: 32, train: 240, val: 120}",
    "augment=[{name: flip, p: 0.5}, {name: rotation, degrees: 20}]",
    "model={name: shared_pyramid, width: 24, norm: group, drop_path: 0, dropout: 0.3}",
    "metrics=[confusion]",
    "train.best=epoch",
    "train.batch=16",
    "train.optimizer={name: adam, learning_rate: 4e-3}",
    "train.schedule={name: step, at: [12], factor: 0.1}",
    "train.phases=[{epochs: 16}]",
)
POINTS, UNSEEN, EPOCHS, RATE, ALONE = 120, 1000, 40, 5e-3, 10  # of the network that overfits, and its number of seeds
SCORE = "mean_iou[void=none,classes=truth_or_prediction]"
PARTS = ("training", "weights stand still", "without dropout", "without augmentation", "validation")
PATIENCE, VOID = 5, -1  # the target of pixels without a class: corners that a rotation uncovers


def settings() -> list[lesson.Row]:
    apart = [{"part": "apart", "seed": seed} for seed in lesson.SEEDS]
    return [*apart, *({"part": "seeds", "seed": seed} for seed in range(ALONE))]


def measure(setting: lesson.Row) -> lesson.Row:
    from pixelwise.engine.fit import fit
    from pixelwise.engine.train import prepare
    from pixelwise.recipe.load import load_recipe
    from pixelwise.run.progress import Progress

    if setting["part"] == "seeds":
        return alone(setting["seed"])
    recipe = load_recipe("scenes/colourize", [*APART, f"train.seed={setting['seed']}"])
    parts = replace(prepare(recipe, data=lesson.CACHE), save=lambda *given: None)
    curves: dict[str, list[float]] = {}
    for event in fit(parts, Progress()):
        if event.kind != "epoch":
            continue
        told = {"training": event.train["loss"], "validation": event.validation["loss"], "score": event.scores[SCORE]}
        told |= dict(zip(PARTS[1:4], again(parts, event.epoch - 1), strict=True))
        for name, value in told.items():
            curves.setdefault(name, []).append(round(value, 5))
    return {"curves": curves}


def alone(seed: int) -> lesson.Row:
    """A NumPy network with two hidden layers of 64 units learns 120 points of 10 numbers in three classes, and overfits."""
    import numpy as np

    from pixelwise.scratch.functional import CrossEntropy
    from pixelwise.scratch.layers import Linear, ReLU
    from pixelwise.scratch.network import Network
    from pixelwise.scratch.optim import SGD

    draw = np.random.default_rng(0)  # the points are the same for all seeds
    centres, truth = draw.standard_normal((3, 10)) * 0.7, draw.integers(0, 3, POINTS + UNSEEN)
    x = (centres[truth] + draw.standard_normal((POINTS + UNSEEN, 10))).astype(np.float32)
    layers = [Linear(10, 64), ReLU(), Linear(64, 64), ReLU(), Linear(64, 3)]
    network, loss, optimizer = Network(layers, (10,), seed=seed), CrossEntropy(), SGD(momentum=0.9)
    order, curves = np.random.default_rng(seed), {"training": [], "validation": [], "score": []}
    for _ in range(EPOCHS):
        total = 0.0
        for chosen in order.permutation(POINTS).reshape(-1, 20):
            scores, caches = network.forward(x[chosen])
            (top, below), cache = loss.forward(scores, truth[chosen])
            optimizer.update(network.parameters, network.backward(loss.backward(cache), caches), RATE)
            total += float(top / below) * 20 / POINTS
        scores, _ = network.forward(x[POINTS:])
        (top, below), _ = loss.forward(scores, truth[POINTS:])
        right = (scores.argmax(axis=1) == truth[POINTS:]).mean()
        for name, value in zip(curves, (total, top / below, right), strict=True):
            curves[name].append(round(float(value), 5))
    return {"curves": curves}


def again(parts: Any, epoch: int) -> tuple[float, float, float]:
    """Mean losses of an epoch's batches with the weights as they are: training mode, evaluation mode, without augmentation."""
    learner, split = parts.learner, parts.material.train
    model = copy.deepcopy(learner.model)
    batches = list(learner.batches(epoch, skip=0, steps=parts.length.steps_of(epoch)))
    plain = [learner.encode([split[i] for i in range(at, min(at + 40, len(split)))]) for at in range(0, len(split), 40)]
    return (
        loss(model.train(), batches, learner),
        loss(model.eval(), batches, learner),
        loss(model.eval(), plain, learner),
    )


def loss(model: Any, batches: list[Any], learner: Any) -> float:
    import torch
    from torch.nn.functional import cross_entropy

    from pixelwise.engine.torch.model import inputs_of

    total, pixels = 0.0, 0
    with torch.no_grad():
        for batch in batches:
            scores, (targets,) = model(inputs_of(batch.images, learner.task.input)), batch.targets.values()
            total += float(cross_entropy(scores, targets.long(), reduction="sum", ignore_index=VOID))
            pixels += int((targets != VOID).sum())
    return total / pixels


def gaps(row: lesson.Row, epochs: slice) -> dict[str, float]:
    """What each cause adds to the training loss above the validation loss, as a mean over some epochs."""
    curves = [row["curves"][name] for name in PARTS]
    names = ("moving weights", "dropout", "augmentation", "unseen pictures")
    return {
        name: statistics.fmean(a - b for a, b in list(zip(before, after, strict=True))[epochs])
        for name, before, after in zip(names, curves, curves[1:], strict=False)
    }


def stopped(losses: list[float]) -> int:
    """The epoch, from 1, whose weights early stopping keeps: PATIENCE epochs after it none was better."""
    best = 0
    for epoch, value in enumerate(losses):
        if value < losses[best]:
            best = epoch
        elif epoch - best >= PATIENCE:
            break
    return best + 1


def of(part: str) -> list[lesson.Row]:
    return [row for row in lesson.rows_of("curves") if row["part"] == part]


def tables() -> dict[str, str]:
    rows, lines = of("apart"), []
    for words, epochs in (("1 to 3", slice(0, 3)), ("10 to 12", slice(9, 12)), ("14 to 16", slice(13, 16))):
        found = [gaps(row, epochs) for row in rows]
        total = [sum(one.values()) for one in found]
        lines.append([words, *(lesson.cell([one[name] for one in found]) for name in found[0]), lesson.cell(total)])
    head = ["epochs", "moving weights", "dropout", "augmentation", "unseen pictures", "training − validation"]
    lone = []
    for row in of("seeds"):
        losses, scores = row["curves"]["validation"], row["curves"]["score"]
        lowest, kept, best = losses.index(min(losses)), stopped(losses), scores.index(max(scores)) + 1
        cells = [str(lowest + 1), f"{losses[lowest]:.3f}", f"{losses[-1]:.3f}", str(kept), str(best)]
        lone.append([str(row["seed"]), *cells, f"{scores[lowest]:.3f}", f"{scores[-1]:.3f}"])
    words = [
        "seed",
        "lowest loss at epoch",
        "loss there",
        "at the end",
        "patience 5 keeps epoch",
        "best accuracy at epoch",
    ]
    words += ["accuracy at the lowest loss", "at the end"]
    return {"apart": lesson.table(head, lines), "seeds": lesson.table(words, lone)}


def differences(epoch: int = -1) -> list[float]:
    """The differences of the accuracy at an epoch between all pairs of seeds, smallest first."""
    found = [row["curves"]["score"][epoch] for row in of("seeds")]
    return sorted(abs(a - b) for a, b in combinations(found, 2))


def figures() -> dict[str, str]:
    rows = of("apart")
    epochs = range(1, len(rows[0]["curves"]["training"]) + 1)
    lines = [over_seeds(name, epochs, [row["curves"][name] for row in rows], name == "validation") for name in PARTS]
    rows = of("seeds")
    steps = range(1, EPOCHS + 1)
    losses = [over_seeds(name, steps, [row["curves"][name] for row in rows]) for name in ("training", "validation")]
    panels = [
        Panel(f"Losses, mean and range of {ALONE} seeds", "epoch", losses, ticks=(1, 20, 40), bottom=0, top=1.6),
        Panel(
            "Validation loss, five of them",
            "epoch",
            [seed(row, "validation", steps) for row in rows[:5]],
            ticks=(1, 20, 40),
            bottom=0.4,
            top=0.8,
        ),
        Panel(
            "Validation accuracy",
            "epoch",
            [seed(row, "score", steps) for row in rows[:5]],
            ticks=(1, 20, 40),
            bottom=0.76,
            top=0.86,
        ),
    ]
    low = Panel(
        "The same from epoch 6", "epoch", [cut(line, 5) for line in lines], ticks=(6, 12, 16), bottom=1.24, top=1.48
    )
    whole = Panel("Loss, mean and range of three seeds", "epoch", lines, ticks=(1, 6, 12, 16), bottom=1.2, top=1.8)
    return {
        "loss_causes.svg": draw("Training and validation loss, and what lies between", [whole, low]),
        "loss_seeds.svg": draw("An overfitting network with several seeds", panels),
    }


def seed(row: lesson.Row, name: str, steps: range) -> Line:
    return Line(f"seed {row['seed']}", steps, row["curves"][name])


def cut(line: Line, first: int) -> Line:
    return Line(line.name, line.x[first:], line.y[first:], line.low[first:], line.high[first:], line.dashed)


WHAT = "the gap between training and validation loss of shared_pyramid taken apart; a NumPy network that overfits, ten seeds"

if __name__ == "__main__":
    lesson.main(lambda: lesson.measured("curves", WHAT, settings(), measure), "loss_curves.md", tables, figures)
