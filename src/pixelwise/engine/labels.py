"""What a classifier says of pictures, as records for programs and as lines for people; the same for both engines. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pixelwise.types import Labels

TOP = 5  # classes of a record, where nothing else is asked for
LINE_TOP = 3  # classes of a line


def label_record(
    file: Path,
    size: tuple[int, int],
    prediction: Labels,
    classes: Sequence[str],
    *,
    top: int,
    computed_at: tuple[int, int],
) -> dict[str, Any]:
    """One picture: its most probable class, the `top` most probable ones, and at which size that was computed.

    size:         (H, W) of the picture
    computed_at:  (H, W) to which it was brought, that of the training pictures
    Of equally probable classes the one with the lowest index comes first. Fewer than `top` classes are all given.
    """
    probabilities = prediction.probabilities
    order = np.argsort(-probabilities, kind="stable")[:top].tolist()
    ranked = [{"class": classes[index], "probability": round(float(probabilities[index]), 6)} for index in order]
    return {
        "file": str(file),
        "label": ranked[0]["class"],
        "probability": ranked[0]["probability"],
        "top": ranked,
        "size": {"height": size[0], "width": size[1]},
        "computed_at": {"height": computed_at[0], "width": computed_at[1]},
        "resized": tuple(size) != tuple(computed_at),
    }


def label_lines(records: Sequence[dict[str, Any]]) -> list[str]:
    """A table: the picture, its class with its probability, and the next ones.

    >>> record = {"file": "a/b.png", "top": [{"class": "cat", "probability": 0.9}, {"class": "dog", "probability": 0.1}]}
    >>> label_lines([record])
    ['picture  label        then', 'b.png    cat   90 %   dog 10 %']
    """
    names = [Path(record["file"]).name for record in records]
    if len(set(names)) < len(names):
        names = [record["file"] for record in records]
    firsts = [record["top"][0] for record in records]
    rests = [", ".join(f"{one['class']} {_percent(one)}" for one in record["top"][1:LINE_TOP]) for record in records]
    wide = max(map(len, ["picture", *names]))
    label = max(map(len, ["label", *(first["class"] for first in firsts)]))
    head = f"{'picture':<{wide}}  {'label':<{label}}         then"
    lines = [
        f"{name:<{wide}}  {first['class']:<{label}}  {_percent(first):>5}   {rest}"
        for name, first, rest in zip(names, firsts, rests, strict=True)
    ]
    return [line.rstrip() for line in [head, *lines]]


def _percent(entry: dict[str, Any]) -> str:
    """A probability in whole percent; what is neither nothing nor all is not rounded to it."""
    percent = 100 * entry["probability"]
    if 0 < percent < 1:
        return "<1 %"
    return ">99 %" if 99 < percent < 100 else f"{percent:.0f} %"
