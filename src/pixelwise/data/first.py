"""Only the first training pictures of another data set: what a network should be able to learn by heart.

All of its training pictures are still there, as the split `whole`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge

from pixelwise.data.base import Dataset
from pixelwise.data.part import TRAIN, Part, build_whole
from pixelwise.errors import DataError

WHOLE = "whole"  # the split of all training pictures


def first(root: Path, *, of: str | dict[str, Any], count: Annotated[int, Ge(1)]) -> Dataset:
    """The first `count` training pictures of any data set; its other splits stay, all training pictures are `whole`.

    of:     the data set, by name or as a map with its name and options
    count:  how many. A network that cannot learn a few pictures by heart has a fault
    """
    whole = build_whole(of, root, "first")
    there = len(whole.names(TRAIN))
    if count > there:
        raise DataError(
            f"{count} pictures are wanted, {there} are there.",
            where=f"first of {whole.info.name}",
            hint="Lower `count`.",
        )
    # how frequent a class is among a few pictures is chance: scores are not told apart by it
    settings = {"count": count}
    return Part(whole, range(count), name="first", frequencies=None, settings=settings, also={WHOLE: TRAIN})
