"""What a person sees while a search runs: a bar over all trials with the best score so far, a bar for each run at work."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from pixelwise.engine.search.aim import Aim
from pixelwise.engine.search.folder import best_trial
from pixelwise.engine.search.runner import Change, Work
from pixelwise.engine.search.study import Trial
from pixelwise.engine.sweep.grid import short_keys
from pixelwise.run.words import number, score_label

ACCENT, GOOD, BAD, QUIET = "cyan", "green", "red", "bright_black"


class SearchDisplay:
    """Shows the changes of a search. Use it as a context manager; without a terminal it prints a line for each change."""

    def __init__(self, standing: list[Trial], trials: int, jobs: int, aim: Aim, console: Console) -> None:
        self.console, self.aim, self.total, self.jobs = console, aim, trials, jobs
        self.live = console.is_terminal and not console.is_dumb_terminal
        self.ended = {trial.number: trial for trial in standing if trial.state != "running"}
        bar = BarColumn(bar_width=None, style=QUIET, complete_style=ACCENT, finished_style=GOOD)
        columns = TextColumn("{task.description}"), bar, TextColumn("{task.fields[rest]}")
        # drawn by hand (auto_refresh off): no thread beside the processes that we start
        self._progress = Progress(*columns, console=console, auto_refresh=False, transient=True, expand=True)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> SearchDisplay:
        more = "more" if self.aim.higher_is_better else "less"
        before = f", {len(self.ended)} of them before" if self.ended else ""
        self._line(Text(f"{self.total} trials{before}, {self.jobs} at a time", ACCENT))
        self._line(Text(f"after {score_label(self.aim.key)} on {self.aim.split}; {more} is better", ACCENT))
        if self.live:
            self._progress.start()
            self._tasks[""] = self._progress.add_task("all", total=self.total, rest="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, change: Change) -> None:
        trial = change.trial
        if trial is not None and change.kind == "ended":
            best = best_trial(list(self.ended.values()), self.aim.higher_is_better)
            self.ended[trial.number] = trial
            now = best_trial(list(self.ended.values()), self.aim.higher_is_better)
            self._line(_end_line(trial, is_best=now is not None and now is not best))
        elif trial is not None and not self.live:
            self._line(Text(f"{change.kind:<8} {trial.name}  {values_line(trial.values)}"))
        if self.live:
            self._draw({work.trial.name: work for work in change.works})

    def _draw(self, works: Mapping[str, Work]) -> None:
        for name in list(self._tasks):
            if name and name not in works:
                self._progress.remove_task(self._tasks.pop(name))
        for name, work in works.items():
            if name not in self._tasks:
                self._tasks[name] = self._progress.add_task(f"  {name}", total=1.0, rest="starting")
            self._progress.update(self._tasks[name], completed=work.job.follower.share, rest=_how_far(work))
        best = best_trial(list(self.ended.values()), self.aim.higher_is_better)
        told = f"{len(self.ended)}/{self.total}" + (f"  best {number(best.score)}" if best is not None else "")
        done = len(self.ended) + sum(work.job.follower.share for work in works.values())
        self._progress.update(self._tasks[""], completed=done, rest=told, refresh=True)

    def _line(self, line: Text) -> None:
        self.console.print(line, soft_wrap=not self.console.is_terminal, highlight=False)


def values_line(values: Mapping[str, str]) -> str:
    """`learning_rate 0.003  batch 32`"""
    keys = short_keys(list(values))
    return "  ".join(f"{keys[path]} {value}" for path, value in values.items())


def _end_line(trial: Trial, *, is_best: bool) -> Text:
    line = Text(f"{trial.state:<8} ", {"done": GOOD, "pruned": QUIET}.get(trial.state, BAD))
    line.append(f"{trial.name}  ", "")
    line.append(f"{number(trial.score):>8}" if trial.state != "failed" else " " * 8, "bold" if is_best else "")
    line.append("  * best  " if is_best else "          ", GOOD)
    line.append(values_line(trial.values), QUIET)
    if trial.message:
        line.append(f"  {trial.message}")
    return line


def _how_far(work: Work) -> str:
    follower = work.job.follower
    if work.pruned:
        return "others are better: stopping"
    if not follower.steps:
        return "starting"
    best = f"  {score_label(follower.metric)} {number(follower.best)}" if follower.best is not None else ""
    return f"epoch {follower.epoch}/{follower.epochs}{best}"
