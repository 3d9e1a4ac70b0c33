"""Kinds of predictions: how each is shown and saved. A new kind needs one file and one line here, or a `module:function`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from pixelwise.shelf import Shelf

if TYPE_CHECKING:
    from pixelwise.shown.base import Shown
    from pixelwise.types import Prediction

SHOWN = Shelf(
    "prediction kind",
    {
        "class_map": "pixelwise.shown.class_map:class_map",
        "labels": "pixelwise.shown.labels:labels",
        "colours": "pixelwise.shown.class_map:colours",
        "instances": "pixelwise.shown.instances:instances",
    },
)


@cache
def shown_as(kind: str) -> Shown:
    """How predictions of a kind (`Prediction.kind`) are shown and kept."""
    shown: Shown = SHOWN.build(kind)
    return shown


def recorded_kind(setup: Mapping[str, Any], where: str) -> str:
    """The kind of prediction that a run makes, by its setup.json. Raises RecipeError for one that may not be imported."""
    kind = str(setup["kind"]) if "kind" in setup else kind_by_task(setup)
    SHOWN.target(kind, f"{where}: kind")
    return kind


def kind_by_task(setup: Mapping[str, Any]) -> str:
    """The kind of prediction of a run of version 0.1, which recorded the task and its unit instead."""
    if setup.get("unit") == "picture":
        return "labels"
    return "colours" if setup.get("task") == "colourize" else "class_map"


def as_html(prediction: Prediction) -> str | None:
    """A prediction for a notebook, or None if the names and colours of its classes are not known."""
    return None if prediction.info is None else shown_as(prediction.kind).html(prediction, prediction.info)
