"""The display of an experiment: a bar over all, one for each run in progress, a line for each run that ended."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from typing import Self

from rich.console import Console

from pixelwise.engine.checks.guard import terminable
from pixelwise.experiments.folder import Outcome
from pixelwise.experiments.runner import Change, Job
from pixelwise.experiments.search import Aim
from pixelwise.run.words import clock, counted, duration, number, score_label
from pixelwise.terminal.bars import Bar, Bars
from pixelwise.terminal.output import ACCENT, BAD, GOOD, QUIET

COLOURS = {"done": GOOD, "pruned": QUIET}
WIDEST = 48  # characters of a name


def follow(changes: Generator[Change, None, None], display: ExperimentDisplay) -> None:
    """Show changes until there are no more. Termination and Ctrl-C save and stop the runs, and raise KeyboardInterrupt."""
    with terminable(), display, closing(changes):
        for change in changes:
            display.show(change)


class ExperimentDisplay(Bars):
    """Shows the changes of an experiment. Use it as a context manager; without a terminal it prints a line for each change.

    noun:    what is counted, `runs` or `trials`
    total:   of them, the earlier ones too
    before:  outcomes of the runs that ended in an earlier session, by name
    aim:     the score to optimise; without one, no score is shown
    """

    def __init__(
        self,
        noun: str,
        total: int,
        *,
        before: Mapping[str, Outcome],
        jobs: int = 1,
        aim: Aim | None = None,
        console: Console | None = None,
    ) -> None:
        super().__init__(console)
        self.noun, self.total, self.jobs, self.aim = noun, total, jobs, aim
        self.ended = dict(before)
        self._here = 0  # runs of this session that ended,
        self._seconds = 0.0  # and how long they took, from beginning to end
        self._began: dict[str, float] = {}

    def __enter__(self) -> Self:
        before = f", {len(self.ended)} of them finished before" if self.ended else ""
        self.line((f"{counted(self.total, self.noun.removesuffix('s'))}{before}, {self.jobs} at a time", ACCENT))
        if self.aim is not None:
            more = "higher" if self.aim.higher_is_better else "lower"
            self.line((f"by {score_label(self.aim.key)} on {self.aim.split}; {more} is better", ACCENT))
        return self

    def show(self, change: Change) -> None:
        """Show one change."""
        run = change.run
        if run is not None and change.kind in ("began", "resumed"):
            self._began[run.name] = time.monotonic()
            if not self.live:
                self.line(f"{change.kind:<8} {run.name}  {run.words}".rstrip())
        if run is not None and change.kind == "ended" and change.outcome is not None:
            self._end(run.name, change.outcome, run.words)
        self._draw(change.jobs)

    def _end(self, name: str, outcome: Outcome, words: str) -> None:
        if name in self._began:
            self._here += 1
            self._seconds += time.monotonic() - self._began[name]
        before = self._best()
        self.ended[name] = outcome
        best = self._best() != before
        score = f"{number(outcome.score) if outcome.state != 'failed' else '':>8}" if self.aim is not None else ""
        self.line(
            (f"{outcome.state:<8} ", COLOURS.get(outcome.state, BAD)),
            f"{name:<{min(WIDEST, max(map(len, self.ended)))}}",
            (f"  {score}", "bold" if best else ""),
            ("  * best" if best else "        " if self.aim is not None else "", GOOD),
            (f"  {duration(outcome.seconds)}  {words}".rstrip(), QUIET),
            f"  {outcome.message}" if outcome.message else "",
        )

    def _best(self) -> float | None:
        """The best score so far of finished runs."""
        if self.aim is None:
            return None
        scores = [one.score for one in self.ended.values() if one.state == "done" and one.score is not None]
        return (max if self.aim.higher_is_better else min)(scores, default=None)

    def _draw(self, jobs: Sequence[Job]) -> None:
        failed = sum(outcome.state == "failed" for outcome in self.ended.values())
        share = sum(job.follower.share for job in jobs)
        best = self._best()
        parts = [f"{len(self.ended) - failed}/{self.total}", f"{failed} failed" if failed else ""]
        parts += [f"best {number(best)}" if best is not None else "", self._left(share)]
        whole = Bar("all", (len(self.ended) + share) / self.total, "  ".join(part for part in parts if part))
        self.draw([whole, *(Bar(f"  {job.run.name}", job.follower.share, _rest(job)) for job in jobs)])

    def _left(self, share: float) -> str:
        """Time left, from the durations of this session's runs; empty before the first one ended."""
        if not self._here:
            return ""
        runs = max(0.0, self.total - len(self.ended) - share)
        return f"about {clock(runs * self._seconds / self._here / self.jobs)} left"


def _rest(job: Job) -> str:
    if job.pruned:
        return "stopping, because others are better"
    return "waiting for the process of an earlier session" if job.process is None else job.follower.words
