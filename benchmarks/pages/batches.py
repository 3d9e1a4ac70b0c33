"""What docs/batch_size.md measures besides the results of cifar10_horses: equal epochs, equal updates, scaled learning rates.

python benchmarks/pages/batches.py
"""

from __future__ import annotations

from itertools import product
from typing import Any

import colouring
import lesson
import looks
import numpy as np
from figure import Panel, draw, over_seeds

BASE, RATE, EPOCHS, UPDATES = 32, 2e-3, 12, 120
WAYS = (  # batch, what is equal, factor of the learning rate
    (32, "epochs", 1),
    (8, "epochs", 1),
    (128, "epochs", 1),
    (8, "epochs", 0.25),
    (128, "epochs", 4),
    (8, "updates", 1),
    (128, "updates", 1),
)
SHOWN = looks.SHOWN


def settings() -> list[lesson.Row]:
    ways = product(lesson.SEEDS, WAYS)
    return [{"batch": batch, "equal": equal, "rate": rate, "seed": seed} for seed, (batch, equal, rate) in ways]


def measure(setting: lesson.Row) -> lesson.Row:
    length = f"epochs: {EPOCHS}" if setting["equal"] == "epochs" else f"steps: {UPDATES}"
    parts, curve = colouring.trained(
        "model={name: conv_transpose_net, num_filters: 12}",
        f"train.batch={setting['batch']}",
        f"train.optimizer={{name: adam, learning_rate: {setting['rate'] * RATE}}}",
        f"train.phases=[{{{length}}}]",
        f"train.seed={setting['seed']}",
        "train.validate_every=3" if setting["equal"] == "updates" else "train.validate_every=1",
    )
    row: lesson.Row = {
        "updates": parts.length.steps,
        "epochs": [one["epoch"] for one in curve],
        "train": [round(one["train"], 4) for one in curve],
        "validation": [round(one["validation"], 4) for one in curve],
        "accuracy": colouring.score(curve[-1], "accuracy"),
        "delta_e": colouring.score(curve[-1], "delta_e"),
    }
    if setting["seed"] == 0 and setting["equal"] == "epochs" and setting["rate"] == 1:
        row["pictures"] = looks.packed(pictures(parts))
    return row


def pictures(parts: Any) -> np.ndarray:
    """Some validation scenes, and what the network makes of them, (2, N, H, W, 3)."""
    scenes = np.stack([colouring.samples(parts)[index].image for index in SHOWN])
    chances = colouring.probabilities(parts)[list(SHOWN)]
    return np.stack([scenes, looks.painted(chances, np.asarray(parts.learner.task.palette, float), 0)])


def tables() -> dict[str, str]:
    rows, lines = lesson.rows_of("batches"), []
    for batch, equal, rate in WAYS:
        mine = [row for row in rows if (row["batch"], row["equal"], row["rate"]) == (batch, equal, rate)]
        last = {part: [row[part][-1] for row in mine] for part in ("train", "validation")}
        words = "as in the first line" if batch == BASE else f"equal {equal}"
        cells = [words if batch != BASE else "the base", f"× {rate:g}", str(mine[0]["updates"])]
        numbers = [*last.values(), lesson.values(mine, "accuracy")]
        lines.append([str(batch), *cells, *(lesson.cell(one) for one in numbers)])
    head = ["batch", "compared at", "learning rate", "updates", "training loss", "validation loss", "accuracy"]
    return {"batches": lesson.table(head, lines), "horses": horses()}


def horses() -> str:
    """The committed results of the course's comparison, at equal epochs and at equal updates."""
    import json

    lines = []
    for batch in (32, 64, 128, 256, 512):
        cells = [str(batch)]
        for kind in ("batch", "updates"):
            file = lesson.DOCS.parent / "results" / "cifar10_horses" / kind / f"{batch}.json"
            record = json.loads(file.read_text(encoding="utf-8"))
            scores = record["scores"]["test"]
            found = next(value for key, value in scores.items() if key.startswith("accuracy["))["values"]
            steps = record["epochs"][0] * -(-record["pictures"]["train"] // batch) if kind == "batch" else 1125
            cells += [f"{steps:,}", lesson.cell(found) if len(found) > 1 else f"{found[0]:.3f} (one seed)"]
        lines.append(cells)
    return lesson.table(["batch", "updates", "accuracy, 25 epochs", "updates", "accuracy, equal updates"], lines)


def figures() -> dict[str, str]:
    rows, panels = lesson.rows_of("batches"), []
    for part, words in (("train", "Training loss, 12 epochs"), ("validation", "Validation loss, 12 epochs")):
        lines = []
        for batch, equal, rate in WAYS:
            mine = [row for row in rows if (row["batch"], row["equal"], row["rate"]) == (batch, equal, rate)]
            if equal == "epochs" and rate in (1, batch / BASE):
                name = f"batch {batch}" + (f", learning rate × {rate:g}" if rate != 1 else "")
                lines.append(over_seeds(name, mine[0]["epochs"], [row[part] for row in mine], rate != 1))
        panels.append(Panel(words, "epoch", lines, ticks=(1, 6, 12), bottom=1.2, top=2.6))
    write_picture()
    return {"batch_size.svg": draw("Losses with three batch sizes and two learning rates", panels)}


def figure() -> np.ndarray:
    """Rows: original, batch 8, 32, 128."""
    kept = {row["batch"]: looks.unpacked(row["pictures"]) for row in lesson.rows_of("batches") if "pictures" in row}
    return looks.framed(np.stack([kept[8][0], kept[8][1], kept[32][1], kept[128][1]]))


def write_picture() -> None:
    from PIL import Image

    Image.fromarray(figure()).save(lesson.DOCS / "images" / "batch_size.png", optimize=True)


WHAT = "conv_transpose_net, 12 filters, 12 colours on 320 drawn scenes of 32×32: batch sizes"

if __name__ == "__main__":
    lesson.main(lambda: lesson.measured("batches", WHAT, settings(), measure), "batch_size.md", tables, figures)
