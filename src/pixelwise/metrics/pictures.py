"""What each picture adds to a metric: recorded while a split is scored, and scored again for other sets of pictures."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from pixelwise.errors import PixelwiseError
from pixelwise.metrics import METRICS
from pixelwise.metrics.base import Metric
from pixelwise.run.states import Counts, States, write_states
from pixelwise.statistics.bootstrap import DRAWS, LEAST_PICTURES, resampled
from pixelwise.statistics.jackknife import left_out, score_interval
from pixelwise.types import DatasetInfo, OverPictures, Score

METHOD = "score interval, jackknife over pictures"
TOO_FEW = "too few pictures"


class Recorder:
    """Notes by how much each picture moved the kept states of metrics, which start at zero and only add up.

    Call `look(index)` after the metrics have counted the picture of that index. `rows` can be joined over processes.
    """

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self.metrics = metrics
        self.rows: list[list[Counts]] = [[] for _ in metrics]
        self._before = [np.zeros_like(metric.kept_states) for metric in metrics]

    def look(self, index: int) -> None:
        """Note what the picture of this index added."""
        for number, metric in enumerate(self.metrics):
            state = metric.kept_states
            added = (state - self._before[number]).reshape(-1)
            places = np.flatnonzero(added)
            self.rows[number].append(np.stack([np.full_like(places, index), places, added[places]], axis=1))
            self._before[number] = state.copy()


def keep_pictures(
    path: Path, names: Sequence[str], recorders: Sequence[Sequence[Sequence[Counts]]], metrics: Sequence[Metric]
) -> list[States]:
    """Write what the recorders (their `rows`, one a process) noted of a whole split. The states of each metric."""
    joined = []
    for number, metric in enumerate(metrics):
        parts = [part for rows in recorders for part in rows[number]]
        rows = np.concatenate([np.zeros((0, 3), np.int64), *parts])
        joined.append(States(len(names), metric.kept_states.shape, rows))
    write_states(path, names, [(states.shape, states.rows) for states in joined])
    return joined


def add_intervals(records: Sequence[dict[str, Any]], metrics: Sequence[Metric], states: Sequence[States]) -> None:
    """Put the interval over pictures beside every score in the records of the metrics."""
    for record, metric, kept in zip(records, metrics, states, strict=True):
        found = over_pictures(metric, kept)
        for score in record["scores"]:
            if score["key"] in found:
                score["interval"] = asdict(found[score["key"]])


def over_pictures(metric: Metric, states: States) -> dict[str, OverPictures]:
    """The interval of every score by its key, or why there is none; nothing for scores that are biased or undefined.

    states:  what each picture added to the metric's kept states
    """
    scores = {score.key: score for score in metric.scores() if score.value is not None}
    scores = {key: score for key, score in scores.items() if score.name not in metric.biased}
    pictures = {key: min(states.pictures, score.support or states.pictures) for key, score in scores.items()}
    found = {key: OverPictures(None, None, n, METHOD, lack=TOO_FEW) for key, n in pictures.items()}
    if states.pictures < LEAST_PICTURES:
        return found
    try:
        whole, *others = _scored(metric, chain([states.total()], left_out(states.matrix())))
    except (PixelwiseError, LookupError, ValueError, TypeError, ArithmeticError) as error:  # of a metric from elsewhere
        return {
            key: OverPictures(None, None, n, METHOD, lack=f"cannot be counted: {error}") for key, n in pictures.items()
        }
    for key, n in pictures.items():
        without = [one.get(key) for one in others]
        if (value := whole.get(key)) is None or None in without:
            found[key] = OverPictures(None, None, n, METHOD, lack="undefined without one of the pictures")
        elif interval := score_interval(value, [one for one in without if one is not None], n):
            found[key] = OverPictures(interval.low, interval.high, n, METHOD, interval.level)
    return found


def _scored(metric: Metric, states: Iterable[Counts]) -> Iterator[dict[str, float | None]]:
    """The scores by key of each state."""
    other, shape = copy.copy(metric), metric.kept_states.shape
    for state in states:
        other.state = state.reshape(shape)
        yield {score.key: score.value for score in other.scores()}


def score_states(metric: str, options: Mapping[str, Any], info: DatasetInfo, state: Counts) -> list[Score]:
    """The scores that a metric of the shelf gives for a state."""
    built: Metric = METRICS.build(metric, info, **options)
    built.state = state
    return built.scores()


def score_draws(
    metric: str, options: Mapping[str, Any], info: DatasetInfo, states: States, draws: int = DRAWS, seed: int = 0
) -> dict[str, list[float | None]]:
    """Every score of each bootstrap draw of pictures, by key (statistics/bootstrap.py)."""
    built: Metric = METRICS.build(metric, info, **options)
    found: dict[str, list[float | None]] = {}
    for state in resampled(states.matrix(), draws, seed):
        built.state = state.reshape(states.shape)
        for score in built.scores():
            found.setdefault(score.key, []).append(score.value)
    return found
