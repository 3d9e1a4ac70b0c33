"""The difference between two groups in one column: two intervals, and what can honestly be said of them."""

from __future__ import annotations

from dataclasses import dataclass

from pixelwise.report.comparison.gather import Column, Group
from pixelwise.run.words import ABSENT
from pixelwise.statistics.spread import Difference, Interval


@dataclass(frozen=True)
class OverPictures:
    """The paired bootstrap's interval of a difference, or in words why there is none."""

    interval: Interval | None
    lack: str = ""


@dataclass(frozen=True)
class Verdict:
    """The second group's mean less the first's, with what speaks for it."""

    column: Column
    first: Group
    second: Group
    seeds: Difference
    pictures: OverPictures

    @property
    def words(self) -> str:
        """One sentence for people: what is known, and what there is not enough data to say."""
        value = self.seeds.value
        if value is None:
            return f"Not enough data to say: {self.seeds.lack}."
        over_seeds, over_pictures = self.seeds.interval, self.pictures.interval
        better = f"{self.second.letter} is {self._word(value)}"
        if over_seeds is None and over_pictures is None:
            return f"Not enough data to say: {self.seeds.lack}; {self.pictures.lack}."
        if over_pictures is not None and over_pictures.holds_zero:
            return (
                "No difference can be told: with other pictures of this kind it could as well be the other way round."
            )
        if over_seeds is not None and over_seeds.holds_zero:
            return "No difference can be told: with other seeds it could as well be the other way round."
        if over_seeds is None:
            what = f"{better} on pictures of this kind with these weights"
            return f"{what}. What other seeds would give is not known: {self.seeds.lack}."
        if over_pictures is None:
            return f"{better} whatever the seed. What other pictures would give is not known: {self.pictures.lack}."
        return f"{better}: neither the choice of seeds nor that of pictures explains it."

    def _word(self, value: float) -> str:
        if value == 0:
            return "equal"
        return "better" if (value > 0) == self.column.score.higher_is_better else "worse"


def signed(value: float | None) -> str:
    """A difference with its sign.

    >>> signed(0.0123), signed(-.5), signed(None)
    ('+0.0123', '−0.5000', '–')
    """
    return ABSENT if value is None else f"{value:+.4f}".replace("-", "−")


def between(interval: Interval | None, lack: str = "") -> str:
    """An interval as people read it, or why there is none."""
    return f"{signed(interval.low)} … {signed(interval.high)}" if interval is not None else lack or ABSENT
