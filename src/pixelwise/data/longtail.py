"""A labelled data set with fewer and fewer training pictures from class to class; validation and test stay as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from pixelwise.data.base import Dataset
from pixelwise.data.part import TRAIN, Part, build_whole
from pixelwise.errors import DataError

Profile = Literal["exponential", "step"]


def exponential_sizes(largest: int, ratio: float, classes: int) -> tuple[int, ...]:
    """n_i = ⌊n_max · μ^(i/(C−1))⌋ with μ = 1/ratio: class 0 keeps `largest`, the last one a `ratio`-th of it.

    Cui, Jia, Lin, Song & Belongie 2019, section 4.1 (whose μ is our μ^(1/(C−1))).
    """
    share = 1 / ratio
    return tuple(int(largest * share ** (i / max(1, classes - 1))) for i in range(classes))


def step_sizes(largest: int, ratio: float, classes: int) -> tuple[int, ...]:
    """The first half of the classes keeps `largest` pictures, the second half a `ratio`-th of them (Buda et al. 2018)."""
    return tuple(largest if i < classes // 2 else int(largest / ratio) for i in range(classes))


SIZES = {"exponential": exponential_sizes, "step": step_sizes}


def longtail(
    root: Path,
    *,
    of: str | dict[str, Any],
    ratio: Annotated[float, Ge(1)] = 100.0,
    profile: Profile = "exponential",
    largest: Annotated[int, Ge(1)] | None = None,
    seed: Annotated[int, Ge(0)] = 0,
) -> Dataset:
    """Any labelled data set with a long tail: its training pictures thinned out from class to class.

    of:       the data set, by name or as a map with its name and options
    ratio:    pictures of the most frequent class over those of the rarest
    profile:  sizes fall `exponential`ly, or in one `step` half way
    largest:  pictures of the first class; none: as many as the smallest class has
    seed:     of the draw. A class's pictures stand in one random order, of which the first are kept: a larger ratio
              keeps a part of what a smaller one keeps
    """
    whole = build_whole(of, root, "longtail")
    labels = np.array(whole.labels(TRAIN), np.int64)
    classes = whole.info.classes
    there = np.bincount(labels, minlength=len(classes))
    sizes = SIZES[profile](int(there.min()) if largest is None else largest, ratio, len(classes))
    for label, size in enumerate(sizes):
        if not 0 < size <= there[label]:
            raise _impossible(f"longtail of {whole.info.name}", classes[label], size, int(there[label]))
    kept = [draw_class(np.flatnonzero(labels == label), size, seed, label) for label, size in enumerate(sizes)]
    settings: dict[str, object] = {"ratio": ratio, "profile": profile, "largest": largest, "seed": seed}
    places = np.sort(np.concatenate(kept)).tolist()
    return Part(whole, places, name="longtail", frequencies=tuple(sizes), settings=settings)


def draw_class(places: NDArray[np.int64], size: int, seed: int, label: int) -> NDArray[np.int64]:
    """The first `size` of the places of a class in the order drawn for it."""
    return np.random.default_rng((seed, label)).permutation(places)[:size]


def _impossible(where: str, name: str, size: int, there: int) -> DataError:
    """The refusal of a class that would have no picture, or more than there are."""
    if not there:
        return DataError(f"the class '{name}' has no picture.", where=where, hint="Choose classes that all occur.")
    if not size:
        return DataError(f"the class '{name}' would keep no picture of {there}.", where=where, hint="Lower the ratio.")
    return DataError(f"the class '{name}' needs {size} pictures and has {there}.", where=where, hint="Lower `largest`.")
