"""The counts of each picture: recorded while a split is scored, and used to compute scores of other sets of pictures."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from pixelwise.errors import DataError, PixelwiseError, raised
from pixelwise.metrics import METRICS
from pixelwise.metrics.base import Metric, RowMetric
from pixelwise.run.states import Counts, Kept, RowStates, States, write_states
from pixelwise.statistics.bootstrap import DRAWS, LEAST_PICTURES, draw_counts, resampled
from pixelwise.statistics.jackknife import left_out, random_groups, score_interval
from pixelwise.types import DatasetInfo, OverPictures, Score

METHOD = "score interval, jackknife over pictures"
TOO_FEW = "too few pictures"
ROW_GROUPS, ROW_DRAWS = 200, 500  # of metrics whose state is rows: each score of theirs takes milliseconds to seconds


class Recorder:
    """Records what each picture added to the kept states of metrics: the difference, or the number of rows.

    Call `look(index)` after the metrics have counted the picture of that index. `rows` can be joined over processes. The
    rows that a picture appended are not copied: they are in the metric's state.
    """

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self.metrics = metrics
        self.rows: list[list[Any]] = [[] for _ in metrics]  # arrays of counts, or numbers of rows
        self._before = [np.zeros_like(metric.kept_states) for metric in metrics]

    def look(self, index: int) -> None:
        """Note what the picture of this index added."""
        for number, metric in enumerate(self.metrics):
            if isinstance(metric, RowMetric):
                self.rows[number].append((index, len(metric.last)))
                continue
            state = metric.kept_states
            added = (state - self._before[number]).reshape(-1)
            self._before[number] = state.copy()
            places = np.flatnonzero(added)
            self.rows[number].append(np.stack([np.full_like(places, index), places, added[places]], axis=1))


def keep_pictures(
    path: Path, names: Sequence[str], recorders: Sequence[Sequence[Sequence[Any]]], metrics: Sequence[Metric]
) -> list[Kept]:
    """Write what the recorders (their `rows`, one a process) noted of a whole split. The states of each metric.

    metrics: those that were looked at; their states are of all processes, in the order of the recorders
    """
    joined: list[Kept] = []
    for number, metric in enumerate(metrics):
        parts = [part for rows in recorders for part in rows[number]]
        if isinstance(metric, RowMetric):
            noted = np.array(parts, np.int64).reshape(-1, 2)
            joined.append(RowStates.of(len(names), metric.state, noted))
        else:
            joined.append(
                States(len(names), metric.kept_states.shape, np.concatenate([np.zeros((0, 3), np.int64), *parts]))
            )
    write_states(path, names, joined)
    return joined


def add_intervals(records: Sequence[dict[str, Any]], metrics: Sequence[Metric], states: Sequence[Kept]) -> None:
    """Put the interval over pictures beside every score in the records of the metrics."""
    for record, metric, kept in zip(records, metrics, states, strict=True):
        found = over_pictures(metric, kept)
        for score in record["scores"]:
            if score["key"] in found:
                score["interval"] = asdict(found[score["key"]])


@contextmanager
def counted_by(metric: str) -> Iterator[None]:
    """Around what a metric of this name counts: one from outside the package raises what it likes, which is a DataError here.

    An exception of pixelwise's own metrics is a fault of theirs, and passes.
    """
    try:
        yield
    except PixelwiseError:
        raise
    except Exception as error:
        if ":" not in metric:
            raise
        raise DataError(f"metric '{metric}' raised {raised(error)}") from error


def over_pictures(metric: Metric, states: Kept) -> dict[str, OverPictures]:
    """The interval of every score by its key, or why there is none; nothing for scores that are biased or undefined.

    If the kept states are coarser than the metric's own, they give the width, and the metric's exact score the centre.

    states:  what each picture added to the metric's kept states
    """
    scores = {score.key: score for score in metric.scores() if score.value is not None}
    scores = {key: score for key, score in scores.items() if score.name not in metric.biased}
    pictures = {key: min(states.pictures, score.support or states.pictures) for key, score in scores.items()}
    found = {key: OverPictures(None, None, n, METHOD, lack=TOO_FEW) for key, n in pictures.items()}
    if states.pictures < LEAST_PICTURES:
        return found
    try:
        with counted_by(metric.name):
            whole, *others = _scored(metric, chain([total_state(metric, states)], _without(metric, states)))
    except PixelwiseError as error:
        return {
            key: OverPictures(None, None, n, METHOD, lack=f"cannot be counted: {error}") for key, n in pictures.items()
        }
    for key, n in pictures.items():
        kept, value = whole.get(key), scores[key].value
        without = [left for one in others if (left := one.get(key)) is not None]
        if value is None or kept is None or len(without) < len(others):
            found[key] = OverPictures(None, None, n, METHOD, lack="undefined without one of the pictures")
        elif interval := score_interval(value, _moved(without, kept, value), n):
            found[key] = OverPictures(interval.low, interval.high, n, METHOD, interval.level)
    return found


def _moved(values: Sequence[float], kept: float, exact: float) -> Sequence[float]:
    """The values of coarser kept states, shifted by the difference between the exact score and that of all kept states."""
    if kept == exact:
        return values
    is_share = min(values) >= 0 and max(values) <= 1 and 0 <= exact <= 1
    moved = [value + (exact - kept) for value in values]
    return [min(max(value, 0.0), 1.0) for value in moved] if is_share else moved


def total_state(metric: Metric, states: Kept) -> Counts:
    """The metric's state over all pictures."""
    if isinstance(states, RowStates):
        return states.table
    if isinstance(metric, RowMetric):
        return np.concatenate([np.zeros((0, metric.columns), np.int64), *states.tables()])
    return states.total()


