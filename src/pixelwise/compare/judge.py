"""Differences between groups of runs, with intervals over seeds and over pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Any

from pixelwise.compare.columns import Column
from pixelwise.compare.gather import Comparison, Group, Member
from pixelwise.compare.verdict import OverPictures, Verdict
from pixelwise.errors import PixelwiseError
from pixelwise.metrics.pictures import score_draws, score_states
from pixelwise.report.record import scores_of
from pixelwise.run.states import PictureStates, read_states
from pixelwise.statistics.bootstrap import DRAWS, LEAST_PICTURES, percentile_interval
from pixelwise.statistics.spread import difference
from pixelwise.types import DatasetInfo

Draws = dict[str, list[float | None]]  # score key → its value in each draw


@dataclass(frozen=True)
class Drawn:
    """A run's bootstrap draws, or in words why there are none."""

    names: tuple[str, ...] = ()
    draws: Draws | None = None
    lack: str = ""


def judge(comparison: Comparison, columns: Sequence[Column], draws: int = DRAWS) -> list[Verdict]:
    """Every other group against the first one that has a score, in each of the columns."""
    drawn = {id(run): _draw(run, draws) for run in comparison.runs} if len(comparison.groups) > 1 else {}
    return list(_verdicts(comparison, columns, drawn))


def _verdicts(comparison: Comparison, columns: Sequence[Column], drawn: dict[int, Drawn]) -> Iterator[Verdict]:
    for column in columns:
        groups = [group for group in comparison.groups if group.has(column)]
        for other in groups[1:]:
            seeds = difference(groups[0].values(column), other.values(column))
            yield Verdict(column, groups[0], other, seeds, _over_pictures(column, groups[0], other, drawn))


def _over_pictures(column: Column, first: Group, second: Group, drawn: dict[int, Drawn]) -> OverPictures:
    """The paired bootstrap: both groups' means over seeds in the same draws of pictures."""
    if column.loss:
        return OverPictures(None, "runs keep no loss of single pictures")
    sides = [[drawn[id(run)] for run in group.runs] for group in (first, second)]
    for one in (one for side in sides for one in side):
        if one.draws is None:
            return OverPictures(None, one.lack)
    if len({one.names for side in sides for one in side}) > 1:
        return OverPictures(None, "the runs were not scored on the same pictures")
    pictures = len(sides[0][0].names)
    if pictures < LEAST_PICTURES:
        return OverPictures(None, f"{pictures} pictures are too few, an interval over pictures takes {LEAST_PICTURES}")
    before, after = (_mean_draws([(one.draws or {}).get(column.key, []) for one in side]) for side in sides)
    changes = [None if a is None or b is None else b - a for a, b in zip(before, after, strict=False)]
    interval = percentile_interval(changes)
    return OverPictures(interval, "" if interval else "the score is undefined in too many draws of pictures")


def _mean_draws(runs: Sequence[Sequence[float | None]]) -> list[float | None]:
    """The mean over runs of each draw; None where one of them has none."""
    means: list[float | None] = []
    for values in zip(*runs, strict=True):
        known = [value for value in values if value is not None]
        means.append(fsum(known) / len(known) if len(known) == len(values) else None)
    return means


def _draw(run: Member, draws: int) -> Drawn:
    """A run's scores in every draw of pictures, where its folder holds what each picture counted."""
    if not run.states.is_file():
        again = f"; `pixelwise evaluate {run.path} --split {run.split}` keeps it for `compare --split {run.split}`"
        return Drawn(lack=f"{run.path} has not kept what each picture counted{again if run.split else ''}")
    try:
        kept = read_states(run.states)
        found: Draws = {}
        for number, item in enumerate(run.recipe["metrics"]):
            found |= _draw_metric(run, kept, number, item, draws)
    except (PixelwiseError, KeyError, ValueError, TypeError) as error:
        return Drawn(lack=f"what {run.path} has kept of each picture cannot be used ({error})")
    return Drawn(kept.names, found)


def _draw_metric(run: Member, kept: PictureStates, number: int, item: Any, draws: int) -> Draws:
    """Member metric's draws, once its counts have been seen to add up to the scores on record."""
    info, states = _info(run), kept.metrics[number]
    options = {name: value for name, value in item.items() if name != "name"}
    again = {score.key: score.value for score in score_states(item["name"], options, info, states.total())}
    told = {score.key: score.value for score in scores_of(run.scored["metrics"][number])}
    if any(again[key] != value for key, value in told.items() if key in again):
        raise ValueError("it does not add up to the scores on record")
    return score_draws(item["name"], options, info, states, draws)


def _info(run: Member) -> DatasetInfo:
    """What the run recorded of its data set and classes."""
    data = run.record.data
    frequencies = data.get("frequencies")
    return DatasetInfo(
        name=str(data["name"]),
        classes=tuple(run.record.classes),
        colours=tuple(run.record.colours),
        knows=frozenset(data.get("knows") or ()),
        void=run.record.void,
        source=str(data.get("source") or ""),
        frequencies=None if frequencies is None else tuple(frequencies),
    )
