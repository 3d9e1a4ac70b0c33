"""What docs/skips.md measures: a colour net with no skip, with either one, and with both, of about equal size.

python benchmarks/pages/skips.py
"""

from __future__ import annotations

from itertools import product
from typing import Any

import colouring
import lesson
import numpy as np
from figure import Panel, draw, over_seeds

FILTERS = {"none": 13, "full": 13, "half": 12, "both": 12}  # so that the numbers of parameters are about equal
NAMES = {"none": "no skip", "full": "grey picture to the last layer", "half": "skip at half size", "both": "both skips"}


def settings() -> list[lesson.Row]:
    return [{"skips": skips, "seed": seed} for seed, skips in product(lesson.SEEDS, FILTERS)]


def measure(setting: lesson.Row) -> lesson.Row:
    model = f"{{name: colour_unet, num_filters: {FILTERS[setting['skips']]}, skips: {setting['skips']}}}"
    changes = [f"model={model}", f"train.seed={setting['seed']}"]
    start, end = gradients(beginning(changes)), None
    parts, curve = colouring.trained(*changes)
    end = gradients(parts)
    right, error, outline = errors(parts)
    return {
        "parameters": sum(one.numel() for one in parts.learner.model.parameters()),
        "gradient_at_start": start,
        "gradient_at_end": end,
        "train": [round(one["train"], 4) for one in curve],
        "validation": [round(one["validation"], 4) for one in curve],
        "accuracy": float(right.mean()),
        "accuracy_outlines": float(right[outline].mean()),
        "accuracy_inside": float(right[~outline].mean()),
        "delta_e_outlines": float(error[outline].mean()),
        "delta_e_inside": float(error[~outline].mean()),
        "share_outlines": float(outline.mean()),
        "constant_outlines": constant(parts, outline),
        "constant_inside": constant(parts, ~outline),
    }


def beginning(changes: list[str]) -> Any:
    from pixelwise.engine.train import prepare
    from pixelwise.recipe.load import load_recipe

    common = ["hardware={precision: fp32, threads: 1}", *colouring.RECIPE]
    return prepare(load_recipe("scenes/colourize", [*common, *changes]), data=lesson.CACHE)


def gradients(parts: Any) -> float:
    """Norm of the loss's gradient by the first convolution's weights, over 64 training scenes."""
    from torch.nn.functional import cross_entropy

    from pixelwise.engine.torch.model import inputs_of

    model, split = parts.learner.model.train(), parts.material.train
    batch = parts.learner.encode([split[index] for index in range(64)])
    model.zero_grad()
    cross_entropy(model(inputs_of(batch.images, parts.learner.task.input)), batch.targets["colour"].long()).backward()
    return float(model.down_1[0].weight.grad.norm())


def errors(parts: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of every validation pixel: whether its colour is the nearest one, ΔE to the original, and whether an outline is near."""
    from pixelwise.imaging.colour import nearest_colours, paint

    palette, scenes = parts.learner.task.palette, colouring.samples(parts)
    winners = colouring.probabilities(parts).argmax(axis=-1).astype(np.uint8)
    truth = np.stack([nearest_colours(one.image, palette) for one in scenes])
    difference = colouring.as_lab(paint(winners, palette)) - colouring.as_lab(np.stack([one.image for one in scenes]))
    outline = np.stack([colouring.near_outlines(one.mask) for one in scenes])
    return winners == truth, np.sqrt(np.square(difference).sum(axis=-1)), outline


def constant(parts: Any, where: np.ndarray) -> float:
    """Accuracy of the training split's most frequent colour at these pixels."""
    from pixelwise.imaging.colour import nearest_colours

    palette, guess = parts.learner.task.palette, int(np.argmax(parts.material.counts))
    truth = np.stack([nearest_colours(one.image, palette) for one in colouring.samples(parts)])
    return float((truth[where] == guess).mean())


def tables() -> dict[str, str]:
    rows = lesson.rows_of("skips")
    lines, steep = [], []
    for skips, words in NAMES.items():
        mine = [row for row in rows if row["skips"] == skips]
        cells = [lesson.cell(lesson.values(mine, key)) for key in ("accuracy", "accuracy_outlines", "accuracy_inside")]
        lines.append([words, f"{mine[0]['parameters']:,}", *cells])
        steep.append([words, *(lesson.cell(lesson.values(mine, f"gradient_at_{when}")) for when in ("start", "end"))])
    first = rows[0]
    overall = (
        first["share_outlines"] * first["constant_outlines"] + (1 - first["share_outlines"]) * first["constant_inside"]
    )
    guess = [overall, first["constant_outlines"], first["constant_inside"]]
    lines.append(["most frequent colour everywhere", "0", *(f"{one:.3f}" for one in guess)])
    gains = []
    for skips in ("full", "half", "both"):
        cells = []
        for key in ("accuracy", "accuracy_outlines", "accuracy_inside"):
            mine, plain = lesson.values(rows, key, skips=skips), lesson.values(rows, key, skips="none")
            found = [a - b for a, b in zip(mine, plain, strict=True)]
            cells.append(f"{sum(found) / len(found):+.3f} ± {lesson.half_width(found):.3f}")
        gains.append([NAMES[skips], *cells])
    head = ["network", "parameters", "accuracy", "near outlines", "elsewhere"]
    return {
        "skips": lesson.table(head, lines),
        "gains": lesson.table(["difference to no skip", "accuracy", "near outlines", "elsewhere"], gains),
        "gradients": lesson.table(["network", "before training", "after training"], steep),
    }


def figures() -> dict[str, str]:
    rows = lesson.rows_of("skips")
    panels = []
    for part, words in (("train", "Training loss"), ("validation", "Validation loss")):
        lines = []
        for skips, name in NAMES.items():
            curves = lesson.values(rows, part, skips=skips)
            lines.append(over_seeds(name, range(1, len(curves[0]) + 1), curves))
        panels.append(Panel(words, "epoch", lines, ticks=(1, 6, 12), bottom=1, top=2.4))
    return {"skips.svg": draw("Losses of a colour net with no skip, one, or two", panels)}


WHAT = "colour_unet with one skip at a time, about equal parameters, 12 colours on 320 drawn scenes of 32×32, 12 epochs"

if __name__ == "__main__":
    lesson.main(lambda: lesson.measured("skips", WHAT, settings(), measure), "skips.md", tables, figures)
