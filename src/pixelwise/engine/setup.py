"""What a run records of its data and its model before the first step, and what is read of it again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pixelwise.engine.build import Material
from pixelwise.errors import RunError
from pixelwise.recipe.schema import Recipe
from pixelwise.run.folder import RunFolder
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
        "weighting": _weighting(recipe, weights),
        "model": dict(model),
    }


def recorded_data(run: RunFolder, setup: Mapping[str, Any]) -> tuple[DatasetInfo, tuple[int, int]]:
    """The classes that a run was trained on and the (H, W) of its pictures: the data set itself need not be there.

    Raises RunError where setup.json does not say.
    """
    with says(run, "what the run was trained on"):
        data = setup["data"]
        info = DatasetInfo(
            name=data["name"],
            classes=tuple(data["classes"]),
            colours=tuple((red, green, blue) for red, green, blue in data["colours"]),
            knows=frozenset(data["knows"]),
            void=data["void"],
            source=data["source"],
            frequencies=None if (told := data.get("frequencies")) is None else tuple(told),
        )
        height, width = data["size"]
        return info, (int(height), int(width))


@contextmanager
def says(run: RunFolder, what: str) -> Iterator[None]:
    """Around what reads setup.json: RunError where it does not say `what`, instead of the reader's own error."""
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"does not say {what} ({type(error).__name__}: {error}).",
            where=str(run.path / "setup.json"),
            hint="Was it changed by hand, or written by another version?",
        ) from error


def _weighting(recipe: Recipe, weights: Sequence[float] | None) -> str:
    """How the loss weighs classes: its option of that name, else (where it always does) its own name."""
    losses = list(recipe.loss.values()) if isinstance(recipe.loss, dict) else [recipe.loss]
    if weights is None or losses[0] is None:
        return "none"
    return str(losses[0].options.get("weights", losses[0].name))
