"""A class for every picture: its most probable classes, as a record for programs and as a table for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge

from pixelwise.shown.base import Drawing, Record, Shown
from pixelwise.types import DatasetInfo, Labels, Sample

LINE_TOP = 3  # classes of a line


class ShownLabels(Shown):
    unit, does, together = "picture", "labels whole pictures", "labels.json"

    def __init__(self, top: int) -> None:
        self.top = top

    def panels(self, sample: Sample, prediction: Labels, info: DatasetInfo) -> dict[str, Drawing]:
        return {"image": sample.seen}

    def words(self, sample: Sample, prediction: Labels, info: DatasetInfo) -> dict[str, str]:
        """E.g. `{"truth": "cat", "prediction": "dog (0.83)"}`"""
        chosen = int(prediction.probabilities.argmax())
        truth = {} if sample.label is None else {"truth": info.classes[sample.label]}
        return {**truth, "prediction": f"{info.classes[chosen]} ({float(prediction.probabilities[chosen]):.2f})"}

    def counts(self, prediction: Labels, info: DatasetInfo) -> dict[str, Any]:
        """The most probable class and the `top` most probable ones, or all where there are fewer.

        Of equally probable classes the one with the lowest index comes first.
        """
        probabilities = prediction.probabilities
        order = np.argsort(-probabilities, kind="stable")[: self.top].tolist()
        ranked = [
            {"class": info.classes[index], "probability": round(float(probabilities[index]), 6)} for index in order
        ]
        return {"label": ranked[0]["class"], "probability": ranked[0]["probability"], "top": ranked}

    def summary(self, counts: Record) -> str:
        return _likeliest(counts["top"][:LINE_TOP])

    def record(
        self, file: Path, size: tuple[int, int], counts: Record, files: Mapping[str, str], settings: Record
    ) -> dict[str, Any]:
        """Its classes, and the size (H, W) at which that was computed."""
        height, width = settings["size"]
        return {
            "file": str(file),
            **counts,
            "size": {"height": size[0], "width": size[1]},
            "computed_at": {"height": height, "width": width},
            "resized": tuple(size) != (height, width),
            "trained_at": settings.get("trained_at"),
        }

    def lines(self, records: Sequence[Record]) -> list[str]:
        """A table: the picture, its class with its probability, and the next ones.

        >>> record = {"file": "a/b.png", "top": [{"class": "cat", "probability": 0.9}, {"class": "dog", "probability": 0.1}]}
        >>> labels().lines([record])
        ['picture  label        then', 'b.png    cat   90 %   dog 10 %']
        """
        names = [Path(record["file"]).name for record in records]
        if len(set(names)) < len(names):
            names = [record["file"] for record in records]
        firsts = [record["top"][0] for record in records]
        wide = max(map(len, ["picture", *names]))
        label = max(map(len, ["label", *(first["class"] for first in firsts)]))
        lines = [
            f"{name:<{wide}}  {first['class']:<{label}}  {_percent(first):>5}   {_likeliest(record['top'][1:LINE_TOP])}"
            for name, first, record in zip(names, firsts, records, strict=True)
        ]
        return [line.rstrip() for line in [f"{'picture':<{wide}}  {'label':<{label}}         then", *lines]]

    def remarks(self, records: Sequence[Record], info: DatasetInfo) -> list[str]:
        remarks = [f"Every picture gets one of the {len(info.classes)} classes, even if it shows none of them."]
        if resized := [record for record in records if record["resized"]]:
            height, width = resized[0]["computed_at"].values()
            which = "1 picture was" if len(resized) == 1 else f"{len(resized):,} pictures were"
            remarks.append(
                f"{which} resized to {width}×{height}, the size that the run was validated at, without keeping their shape."
            )
        return remarks


def labels(*, top: Annotated[int, Ge(1)] = 5) -> Shown:
    """A class for every picture.

    top:  the number of most probable classes in a record
    """
    return ShownLabels(top)


def _likeliest(entries: Sequence[Record]) -> str:
    return ", ".join(f"{one['class']} {_percent(one)}" for one in entries)


def _percent(entry: Record) -> str:
    """A probability in whole percent; only 0 and 1 are written as 0 % and 100 %."""
    percent = 100 * entry["probability"]
    if 0 < percent < 1:
        return "<1 %"
    return ">99 %" if 99 < percent < 100 else f"{percent:.0f} %"
