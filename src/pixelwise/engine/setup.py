"""What a run records of its data and its model before the first step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pixelwise.engine.build import Material
from pixelwise.recipe.schema import Recipe
from pixelwise.types import DatasetInfo


def setup_record(
    recipe: Recipe,
    material: Material,
    info: DatasetInfo,
    *,
    choices: Mapping[str, Any],
    unit: str,
    weights: Sequence[float] | None,
    model: Mapping[str, Any],
) -> dict[str, Any]:
    """What was found out before the first step: setup.json, whichever engine trains.

    info:     the classes that the task tells apart
    choices:  how it is computed
    unit:     what the classes are counted in
    weights:  of the classes in the loss
    model:    name, options, parameters, multiply-adds and layers
    """
    splits = {
        split.split: {
            "pictures": len(split),
            "key": split.key,
            "skipped": [{"where": p.where, "what": p.what} for p in split.skipped],
        }
        for split in material.splits
    }
    return {
        "task": recipe.task.name,
        "recipe": recipe.model_dump(mode="json"),
        "choices": dict(choices),
        "data": {
            "name": info.name,
            "source": info.source,
            "classes": list(info.classes),
            "colours": [list(colour) for colour in info.colours],
            "void": info.void,
            "knows": sorted(info.knows),
            "frequencies": None if info.frequencies is None else list(info.frequencies),
            "size": list(material.train.size),
            "splits": splits,
        },
        "findings": dict(material.findings),
        "counts": material.counts.tolist(),
        "unit": unit,
        "weights": None if weights is None else list(weights),
        "weighting": str((recipe.loss.options if recipe.loss else {}).get("weights", "none")),
        "model": dict(model),
    }
