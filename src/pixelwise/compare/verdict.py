"""The difference between two groups in one column: two intervals, and what they allow to say."""

from __future__ import annotations

from dataclasses import dataclass

from pixelwise.compare.columns import Column
from pixelwise.compare.gather import Group
from pixelwise.run.words import ABSENT
from pixelwise.statistics.spread import Difference, Interval


@dataclass(frozen=True)
class OverPictures:
    """The paired bootstrap's interval of a difference, or in words why there is none."""

    interval: Interval | None
    lack: str = ""


@dataclass(frozen=True)
class Verdict:
    """The second group's mean less the first's, with its intervals over seeds and over pictures."""

    column: Column
    first: Group
    second: Group
    seeds: Difference
    pictures: OverPictures

    @property
    def words(self) -> str:
        """One sentence for people: what is known, and what there is not enough data to say."""
        value, over_seeds, over_pictures = self.seeds.value, self.seeds.interval, self.pictures.interval
        if value is None:
            return f"Not enough data to say: {self.seeds.lack}."
        if over_seeds is None and over_pictures is None:
            return f"Not enough data to say: {self.seeds.lack}; {self.pictures.lack}."
        for interval, what in ((over_pictures, "pictures of this kind"), (over_seeds, "seeds")):
            if interval is not None and interval.holds_zero:
                return f"No clear difference: with other {what} it could be the other way round."
        better = f"{self.second.letter} is {self._word(value)}"
        if over_seeds is None:
            return f"{better} on pictures of this kind with these weights. Other seeds are unknown: {self.seeds.lack}."
        if over_pictures is None:
            return f"{better} with other seeds too. Other pictures are unknown: {self.pictures.lack}."
        return f"{better}: neither the choice of seeds nor that of pictures explains the difference."

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
