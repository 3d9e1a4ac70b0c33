"""What a person sees while a sweep runs: a bar over all, one for each run at work, a line for each that ended."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType

from rich.console import Console
from rich.text import Text

from pixelwise.engine.sweep.bars import ACCENT, BAD, GOOD, QUIET, Bar, Bars, how_far
from pixelwise.engine.sweep.folder import Outcome
from pixelwise.engine.sweep.runner import Change, Job
from pixelwise.run.words import clock, duration


class SweepDisplay:
    """Shows the changes of a sweep. Use it as a context manager; without a terminal it prints a line for each change.

    names:     of all runs, for the width of the column
    finished:  how many of them stood before this began
    """

    def __init__(self, names: list[str], finished: int, jobs: int, console: Console | None = None) -> None:
        self.bars = Bars(console or Console(), len(names))
        self.width = min(48, max(map(len, names), default=0))
        self.total, self.jobs = len(names), jobs
        self.done, self.failed, self._here = finished, 0, 0
        self._seconds = 0.0  # that runs of this session took, from beginning to end
        self._began: dict[str, float] = {}

    def __enter__(self) -> SweepDisplay:
        told = f"{self.total} runs" + (f", {self.done} of them finished before" if self.done else "")
        self.bars.line(Text(f"{told}, {self.jobs} at a time", ACCENT))
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()

    def show(self, change: Change) -> None:
        if change.run is not None and change.kind in ("began", "went on"):
            self._began[change.run.name] = time.monotonic()
            if not self.bars.live:
                self.bars.line(Text(f"{change.kind:<8} {change.run.name}"))
        if change.run is not None and change.kind == "ended" and change.outcome is not None:
            self._end(change.run.name, change.outcome)
        self._draw({job.run.name: job for job in change.jobs})

    def _end(self, name: str, outcome: Outcome) -> None:
        self._here += 1
        self._seconds += time.monotonic() - self._began.get(name, time.monotonic())
        self.done += outcome.state == "done"
        self.failed += outcome.state != "done"
        self.bars.line(self._end_line(name, outcome))

    def _end_line(self, name: str, outcome: Outcome) -> Text:
        state, colour = ("done", GOOD) if outcome.state == "done" else (outcome.state, BAD)
        line = Text(f"{state:<8} ", colour)
        line.append(f"{name:<{self.width}}", "")
        line.append(f"  {duration(outcome.seconds)}", QUIET)
        line.append(f"  {outcome.message}")
        return line

    def _draw(self, jobs: Mapping[str, Job]) -> None:
        share = sum(job.follower.share for job in jobs.values())
        parts = [f"{self.done}/{self.total} done", f"{self.failed} failed" if self.failed else "", self._left(share)]
        bars = {name: Bar(job.follower.share, _rest(job)) for name, job in jobs.items()}
        self.bars.draw(bars, self.done + self.failed, "  ".join(part for part in parts if part))

    def _left(self, share: float) -> str:
        """Time left, from what runs of this session took; nothing before the first one ended."""
        if not self._here:
            return ""
        runs = max(0.0, self.total - self.done - self.failed - share)
        return f"about {clock(runs * self._seconds / self._here / self.jobs)} left"


def _rest(job: Job) -> str:
    return "an earlier sweep's process is still at it" if job.process is None else how_far(job.follower)
