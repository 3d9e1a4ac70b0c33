"""What each picture adds to a metric: recorded while a split is scored, and scored again for other sets of pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pixelwise.metrics import METRICS
from pixelwise.metrics.base import Metric
from pixelwise.run.states import Counts, States, write_states
from pixelwise.statistics.bootstrap import DRAWS, resampled
from pixelwise.types import DatasetInfo, Score


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
    path: Path, names: Sequence[str], recorders: Sequence[Sequence[Sequence[Counts]]], metrics: Any
) -> None:
    """Write what the recorders (their `rows`, one a process) noted of a whole split."""
    joined = []
    for number, metric in enumerate(metrics):
        parts = [part for rows in recorders for part in rows[number]]
        joined.append((metric.kept_states.shape, np.concatenate([np.zeros((0, 3), np.int64), *parts])))
    write_states(path, names, joined)


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
