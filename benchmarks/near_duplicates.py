"""How well `data check --features` finds crops, mirror images and shifted frames, and what it finds among other pictures.

    python benchmarks/near_duplicates.py       # writes near_duplicates.json beside this file

Every 20th training picture of Stanford Background against its own crop (70 to 90 % of its sides, at a drawn place), its mirror
image, and its shift by 8 rows and 12 columns. A false alarm is a changed picture that is called similar to another picture than
its own. The five pairs of the data set that are known to be copies are compared, too.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pixelwise.data import DATASETS
from pixelwise.data.base import data_root
from pixelwise.data.checks.similar import FOUND, LIKE, found_in
from pixelwise.data.checks.survey import Facts
from pixelwise.data.copies import fine_of
from pixelwise.engine.torch.features import describer
from pixelwise.run.environment import environment
from pixelwise.types import Image

ENCODER, EVERY = "tf_efficientnet_lite0", 20
KNOWN = (
    ("train/img_0076", "val/img_0022"), ("train/img_0361", "train/img_0539"), ("train/img_0159", "train/img_0258"),
    ("train/img_0177", "train/img_0447"), ("train/img_0488", "train/img_0549"),
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    describe, note = describer(ENCODER, data_root())
    dataset = DATASETS.build("stanford_background", data_root())
    drawn = np.random.default_rng(seed)

    def facts(image: Image, name: str) -> Facts:
        return Facts("", name, fine=fine_of(image), features=describe(image))

    def known(where: str) -> Facts:
        split, _, name = where.partition("/")
        return facts(dataset.read(split, dataset.names(split).index(name)).image, where)

    whole, changed = [], []
    for index in range(0, len(dataset.names("train")), EVERY):
        image = dataset.read("train", index).image
        whole.append(facts(image, str(index)))
        changed += [(change, facts(one, str(index))) for change, one in changes(image, drawn).items()]
    found = {
        change: sum(kind == change and _similar(w, c) for (kind, c), w in _own(whole, changed))
        for change, _ in changed[:3]
    }
    others = [(w, c) for _, c in changed for w in whole if w.name != c.name]
    result = {
        "what": "changed pictures of Stanford Background that are called similar to their own, and to other, pictures",
        "encoder": note,
        "limits": {"cosine": LIKE, "correlation": FOUND},
        "pictures": len(whole),
        "found": found,
        "recall": {change: round(count / len(whole), 4) for change, count in found.items()},
        "other_pairs": len(others),
        "false_alarms": sum(_similar(w, c) for w, c in others),
        "known_copies_found": sum(_similar(known(a), known(b)) for a, b in KNOWN),
        "known_copies": len(KNOWN),
        "environment": environment() | {"command": ["python", "benchmarks/near_duplicates.py"]},
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    print(json.dumps({name: result[name] for name in result if name != "environment"}, indent=2))


def changes(image: Image, drawn: np.random.Generator) -> dict[str, NDArray[np.uint8]]:
    height, width = image.shape[:2]
    side = drawn.uniform(0.7, 0.9)
    top, left = (int(drawn.uniform(0, whole * (1 - side))) for whole in (height, width))
    crop = image[top : top + int(side * height), left : left + int(side * width)]
    return {"crop": crop, "mirror image": image[:, ::-1], "shift": image[8:, 12:]}


def _own(whole: list[Facts], changed: list[tuple[str, Facts]]) -> list[tuple[tuple[str, Facts], Facts]]:
    by_name = {one.name: one for one in whole}
    return [((kind, one), by_name[one.name]) for kind, one in changed]


def _similar(one: Facts, other: Facts) -> bool:
    if one.features is None or other.features is None:
        return False
    return float(one.features @ other.features) >= LIKE and found_in(one, other)


if __name__ == "__main__":
    main()
