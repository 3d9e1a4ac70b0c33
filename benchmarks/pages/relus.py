"""What docs/dead_relu.md measures: which ReLUs of LeNet die on CIFAR-10, which come back, and what silencing some costs.

    python benchmarks/pages/relus.py        needs the data set cifar10

The NumPy network of `cifar10/scratch_lenet` on 1,000 training pictures, ten epochs of SGD with momentum. A unit is dead when
no training picture makes it fire. The accuracies are of 1,000 other pictures of the training set.
"""

from __future__ import annotations

import copy
import statistics
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import lesson
import numpy as np
from figure import Panel, draw, over_seeds

PICTURES, EPOCHS, MORE, BATCH, CLIP, MOMENTUM = 1000, 10, 2, 50, 10.0, 0.9
RATES = (0.01, 0.05, 0.2)
RECIPE = (
    f"data.dataset={{name: first, of: {{name: cifar10, validation: 0.1}}, count: {PICTURES}}}",
    "data.test=''",
    f"train.batch={BATCH}",
)
Units = frozenset[tuple[int, int]]  # (index of the ReLU layer, unit)


def settings() -> list[lesson.Row]:
    return [{"rate": rate, "seed": seed} for rate in RATES for seed in lesson.SEEDS]


@cache
def opened() -> tuple[Any, Any, Any, tuple[Any, Any], tuple[Any, Any]]:
    """Recipe, task, size, and (pictures, classes) of the training pictures and of the others."""
    from pixelwise.engine.build import build_task, open_material
    from pixelwise.engine.numpy.learner import NumpyChoices, NumpyLearner, normalised
    from pixelwise.recipe.load import load_recipe

    recipe = load_recipe("cifar10/scratch_lenet", RECIPE)
    material = open_material(recipe, root=None)
    task = build_task(recipe, material.info, material.findings)
    learner = NumpyLearner(recipe, task, material.train.size, NumpyChoices(1, False))

    def arrays(split: Any) -> tuple[Any, Any]:
        batch = learner.encode([split[index] for index in range(PICTURES)])
        return normalised(batch.images, task.input), batch.targets["class"]

    return recipe, task, material.train.size, arrays(material.train), arrays(material.validation)


def measure(setting: lesson.Row) -> lesson.Row:
    """One training, with its dead units after every epoch; then two more epochs, with and without a part silenced for good."""
    from pixelwise.engine.numpy.learner import NumpyChoices, NumpyLearner
    from pixelwise.scratch.optim import SGD

    recipe, task, size, (images, _), held_out = opened()
    seeded = recipe.model_copy(update={"train": recipe.train.model_copy(update={"seed": setting["seed"]})})
    network = NumpyLearner(seeded, task, size, NumpyChoices(1, False)).network
    optimizer, history = SGD(momentum=MOMENTUM), [dead_units(network, images)]
    for epoch in range(EPOCHS):
        train(network, optimizer, setting, epoch)
        history.append(dead_units(network, images))
    row = {**told(history), "units": sum(units_of(network).values()), **silenced(network, history[-1], *held_out)}
    twin, twin_optimizer = copy.deepcopy((network, optimizer))
    for layer, unit in chosen_quarter(network, history[-1]):
        twin.parameters[f"{layer - 1}.weight"][unit] = (
            0  # a ReLU that reads 0 gives 0 and passes no gradient: dead for good
        )
        twin.parameters[f"{layer - 1}.bias"][unit] = 0
    for epoch in range(EPOCHS, EPOCHS + MORE):
        train(network, optimizer, setting, epoch)
        train(twin, twin_optimizer, setting, epoch)
    guess = round(float(np.bincount(held_out[1]).max() / PICTURES), 4)
    return {
        **row,
        "later": accuracy(network, *held_out),
        "later_without_quarter": accuracy(twin, *held_out),
        "guess": guess,
    }


def train(network: Any, optimizer: Any, setting: lesson.Row, epoch: int) -> None:
    """One epoch."""
    from pixelwise.engine.numpy.learner import clipped
    from pixelwise.engine.order import draw_order
    from pixelwise.scratch.functional import CrossEntropy

    images, truth = opened()[3]
    loss = CrossEntropy()
    for chosen in np.array(draw_order(PICTURES, setting["seed"], epoch)).reshape(-1, BATCH):
        scores, caches = network.forward(images[chosen])
        _, cache = loss.forward(scores, truth[chosen])
        gradients = clipped(network.backward(loss.backward(cache), caches), CLIP)
        optimizer.update(network.parameters, gradients, setting["rate"])


def dead_units(network: Any, images: Any) -> Units:
    from pixelwise.scratch.activity import count_activity

    return frozenset((one.layer, unit) for one in count_activity(network, [images]) for unit in one.silent)


