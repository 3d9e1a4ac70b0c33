"""Average precision of every class over all pixels of a split, and the calibration of pixel probabilities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pixelwise.errors import DataError
from pixelwise.metrics import ranking
from pixelwise.metrics.accuracy import BINS, UNIT, calibration_error, reliability
from pixelwise.metrics.agreement import mean_of_known
from pixelwise.metrics.base import ClassRow, ConstantGuess, Metric
from pixelwise.metrics.confusion import check_values
from pixelwise.metrics.ranking import KEPT, LEVELS
from pixelwise.shelf import declares
from pixelwise.types import IN_TRUTH, ClassMap, DatasetInfo, IndexMap, Sample, Score

Interpolation = Literal["all_points", "none"]
FORMS: dict[Interpolation, Callable[[ranking.Counts], ranking.Values]] = {
    "all_points": ranking.interpolated_average_precision,
    "none": ranking.average_precision,
}


class AveragePrecision(Metric):
    """Counts of pixels by class, by whether the truth is that class, and by level of the class's log-odds.

    state: (C + 1, 2, L) int64, state[c, 1, l] = pixels of class c whose log-odds of c are at level l, state[c, 0, l] = other
    pixels at that level. The last row counts each pixel by the level of its predicted class: [1] right, [0] wrong. L is
    LEVELS; of each picture a run keeps KEPT coarser ones (about 0.1 MB for 21 classes). Void pixels are left out.
    """

    ranks_by = "the mean AP over the pixels of that picture alone"
    biased = frozenset({"calibration_error"})  # as in accuracy.py

    def __init__(self, info: DatasetInfo, interpolation: Interpolation) -> None:
        self.info = info
        self.forms = {interpolation: FORMS[interpolation], **FORMS}
        self.convention = {"void": "none" if info.void is None else "ignore"}
        self.state = np.zeros((len(info.classes) + 1, 2, LEVELS), np.int64)

    @property
    def kept_states(self) -> NDArray[np.int64]:
        return ranking.coarser(self.state, KEPT)

    def update(self, sample: Sample, prediction: ClassMap) -> None:
        self._count(sample, prediction, self.state)

    def scores(self) -> list[Score]:
        pixels = int(self.state[-1].sum())
        scores = [
            Score("mean_ap", mean_of_known(_known(form(self.state[:-1]))), self._named(name), pixels)
            for name, form in self.forms.items()
        ]
        error = calibration_error(self._bins())
        convention = {"bins": str(BINS), **self.convention}
        return [*scores, Score("calibration_error", error, convention, pixels, higher_is_better=False)]

    def constant_guess(self) -> ConstantGuess | None:
        """If all pixels have the same score, the AP of a class is its share of the pixels."""
        support = self._support()
        if not any(support):
            return None
        shares = [count / sum(support) for count in support if count]
        name = self.info.classes[support.index(max(support))]
        scores = {Score("mean_ap", None, self._named(form)).key: mean_of_known(shares) for form in self.forms}
        return ConstantGuess(name, scores)

    def per_class(self) -> list[ClassRow]:
        first, second = (_known(form(self.state[:-1])) for form in self.forms.values())
        rows = zip(self.info.classes, self._support(), first, second, strict=True)
        other = f"ap_{list(self.forms)[1]}"
        return [ClassRow(index, name, n, {"ap": a, other: b}) for index, (name, n, a, b) in enumerate(rows)]

    def sample_score(self, sample: Sample, prediction: ClassMap) -> float | None:
        """Mean AP of one picture over the classes in its truth, from KEPT levels; good for ranking only."""
        counts = np.zeros((len(self.state), 2, KEPT), np.int64)
        self._count(sample, prediction, counts)
        return mean_of_known(_known(next(iter(self.forms.values()))(counts[:-1])))

    def figures(self) -> dict[str, Any]:
        """The curve of each class that occurs in the truth, which classes do not, and the reliability of the pixels."""
        rows, pixels = self.per_class(), int(self.state[-1].sum())
        curves = []
        for row in rows:
            if row.support:
                recall, precision = (values.round(4).tolist() for values in ranking.curve(self.state[row.index]))
                named = {"class": row.name, "ap": row.values["ap"], "share": row.support / pixels}
                curves.append({**named, "recall": recall, "precision": precision})
        return {
            "kind": "ranking",
            "convention": self._named(next(iter(self.forms))),
            "classes": list(self.info.classes),
            "absent": [row.name for row in rows if not row.support],
            "curves": curves,
            "reliability": reliability(self._bins()),
            "per_class": [asdict(row) for row in rows],
        }

    def _named(self, form: str) -> dict[str, str]:
        return {"interpolation": form, **self.convention, **IN_TRUTH}

    def _support(self) -> list[int]:
        support: list[int] = self.state[:-1, 1].sum(axis=-1).tolist()
        return support

    def _bins(self) -> NDArray[Any]:
        """(BINS, 3): pixels, hits and summed confidence of the predicted class in each interval, as accuracy.py has them."""
        wrong, right = self.state[-1]
        probabilities = ranking.level_probabilities(len(right))
        units = np.rint(probabilities * UNIT).astype(np.int64)
        places = np.minimum(probabilities * BINS, BINS - 1).astype(np.intp)
        bins = np.zeros((BINS, 3), object)  # Python's whole numbers: the sums of many pixels need more than 64 bits
        for place in range(BINS):
            here = places == place
            n, sizes = (wrong + right)[here], units[here]
            summed = (int(n @ (sizes >> 16)) << 16) + int(n @ (sizes & 0xFFFF))
            bins[place] = int(n.sum()), int(right[here].sum()), summed
        return bins

    def _count(self, sample: Sample, prediction: ClassMap, counts: NDArray[np.int64]) -> None:
        """Add a picture to `counts` (C + 1, 2, L): first every pixel as one of another class, then the corrections."""
        mask, levels = self._checked(sample, prediction)
        shift = (LEVELS // counts.shape[-1]).bit_length() - 1
        void = np.flatnonzero(mask == self.info.void) if self.info.void is not None else np.zeros(0, np.intp)
        for index, plane in enumerate(levels):
            plane = plane >> shift if shift else plane
            others, own = counts[index]
            found = np.bincount(plane)
            others[: len(found)] += found
            here = np.flatnonzero(mask == index)
            np.add.at(own, plane[here], 1)
            np.subtract.at(others, plane[here], 1)
            np.subtract.at(others, plane[void], 1)
        chosen = prediction.indices.reshape(-1)
        winner = levels[chosen, np.arange(chosen.size)] >> shift
        right = chosen == mask
        np.add.at(counts[-1, 1], winner[right], 1)
        right[void] = True
        np.add.at(counts[-1, 0], winner[~right], 1)

    def _checked(self, sample: Sample, prediction: ClassMap) -> tuple[IndexMap, NDArray[np.uint16]]:
        """The mask (N,) and the levels (C, N), each row contiguous."""
        mask, levels, classes = sample.mask, prediction.levels, len(self.info.classes)
        if mask is None:
            raise DataError("has no mask, so it cannot be scored", where=sample.name)
        if levels is None:
            raise DataError(
                "the prediction has no levels of its classes' probabilities, which average precision ranks pixels by.",
                where=sample.name,
                hint="A task gives them if its `decode` returns the reduction `levels`, as `segment` does.",
            )
        if levels.dtype != np.uint16 or levels.shape != (*mask.shape, classes):
            raise DataError(
                f"the levels of a prediction are (H, W, C) uint16, here {(*mask.shape, classes)}; these are "
                f"{levels.shape} {levels.dtype}.",
                where=sample.name,
                hint="`levels_of` of pixelwise.metrics.ranking makes them from probabilities.",
            )
        check_values(np.bincount(mask.reshape(-1)), classes, self.info.void, sample.name)
        return mask.reshape(-1), np.ascontiguousarray(levels.reshape(-1, classes).T)


@declares(counts=("class_map",), needs=("levels",))
def average_precision(info: DatasetInfo, *, interpolation: Interpolation = "all_points") -> AveragePrecision:
    """Average precision of every class over all pixels of the split, its mean, and the calibration of pixel probabilities.

    interpolation:  which form comes first. `all_points` replaces each precision by the largest one at the same or a higher
                    recall (VOC since 2010); `none` does not (scikit-learn). The other follows under its own key.

    Pixels of the whole split are ranked together by the log-odds of the class, in 65,536 levels; pixels of one level are
    tied. Void pixels are left out. Classes that do not occur in the truth have no AP, and the mean leaves them out.
    """
    return AveragePrecision(info, interpolation)


def _known(values: ranking.Values) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]
