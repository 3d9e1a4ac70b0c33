"""What docs/initialisation.md quotes of the NumPy network: where to normalise.

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

from pixelwise.engine import train as engine
from pixelwise.recipe.load import load_recipe
from pixelwise.run.atomic import write_json, write_text
from pixelwise.run.environment import environment

FILE = Path(__file__).with_suffix(".json")
SEEDS = (0, 1, 2)
STUDENT = 4.303  # 97.5 % quantile of Student's t for three values
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


TABLES = {"normalisation": (normalisation_table, "initialisation.md")}


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
    rows = {"normalisation": normalisation}[which]()
    write_json(FILE, {**kept, which: rows, f"{which}_environment": environment()})
