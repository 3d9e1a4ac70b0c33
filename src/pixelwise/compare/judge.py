"""Differences between groups of runs, with intervals over seeds and over pictures, and a sentence on what they show."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from math import fsum

from pixelwise.compare.columns import Column
from pixelwise.compare.gather import Comparison, Group, Member
from pixelwise.errors import PixelwiseError, RunError, raised
from pixelwise.metrics.pictures import counted_by, score_draws, score_states
from pixelwise.report.record import Json, scores_of
from pixelwise.run.records.plain import is_plain_file
from pixelwise.run.states import Kept, PictureStates, read_states
from pixelwise.run.words import ABSENT
from pixelwise.statistics.bootstrap import DRAWS, LEAST_PICTURES, percentile_interval
from pixelwise.statistics.spread import Difference, Interval, difference
from pixelwise.types import DatasetInfo

Draws = dict[str, list[float | None]]  # score key → its value in each draw


@dataclass(frozen=True)
class Verdict:
    """The second group's mean less the first's, with its intervals over seeds and over pictures (a paired bootstrap's)."""

    column: Column
    first: Group
    second: Group
    seeds: Difference
    pictures: Difference

    @property
    def is_clear(self) -> bool:
        """Whether there is an interval, and none contains 0."""
        known = [one for one in (self.seeds.interval, self.pictures.interval) if one is not None]
        return bool(known) and not any(one.holds_zero for one in known)

    @property
    def words(self) -> str:
        """One sentence: what the intervals show, and what there is not enough data for."""
        value, over_seeds, over_pictures = self.seeds.value, self.seeds.interval, self.pictures.interval
        if value is None:
            return f"Not enough data to say: {self.seeds.lack}."
        if over_seeds is None and over_pictures is None:
            return f"Not enough data to say: {self.seeds.lack}; {self.pictures.lack}."
        for interval, what in ((over_pictures, "pictures of this kind"), (over_seeds, "seeds")):
            if interval is not None and interval.holds_zero:
                return f"No clear difference: with other {what} the order could be reversed."
        better = "equal" if value == 0 else "better" if (value > 0) == self.column.score.higher_is_better else "worse"
        better = f"{self.second.letter} is {better}"
        if over_seeds is None:
            return f"{better} on pictures of this kind with these weights. Other seeds are unknown: {self.seeds.lack}."
        if over_pictures is None:
            return f"{better} with other seeds too. Other pictures are unknown: {self.pictures.lack}."
        return f"{better}: neither the choice of seeds nor that of pictures explains the difference."


def signed(value: float | None) -> str:
    """A difference with its sign.

    >>> signed(0.0123), signed(-.5), signed(None)
    ('+0.0123', '−0.5000', '–')
    """
    return ABSENT if value is None else f"{value:+.4f}".replace("-", "−")


def between(interval: Interval | None, lack: str = "") -> str:
    """An interval as people read it, or why there is none."""
    return f"{signed(interval.low)} … {signed(interval.high)}" if interval is not None else lack or ABSENT


@dataclass(frozen=True)
class Drawn:
    """A run's bootstrap draws and the names of its pictures, or in words why there are none."""

    names: tuple[str, ...] = ()
    draws: Draws | None = None
    lack: str = ""


def judge(comparison: Comparison, columns: Sequence[Column], draws: int = DRAWS) -> list[Verdict]:
    """Every other group compared with the first one that has a score, in each of the columns."""
    several = len(comparison.groups) > 1
    drawn = {group.letter: [_draw(run, draws) for run in group.runs] for group in comparison.groups if several}
    return list(_verdicts(comparison, columns, drawn))


def _verdicts(comparison: Comparison, columns: Sequence[Column], drawn: dict[str, list[Drawn]]) -> Iterator[Verdict]:
    for column in columns:
        groups = [group for group in comparison.groups if group.has(column)]
        for other in groups[1:]:
            seeds = difference(groups[0].values(column), other.values(column))
            pictures = _over_pictures(column, drawn[groups[0].letter], drawn[other.letter])
            yield Verdict(column, groups[0], other, seeds, Difference(seeds.value, *pictures))


def leading(comparison: Comparison, column: Column, draws: int = DRAWS) -> frozenset[str]:
    """The letters of the group with the best mean of a score, and of all whose difference from it is not clear.

    Empty if that would be every group.
    """
    sign = 1 if column.score.higher_is_better else -1
    means = [(group, mean) for group in comparison.groups if (mean := group.spread(column).mean) is not None]
    known = [group for group, mean in sorted(means, key=lambda pair: -sign * pair[1])]
    if len(known) < 2:
        return frozenset()
    best = known[0]
    verdicts = judge(replace(comparison, groups=tuple(known)), [column], draws)
    found = {best.letter, *(one.second.letter for one in verdicts if not one.is_clear)}
    return frozenset(found) if len(found) < len(known) else frozenset()


def leading_words(letters: Collection[str], score: str) -> str:
    """Why the rows of these groups are marked, or why no row is."""
    if not letters:
        return f"No row is marked: no difference from the best {score} is clear."
    return (
        f"Marked rows have the best {score}, or do not differ clearly from it: an interval of 95 % of the difference, over "
        "seeds or over pictures, contains 0, or there is no interval."
    )


def _over_pictures(column: Column, first: list[Drawn], second: list[Drawn]) -> tuple[Interval | None, str]:
    """The paired bootstrap: both groups' means over seeds in the same draws of pictures. Without an interval, why."""
    if column.loss:
        return None, "runs do not keep the loss of each picture"
    if lacks := [one.lack for one in (*first, *second) if one.draws is None]:
        return None, lacks[0]
    if len({one.names for one in (*first, *second)}) > 1:
        return None, "the runs were not scored on the same pictures"
    if (pictures := len(first[0].names)) < LEAST_PICTURES:
        return None, f"{pictures} pictures are too few: an interval over pictures needs {LEAST_PICTURES}"
    before, after = (
        [_mean(values) for values in zip(*((one.draws or {}).get(column.key, []) for one in side), strict=True)]
        for side in (first, second)
    )
    interval = percentile_interval(
        [None if a is None or b is None else b - a for a, b in zip(before, after, strict=False)]
    )
    return interval, "" if interval else "the score is undefined in too many draws of pictures"


def _mean(values: Sequence[float | None]) -> float | None:
    """The mean over runs of one draw; None if one of them has none."""
    known = [value for value in values if value is not None]
    return fsum(known) / len(known) if len(known) == len(values) else None


def _draw(run: Member, draws: int) -> Drawn:
    """A run's scores in every draw of pictures, where its folder holds what each picture counted."""
    if not is_plain_file(run.states):
        again = f"; `pixelwise evaluate {run.path} --split {run.split}` keeps it for `compare --split {run.split}`"
        return Drawn(lack=f"{run.path} has not kept what each picture counted{again if run.split else ''}")
    try:
        return Drawn((kept := read_states(run.states)).names, _draw_metrics(run, kept, draws))
    except PixelwiseError as error:
        return Drawn(lack=f"what {run.path} has kept of each picture cannot be used ({error})")


def _draw_metrics(run: Member, kept: PictureStates, draws: int) -> Draws:
    """The draws of all metrics. Raises PixelwiseError if the run has not kept, or not recorded, what its metrics count."""
    items, records = run.recipe.get("metrics") or (), run.scored.get("metrics") or ()
    if not len(items) == len(records) == len(kept.metrics):
        raise RunError(f"it has {len(kept.metrics)} metrics, the recipe {len(items)}, the scores {len(records)}")
    try:
        info = DatasetInfo.from_record(run.record.data)
    except (LookupError, TypeError, ValueError) as error:
        raise RunError(f"setup.json does not say what the data set is: {raised(error)}") from error
    found: Draws = {}
    for number, (item, record) in enumerate(zip(items, records, strict=True)):
        options = {"name": item} if isinstance(item, str) else dict(item)
        found |= _draw_metric(options.pop("name"), options, info, kept.metrics[number], record, draws)
    return found


def _draw_metric(name: str, options: Json, info: DatasetInfo, states: Kept, record: Json, draws: int) -> Draws:
    """One metric's draws, once its counts have been seen to add up to the scores on record."""
    try:
        with counted_by(name):
            scores, exact = score_states(name, options, info, states)
    except (LookupError, ValueError, ArithmeticError) as error:  # counts of a damaged file may be those of anything
        raise RunError(f"it is not what the metric '{name}' counts: {raised(error)}") from error
    again = {score.key: score.value for score in scores}
    told = {score.key: score.value for score in scores_of(record)}
    if exact and any(again[key] != value for key, value in told.items() if key in again):
        raise RunError("it does not add up to the recorded scores")
    with counted_by(name):
        return score_draws(name, options, info, states, draws)