def _without(metric: Metric, states: Kept) -> Iterator[Counts]:
    """The state without each picture, or group of pictures."""
    if isinstance(states, States) and not isinstance(metric, RowMetric):
        yield from left_out(states.matrix())
        return
    tables, groups = states.tables(), random_groups(states.pictures, ROW_GROUPS)
    for group in range(int(groups.max()) + 1):
        yield np.concatenate([tables[picture] for picture in np.flatnonzero(groups != group)])


def _drawn(metric: Metric, states: Kept, draws: int, seed: int) -> Iterator[Counts]:
    """The state of each bootstrap draw of pictures."""
    if isinstance(states, States) and not isinstance(metric, RowMetric):
        yield from (state.reshape(states.shape) for state in resampled(states.matrix(), draws, seed))
        return
    tables = states.tables()
    for counts in draw_counts(states.pictures, min(draws, ROW_DRAWS), seed):
        for times in counts:
            yield np.concatenate([tables[picture] for picture in np.repeat(np.arange(len(times)), times)])


def _scored(metric: Metric, states: Iterable[Counts]) -> Iterator[dict[str, float | None]]:
    """The scores by key of each state."""
    other, shape = copy.copy(metric), metric.kept_states.shape
    for state in states:
        other.state = state if isinstance(metric, RowMetric) else state.reshape(shape)
        yield {score.key: score.value for score in other.scores()}


def score_states(metric: str, options: Mapping[str, Any], info: DatasetInfo, states: Kept) -> tuple[list[Score], bool]:
    """The scores that a metric of the shelf gives for all pictures, and whether they are those of the metric's own state.

    Scores of coarser states, which some metrics keep, differ a little.
    """
    built: Metric = METRICS.build(metric, info, **options)
    exact = isinstance(built, RowMetric) or built.state.shape == states.shape
    built.state = total_state(built, states)
    return built.scores(), exact


def score_draws(
    metric: str, options: Mapping[str, Any], info: DatasetInfo, states: Kept, draws: int = DRAWS, seed: int = 0
) -> dict[str, list[float | None]]:
    """Every score of each bootstrap draw of pictures, by key (statistics/bootstrap.py)."""
    built: Metric = METRICS.build(metric, info, **options)
    found: dict[str, list[float | None]] = {}
    for state in _drawn(built, states, draws, seed):
        built.state = state
        for score in built.scores():
            found.setdefault(score.key, []).append(score.value)
    return found
