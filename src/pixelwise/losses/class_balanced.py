"""Class-balanced focal loss: classes weighed by the effective number of their training samples (Cui et al., CVPR 2019)."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Lt
from numpy.typing import NDArray

from pixelwise.losses.focal import Focal
from pixelwise.losses.weights import effective_number
from pixelwise.shelf import declares


@declares(takes="categories")
def class_balanced(
    counts: NDArray[np.int64],
    *,
    beta: Annotated[float, Ge(0), Lt(1)] = 0.9999,
    gamma: Annotated[float, Ge(0)] = 0.5,
    form: Literal["softmax", "sigmoid"] = "softmax",
) -> Focal:
    """w_c = (1 − β) / (1 − β^n_c), scaled to sum to C, before a focal loss (Cui, Jia, Lin, Song & Belongie 2019, eq. 4–5).

    beta:   in [0, 1). 0 weighs all classes alike; the closer to 1, the more the rare ones count. It matters from about
            1 − 1/n on, n being the size of a rare class: .5 changes nothing for classes of 50 pictures or more
    gamma:  of the focal loss; 0 gives class-balanced cross-entropy
    form:   `softmax`, or `sigmoid` as in most of the paper's tables
    """
    return Focal(effective_number(counts, beta), gamma, form)
