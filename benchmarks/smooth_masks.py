"""How well `data check` tells masks that were resized smoothly or stored with loss from those that were not.

    python benchmarks/smooth_masks.py          # writes smooth_masks.json beside this file

Drawn masks of 2 to 12 classes (discs, boxes, polygons and thin lines), each resized by a drawn factor (0.4 to 2.5) by nearest
neighbour, bilinearly and bicubically, or stored as JPEG at its own size (quality 50 to 95). Where VOC 2007 and Stanford
Background are in the data folder, all their masks are checked too: each mask that is found there is a false alarm.
"""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw

from pixelwise.data import DATASETS
from pixelwise.data.base import data_root
from pixelwise.data.checks.outlines import SHORT, SMOOTH, smooth_share
from pixelwise.errors import PixelwiseError
from pixelwise.run.environment import environment

COUNT, SEED = 240, 0
KINDS = {
    "nearest": Pillow.Resampling.NEAREST,
    "bilinear": Pillow.Resampling.BILINEAR,
    "bicubic": Pillow.Resampling.BICUBIC,
}

PUBLISHED = {
    "voc2007": ("voc", {"year": 2007}),
    "stanford_background": ("stanford_background", {}),
    "flowers17": ("flowers17", {}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--seed", type=int, default=SEED)
    asked = parser.parse_args()
    found = {kind: found_of(kind, asked.count, asked.seed) for kind in (*KINDS, "jpeg")}
    result = {
        "what": "masks that `data check` calls smooth or stored with loss, of drawn masks of each kind",
        "count": asked.count,
        "seed": asked.seed,
        "limit": {"share": SMOOTH, "short_run": SHORT},
        "found": found,
        "recall": {kind: round(found[kind] / asked.count, 4) for kind in found if kind != "nearest"},
        "false_alarms": round(found["nearest"] / asked.count, 4),
        "published": {name: published(name, options) for name, options in PUBLISHED.items()},
        "environment": environment() | {"command": ["python", "benchmarks/smooth_masks.py"]},
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    print(json.dumps({name: result[name] for name in ("found", "recall", "false_alarms", "published")}, indent=2))


def found_of(kind: str, count: int, seed: int) -> int:
    return sum(smooth_share(spoiled(draw_mask(index, seed), kind, index, seed)) >= SMOOTH for index in range(count))


def draw_mask(index: int, seed: int = SEED) -> NDArray[np.uint8]:
    """A mask of 2 to 12 classes, of which two at least are two or more apart."""
    drawn = np.random.default_rng((seed, index))
    height, width = drawn.integers(96, 400, 2).tolist()
    classes = drawn.choice(21, drawn.integers(2, 13), replace=False)
    if classes.max() - classes.min() < 2:
        classes = np.array([0, classes.max() + 2])
    picture = Pillow.new("L", (width, height), int(classes[0]))
    pen = ImageDraw.Draw(picture)
    for value in [*classes[1:], *drawn.choice(classes, drawn.integers(2, 9))]:
        y, x = drawn.uniform(0, height), drawn.uniform(0, width)
        radius = drawn.uniform(0.06, 0.3) * min(height, width)
        shape = drawn.integers(0, 8)
        if shape < 3:
            pen.ellipse((x - radius, y - radius * drawn.uniform(0.5, 1.5), x + radius, y + radius), fill=int(value))
        elif shape < 4:
            pen.rectangle((x - radius, y - radius, x + radius, y + radius * drawn.uniform(0.3, 2)), fill=int(value))
        elif shape < 7:
            angles = np.sort(drawn.uniform(0, 2 * np.pi, drawn.integers(3, 9)))
            pen.polygon([(x + radius * np.cos(a), y + radius * np.sin(a)) for a in angles], fill=int(value))
        else:
            ends = drawn.uniform(0, 1, 4) * [width, height, width, height]
            pen.line([*ends], fill=int(value), width=int(drawn.integers(1, 6)))
    return np.array(picture)


def spoiled(mask: NDArray[np.uint8], kind: str, index: int, seed: int = SEED) -> NDArray[np.uint8]:
    """The mask as resized by that kind, or as it comes out of a JPEG."""
    drawn = np.random.default_rng((seed, index, 1))
    picture = Pillow.fromarray(mask)
    if kind == "jpeg":
        stream = io.BytesIO()
        picture.save(stream, format="JPEG", quality=int(drawn.integers(50, 96)))
        return np.array(Pillow.open(stream))
    factor = drawn.uniform(0.4, 2.5)
    size = (max(8, round(mask.shape[1] * factor)), max(8, round(mask.shape[0] * factor)))
    return np.array(picture.resize(size, KINDS[kind]))


def published(name: str, known: tuple[str, dict[str, int]]) -> dict[str, int] | None:
    """How many masks of a published data set there are, and how many are found; None where it is not on this disk."""
    try:
        dataset = DATASETS.build(known[0], data_root(), **known[1])
    except PixelwiseError:
        return None
    seen = found = 0
    for split in dataset.splits():
        for index in range(len(dataset.names(split))):
            mask = dataset.read(split, index).mask
            if mask is not None:
                seen, found = seen + 1, found + (smooth_share(mask, dataset.info.void) >= SMOOTH)
    return {"masks": seen, "found": int(found)}


if __name__ == "__main__":
    main()
