"""The length of a training in updates and epochs, and the place of one update in it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Length:
    """The updates of each phase, and of a whole epoch.

    A phase may end within an epoch. It cuts that epoch short, which counts as one, and the next phase begins with a new
    epoch. So the place of every update is known beforehand. A resume needs only the number of finished epochs and the number
    of updates done in the current one.

    phases:     updates of each phase, 1 or more
    per_epoch:  updates in which as many pictures are shown as there are
    """

    phases: tuple[int, ...]
    per_epoch: int

    @property
    def steps(self) -> int:
        """Updates in all."""
        return sum(self.phases)

    @property
    def epochs(self) -> int:
        """Epochs in all, those cut short too."""
        return len(self._ends)

    @property
    def is_whole(self) -> bool:
        """Whether no epoch is cut short."""
        return all(steps % self.per_epoch == 0 for steps in self.phases)

    def spans(self) -> Iterator[tuple[int, int]]:
        """The epochs of each phase: begin (inclusive) to end (exclusive), counted from 0."""
        end = 0
        for steps in self.phases:
            begin, end = end, end - (-steps // self.per_epoch)
            yield begin, end

    def steps_of(self, epoch: int) -> int:
        """Updates of one epoch, which is counted from 0: those of a whole one, or fewer where its phase ends."""
        return self._ends[epoch] - self.steps_before(epoch)

    def steps_before(self, epoch: int) -> int:
        """Updates before one epoch, which is counted from 0."""
        return self._ends[epoch - 1] if epoch else 0

    def is_cut(self, epoch: int) -> bool:
        """Whether a phase ends within this epoch, which is counted from 0."""
        return self.steps_of(epoch) < self.per_epoch

    def place(self, step: int) -> tuple[int, int]:
        """(epoch, update within it) of an update, all counted from 1; those after the end are in one long last epoch.

        >>> Length((5, 4), per_epoch=3).place(6)
        (3, 1)
        """
        epoch = min(bisect_left(self._ends, step), self.epochs - 1)
        return epoch + 1, step - self.steps_before(epoch)

    def position(self, step: float) -> float:
        """The epochs finished after `step` updates, as a real number within the current epoch."""
        epoch = min(bisect_left(self._ends, step), self.epochs - 1)
        return epoch + (step - self.steps_before(epoch)) / max(1, self.steps_of(epoch))

    @cached_property
    def _ends(self) -> tuple[int, ...]:
        """Updates done by the end of each epoch."""
        ends: list[int] = []
        done = 0
        for steps in self.phases:
            ends += range(done + self.per_epoch, done + steps, self.per_epoch)
            done += steps
            ends.append(done)
        return tuple(ends)
