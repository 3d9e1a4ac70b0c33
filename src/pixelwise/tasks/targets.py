"""From a mask to the targets of a loss."""

from __future__ import annotations

from typing import Literal

import numpy as np

from pixelwise.errors import DataError, listing
from pixelwise.losses.ignore import IGNORE
from pixelwise.types import DatasetInfo

Void = Literal["ignore", "background"]
BACKGROUND = "background"


def target_table(info: DatasetInfo, void: Void) -> np.ndarray:
    """Mask index → target of the loss: classes stay, void goes where the recipe says, everything else is not counted.

    Pixels that an augmentation uncovered carry the void index, or 255 where the data set has none; those never count
    where there is no void to speak of.
    """
    table = np.full(65536, IGNORE, np.int16)
    table[: len(info.classes)] = np.arange(len(info.classes))
    if info.void is not None and void == "background":
        if BACKGROUND not in info.classes:
            raise DataError(
                f"void cannot be trained as background: no class has that name; there are {listing(info.classes)}.",
                where=info.name,
                hint="Use `void: ignore`.",
            )
        table[info.void] = info.classes.index(BACKGROUND)
    return table