def units_of(network: Any) -> dict[int, int]:
    """ReLU layer → its units."""
    from pixelwise.scratch.layers import ReLU

    return {i: network.shapes[i][0] for i, layer in enumerate(network.layers) if isinstance(layer, ReLU)}


def told(history: list[Units]) -> lesson.Row:
    """How many units are dead after each epoch, and what became of them one by one."""
    steps = list(pairwise(history))
    return {
        "dead": [len(one) for one in history],
        "died": sum(len(after - before) for before, after in steps),
        "came_back": sum(len(before - after) for before, after in steps),
        "dead_all_along": len(frozenset.intersection(*history)),
    }


def live_units(network: Any, dead: Units) -> list[tuple[int, int]]:
    every = [(layer, unit) for layer, count in units_of(network).items() for unit in range(count)]
    return [one for one in every if one not in dead]


def chosen_quarter(network: Any, dead: Units) -> set[tuple[int, int]]:
    """A quarter of the live units of every layer, drawn."""
    live, chosen = live_units(network, dead), set()
    order = np.random.default_rng(0).permutation(len(live))
    for layer in units_of(network):
        own = [live[place] for place in order if live[place][0] == layer]
        chosen |= set(own[: round(len(own) / 4)])
    return chosen


def silenced(network: Any, dead: Units, images: Any, truth: Any) -> lesson.Row:
    """The accuracy as trained; with a quarter of one layer at 0, layer by layer; and what each unit alone costs."""
    quarter, whole = chosen_quarter(network, dead), accuracy(network, images, truth)
    parts = [[one for one in quarter if one[0] == layer] for layer in units_of(network)]
    alone = [whole - accuracy(network, images, truth, [one]) for one in live_units(network, dead)]
    return {
        "accuracy": whole,
        "without_quarter": [accuracy(network, images, truth, part) for part in parts],
        "cost_of_one": [round(statistics.fmean(alone), 5), round(max(alone), 5)] if alone else [0.0, 0.0],
    }


def accuracy(network: Any, images: Any, truth: Any, silent: Sequence[tuple[int, int]] = ()) -> float:
    """The accuracy with some units at 0."""
    x = images
    for index, layer in enumerate(network.layers):
        x, _ = layer.forward(x)
        if units := [unit for place, unit in silent if place == index]:
            x = x.copy()
            x[:, units] = 0
    return round(float((x.argmax(axis=1) == truth).mean()), 4)


def rows() -> list[lesson.Row]:
    return lesson.rows_of("relus")


def tables() -> dict[str, str]:
    fates, costs, later = [], [], []
    for rate in RATES:
        own = [row for row in rows() if row["rate"] == rate]
        counts = [(row["dead"][0], row["died"], row["came_back"], row["dead"][-1], row["units"]) for row in own]
        sums = [sum(one) for one in zip(*counts, strict=True)]
        fates.append([f"{rate:g}", *map(str, sums), lesson.cell([row["accuracy"] for row in own])])
        parts = [lesson.cell([row["without_quarter"][place] for row in own]) for place in range(4)]
        one = statistics.fmean(row["cost_of_one"][0] for row in own)
        costs.append([f"{rate:g}", *parts, f"{one:.4f}", f"{max(row['cost_of_one'][1] for row in own):.3f}"])
        pairs = [(row["later"], row["later_without_quarter"]) for row in own]
        found = [lesson.cell(values) for values in (*zip(*pairs, strict=True), [b - a for a, b in pairs])]
        later.append([f"{rate:g}", *found])
    fate = ["learning rate", "dead at the start", "died", "came back", "dead at the end", "of", "accuracy"]
    layers = ["first convolution", "second convolution", "first linear layer", "second linear layer"]
    cost = ["learning rate", *layers, "one unit costs, mean", "at most"]
    after = ["learning rate", "all units", "a quarter of every layer dead", "difference"]
    return {
        "fates": lesson.table(fate, fates),
        "silenced": lesson.table(cost, costs),
        "later": lesson.table(after, later),
    }


def figures() -> dict[str, str]:
    epochs = range(EPOCHS + 1)
    lines = [
        over_seeds(f"learning rate {rate:g}", epochs, [row["dead"] for row in rows() if row["rate"] == rate])
        for rate in RATES
    ]
    panels = [
        Panel(
            f"Dead units of {rows()[0]['units']}, mean and range", "epoch", lines, ticks=(0, 5, 10), bottom=0, top=240
        ),
        Panel("The two smaller rates", "epoch", lines[:2], ticks=(0, 5, 10), bottom=0, top=8),
    ]
    return {"dead_relu.svg": draw("Dead ReLUs of LeNet on CIFAR-10 after every epoch", panels)}


WHAT = "units of LeNet that no training picture makes fire, epoch by epoch, and what silencing live ones costs"

if __name__ == "__main__":
    lesson.main(lambda: lesson.measured("relus", WHAT, settings(), measure), "dead_relu.md", tables, figures)
