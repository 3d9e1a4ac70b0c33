"""What a person sees while a sweep runs: a bar over all, one for each run at work, a line for each that ended."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from pixelwise.engine.sweep.folder import Outcome
from pixelwise.engine.sweep.runner import Change, Job
from pixelwise.run.words import clock, duration, number, score_label

ACCENT, GOOD, BAD, QUIET = "cyan", "green", "red", "bright_black"


class SweepDisplay:
    """Shows the changes of a sweep. Use it as a context manager; without a terminal it prints a line for each change.

    names:     of all runs, for the width of the column
    finished:  how many of them stood before this began
    """

    def __init__(self, names: list[str], finished: int, jobs: int, console: Console | None = None) -> None:
        self.console = console or Console()
        self.live = self.console.is_terminal and not self.console.is_dumb_terminal
        self.width = min(48, max(map(len, names), default=0))
        self.total, self.jobs = len(names), jobs
        self.done, self.failed, self._here = finished, 0, 0
        self._seconds = 0.0  # that runs of this session took, from beginning to end
        self._began: dict[str, float] = {}
        bar = BarColumn(bar_width=None, style=QUIET, complete_style=ACCENT, finished_style=GOOD)
        columns = TextColumn("{task.description}"), bar, TextColumn("{task.fields[rest]}")
        # drawn by hand (auto_refresh off): no thread beside the processes that we start
        self._progress = Progress(*columns, console=self.console, auto_refresh=False, transient=True, expand=True)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> SweepDisplay:
        told = f"{self.total} runs" + (f", {self.done} of them finished before" if self.done else "")
        self._line(Text(f"{told}, {self.jobs} at a time", ACCENT))
        if self.live:
            self._progress.start()
            self._tasks[""] = self._progress.add_task("all", total=self.total, rest="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, change: Change) -> None:
        if change.run is not None and change.kind in ("began", "went on"):
            self._began[change.run.name] = time.monotonic()
            if not self.live:
                self._line(Text(f"{change.kind:<8} {change.run.name}"))
        if change.run is not None and change.kind == "ended" and change.outcome is not None:
            self._end(change.run.name, change.outcome)
        if self.live:
            self._draw({job.run.name: job for job in change.jobs})

    def ended(self, name: str, outcome: Outcome, score: str = "") -> Text:
        """One line for a run that ended."""
        state, colour = ("done", GOOD) if outcome.state == "done" else (outcome.state, BAD)
        line = Text(f"{state:<8} ", colour)
        line.append(f"{name:<{self.width}}", "")
        line.append(f"  {duration(outcome.seconds)}", QUIET)
        line.append(f"  {score or outcome.message}")
        return line

    def _end(self, name: str, outcome: Outcome) -> None:
        self._here += 1
        self._seconds += time.monotonic() - self._began.get(name, time.monotonic())
        self.done += outcome.state == "done"
        self.failed += outcome.state != "done"
        self._line(self.ended(name, outcome))

    def _draw(self, jobs: Mapping[str, Job]) -> None:
        for name in list(self._tasks):
            if name and name not in jobs:
                self._progress.remove_task(self._tasks.pop(name))
        for name, job in jobs.items():
            if name not in self._tasks:
                self._tasks[name] = self._progress.add_task(f"  {name}", total=1.0, rest="starting")
            self._progress.update(self._tasks[name], completed=job.follower.share, rest=_how_far(job))
        share = sum(job.follower.share for job in jobs.values())
        parts = [f"{self.done}/{self.total} done", f"{self.failed} failed" if self.failed else "", self._left(share)]
        rest = "  ".join(part for part in parts if part)
        self._progress.update(self._tasks[""], completed=self.done + self.failed + share, rest=rest, refresh=True)

    def _left(self, share: float) -> str:
        """Time left, from what runs of this session took; nothing before the first one ended."""
        if not self._here:
            return ""
        runs = max(0.0, self.total - self.done - self.failed - share)
        return f"about {clock(runs * self._seconds / self._here / self.jobs)} left"

    def _line(self, line: Text) -> None:
        self.console.print(line, soft_wrap=not self.console.is_terminal, highlight=False)


def _how_far(job: Job) -> str:
    follower = job.follower
    if job.process is None:
        return "an earlier sweep's process is still at it"
    if not follower.steps:
        return "starting"
    best = f"  {score_label(follower.metric)} {number(follower.best)}" if follower.best is not None else ""
    return f"epoch {follower.epoch}/{follower.epochs}{best}"
