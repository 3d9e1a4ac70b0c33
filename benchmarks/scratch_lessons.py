"""What the teaching pages quote, measured with the NumPy network: dead ReLUs, and where to normalise.

    python benchmarks/scratch_lessons.py dead           needs the data set cifar10
    python benchmarks/scratch_lessons.py normalisation  the built-in scenes
    python benchmarks/scratch_lessons.py tables         puts what was measured into the pages

Writes its part of benchmarks/scratch_lessons.json.
"""

import json
import statistics
import sys
import tempfile
from itertools import product
from pathlib import Path

import numpy as np

from pixelwise.engine import train as engine
from pixelwise.engine.build import build_task, open_material
from pixelwise.engine.numpy.learner import NumpyChoices, NumpyLearner, clipped, normalised
from pixelwise.engine.order import draw_order
from pixelwise.recipe.load import load_recipe
from pixelwise.run.atomic import write_json, write_text
from pixelwise.run.environment import environment
from pixelwise.scratch.activity import count_activity
from pixelwise.scratch.functional import CrossEntropy
from pixelwise.scratch.optim import SGD

FILE = Path(__file__).with_suffix(".json")
RATES = (0.01, 0.05, 0.2)
SEEDS = (0, 1, 2)
STUDENT = 4.303  # 97.5 % quantile of Student's t for three values
DEAD = (
    "data.dataset={name: first, of: {name: cifar10, validation: 0.0}, count: 500}",
    "data.validation=train",
    "train.batch=50",
)
NORMALISATION = (
    "data.dataset={name: scenes, size: 32, train: 160, val: 80, void_rim: 1}",
    "model.width=8",
    "train.schedule=constant",
    "train.best=epoch",
    "train.phases=[{epochs: 30}]",
    "train.validate_every=30",
    "hardware.threads=1",
    "gallery=0",
)


def dead() -> list[dict]:
    """LeNet on 500 pictures of CIFAR-10, five epochs of SGD at several rates: units that no picture makes fire."""
    recipe = load_recipe("cifar10/scratch_lenet", DEAD)
    material = open_material(recipe, root=None)
    split, size = material.train, recipe.train.batch
    task, loss, choices = build_task(recipe, material.info, material.findings), CrossEntropy(), NumpyChoices(1, False)
    batch = NumpyLearner(recipe, task, split.size, choices).encode([split[index] for index in range(len(split))])
    images, targets = normalised(batch.images, task.input), batch.targets["class"]
    rows = []
    for rate in RATES:
        for seed in SEEDS:
            changed = recipe.model_copy(update={"train": recipe.train.model_copy(update={"seed": seed})})
            network, optimizer = NumpyLearner(changed, task, split.size, choices).network, SGD(momentum=0.9)
            before = [activity(one) for one in count_activity(network, [images])]
            for epoch in range(5):
                order = np.array(draw_order(len(split), seed, epoch))
                for chosen in order.reshape(-1, size):
                    scores, caches = network.forward(images[chosen])
                    _, cache = loss.forward(scores, targets[chosen])
                    gradients = clipped(network.backward(loss.backward(cache), caches), 10.0)
                    optimizer.update(network.parameters, gradients, rate)
            after = [activity(one) for one in count_activity(network, [images])]
            scores, _ = network.forward(images)
            score = float((scores.argmax(axis=1) == targets).mean())
            rows.append({"rate": rate, "seed": seed, "before": before, "after": after, "score": score})
            print(rate, seed, [one["dead"] for one in after], score)
    return rows


def normalisation() -> list[dict]:
    """The small network of scenes/scratch_fcn with batch normalisation before or after ReLU, or without."""
    rows = []
    for seed, rate, norm in product(SEEDS, (3e-3, 3e-2), ("none", "before", "after")):
        changes = [f"model.norm={norm}", f"train.seed={seed}", f"train.optimizer.learning_rate={rate}"]
        recipe = load_recipe("scenes/scratch_fcn", [*NORMALISATION, *changes])
        with tempfile.TemporaryDirectory() as folder:
            last = run(recipe, Path(folder) / "run")
        rows.append({"rate": rate, "norm": norm, "seed": seed, **last})
        print(rate, norm, seed, last, flush=True)
    return rows


def run(recipe, path: Path) -> dict:
    """Train without a report; the last epoch's losses and main score."""
    engine.finish = lambda *given: None
    epochs = [event for event in engine.train(recipe, path) if event.kind == "epoch"]
    return {
        "train_loss": epochs[-1].train["loss"],
        "validation_loss": epochs[-1].validation["loss"],
        "score": next(iter(epochs[-1].scores.values())),
    }


def activity(one) -> dict:
    return {"layer": one.layer, "units": one.units, "dead": one.dead, "firing": round(one.firing, 4)}


def normalisation_table(rows: list[dict]) -> str:
    """A row a rate, a column a place of the normalisation."""
    names = {"none": "without", "before": "before ReLU", "after": "after ReLU"}
    lines = ["| learning rate | " + " | ".join(names.values()) + " |", "|---" + "|--:" * len(names) + "|"]
    for rate in dict.fromkeys(row["rate"] for row in rows):
        cells = []
        for norm in names:
            values = [row["score"] for row in rows if (row["rate"], row["norm"]) == (rate, norm)]
            half = STUDENT * statistics.stdev(values) / len(values) ** 0.5
            cells.append(f"{statistics.fmean(values):.3f} ± {half:.3f}")
        lines.append(f"| {rate:g} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def dead_table(rows: list[dict]) -> str:
    """A row a rate: dead units before and after, and how well the pictures were learned."""
    lines = ["| learning rate | dead at the start | dead after | training accuracy, mean |", "|---|--:|--:|--:|"]
    for rate in dict.fromkeys(row["rate"] for row in rows):
        chosen = [row for row in rows if row["rate"] == rate]
        units = sum(one["units"] for row in chosen for one in row["after"])
        counts = [sum(one["dead"] for row in chosen for one in row[when]) for when in ("before", "after")]
        score = statistics.fmean(row["score"] for row in chosen)
        lines.append(f"| {rate:g} | {counts[0]} of {units} | {counts[1]} of {units} | {score:.2f} |")
    return "\n".join(lines)


TABLES = {"normalisation": (normalisation_table, "initialisation.md"), "dead": (dead_table, "dead_relu.md")}


def write_tables() -> None:
    """Put the tables into their pages."""
    kept = json.loads(FILE.read_text())
    for name, (table, page) in TABLES.items():
        path = FILE.parents[1] / "docs" / page
        head, _, rest = path.read_text().partition(f"<!-- {name} -->\n")
        _, mark, tail = rest.partition("<!-- end -->")
        write_text(path, f"{head}<!-- {name} -->\n{table(kept[name])}\n{mark}{tail}")


if __name__ == "__main__":
    which = sys.argv[1]
    if which == "tables":
        write_tables()
        sys.exit()
    kept = json.loads(FILE.read_text()) if FILE.exists() else {}
    rows = {"dead": dead, "normalisation": normalisation}[which]()
    write_json(FILE, {**kept, which: rows, f"{which}_environment": environment()})
