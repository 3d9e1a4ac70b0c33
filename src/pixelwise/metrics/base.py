"""What a metric is: counts that are added or concatenated, and scores that are functions of them.

A state of integers is exact, so batch size, order and number of processes do not change any score by a single bit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pixelwise.metrics.agreement import Matrix, Ratios
from pixelwise.types import DatasetInfo, Sample, Score

LEAST_ROOM = 1024  # rows of a metric whose state is rows


@dataclass(frozen=True)
class ClassRow:
    """The scores of one class, by name; None for an undefined score.

    support: its pixels (or pictures) in the truth; 0 with a value that is not None: it was predicted nevertheless
    """

    index: int
    name: str
    support: int
    values: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class ConstantGuess:
    """The scores of a constant prediction, the simplest model: always the same class.

    name:    the class that the truth of this split has most of, so no other constant has a higher accuracy
    scores:  Score.key → value, for the scores that such a guess has
    """

    name: str
    scores: Mapping[str, float | None]


def class_rows(info: DatasetInfo, matrix: Matrix, **columns: Ratios) -> list[ClassRow]:
    """One row per class: its support in the confusion matrix, and its place in each of the columns."""
    support = matrix.sum(axis=1).tolist()
    values = ({name: column[index] for name, column in columns.items()} for index in range(len(support)))
    return [ClassRow(index, info.classes[index], support[index], found) for index, found in enumerate(values)]


class Metric(ABC):
    """Counts over a split, and the scores they give.

    It gets predictions of the kinds that its builder declares (`@declares(counts=("class_map",))`).
    `state` is an int64 array that can be read, assigned, and added to that of another process over the same classes.

    Its builder declares:
    counts:  the kinds of prediction that it counts; empty if it does not say
    needs:   reductions of the scores that it reads besides those of every prediction

    name:      as the recipe names it, e.g. `confusion` or `my_metrics:mean_confidence`; the engine sets it
    biased:    names of scores without an interval over pictures, because few pictures change their value systematically
    ranks_by:  what `sample_score` is, in words for the report's gallery, e.g. "the accuracy over that picture alone"
    """

    state: NDArray[np.int64]
    name: str = ""
    counts: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    biased: frozenset[str] = frozenset()
    ranks_by: str = "the score of that picture alone"

    @property
    def kept_states(self) -> NDArray[np.int64]:
        """The counts that a run keeps for each picture: intervals over pictures and comparisons use scores of their sums.

        They start at zero and add up like `state`, and are `state` itself unless a metric whose state is too large to keep
        for each picture gives a coarser one, e.g. average precision with 1,024 levels. `scores` must accept either in `state`.
        """
        return self.state

    @abstractmethod
    def update(self, sample: Sample, prediction: Any) -> None:
        """Count one picture. Raises DataError if truth or prediction does not fit the data set."""

    @abstractmethod
    def scores(self) -> list[Score]:
        """All scores, those of the recipe's convention first: a plain name means the first score of that name."""

    @abstractmethod
    def per_class(self) -> list[ClassRow]:
        """One row per class, in the recipe's convention."""

    @abstractmethod
    def sample_score(self, sample: Sample, prediction: Any) -> float | None:
        """The score of one picture by itself, to rank pictures for a gallery (never averaged); None if undefined."""

    @abstractmethod
    def figures(self) -> dict[str, Any]:
        """What the report draws, as JSON values."""

    def constant_guess(self) -> ConstantGuess | None:
        """The scores of always guessing the most frequent class, from the counts alone; None if none was counted."""
        return None

    def joined(self, states: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
        """The state of several processes together."""
        return np.asarray(np.sum(states, axis=0))

    def reset(self) -> None:
        """Forget everything counted so far."""
        self.state = np.zeros_like(self.state)


class RowMetric(Metric):
    """A metric whose state is rows (M, columns) int64, for scores such as a ranking that no sum of counts gives.

    States are concatenated, not added. A row's first column is never 0. Scores must not depend on the order of pictures.

    The rows lie in one array with room for more. An array for each picture, kept among the large ones that a network
    computes with, would leave no room for these, and memory would grow with the number of pictures.

    last:  the rows of the picture that was counted last
    """

    columns: ClassVar[int]

    def __init__(self) -> None:
        self.reset()

    @abstractmethod
    def rows_of(self, sample: Sample, prediction: Any) -> NDArray[np.int64]:
        """The rows of one picture. Raises DataError if truth or prediction does not fit the data set."""

    @property
    def state(self) -> NDArray[np.int64]:
        return self._rows[: self._count]

    @state.setter
    def state(self, rows: NDArray[np.int64]) -> None:
        self._rows, self._count = rows, len(rows)

    def update(self, sample: Sample, prediction: Any) -> None:
        self.last = self.rows_of(sample, prediction)
        end = self._count + len(self.last)
        if end > len(self._rows):
            rows = np.zeros((max(LEAST_ROOM, 2 * end), self.columns), np.int64)
            rows[: self._count] = self.state
            self._rows = rows
        self._rows[self._count : end] = self.last
        self._count = end

    def joined(self, states: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
        return np.concatenate(states)

    def reset(self) -> None:
        self.last = self.state = np.zeros((0, self.columns), np.int64)
