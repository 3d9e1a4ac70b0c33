"""What a person sees while a search runs: a bar over all trials with the best score so far, a bar for each run at work."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType

from rich.console import Console
from rich.text import Text

from pixelwise.engine.search.aim import Aim
from pixelwise.engine.search.folder import best_trial
from pixelwise.engine.search.runner import Change, Work
from pixelwise.engine.search.study import Trial
from pixelwise.engine.sweep.bars import ACCENT, BAD, GOOD, QUIET, Bar, Bars, how_far
from pixelwise.engine.sweep.grid import short_keys
from pixelwise.run.words import number, score_label


class SearchDisplay:
    """Shows the changes of a search. Use it as a context manager; without a terminal it prints a line for each change."""

    def __init__(self, standing: list[Trial], trials: int, jobs: int, aim: Aim, console: Console) -> None:
        self.bars, self.aim, self.total, self.jobs = Bars(console, trials), aim, trials, jobs
        self.ended = {trial.number: trial for trial in standing if trial.state != "running"}

    def __enter__(self) -> SearchDisplay:
        more = "more" if self.aim.higher_is_better else "less"
        before = f", {len(self.ended)} of them before" if self.ended else ""
        self.bars.line(Text(f"{self.total} trials{before}, {self.jobs} at a time", ACCENT))
        self.bars.line(Text(f"after {score_label(self.aim.key)} on {self.aim.split}; {more} is better", ACCENT))
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()

    def show(self, change: Change) -> None:
        trial = change.trial
        if trial is not None and change.kind == "ended":
            best = best_trial(list(self.ended.values()), self.aim.higher_is_better)
            self.ended[trial.number] = trial
            now = best_trial(list(self.ended.values()), self.aim.higher_is_better)
            self.bars.line(_end_line(trial, is_best=now is not None and now is not best))
        elif trial is not None and not self.bars.live:
            self.bars.line(Text(f"{change.kind:<8} {trial.name}  {values_line(trial.values)}"))
        self._draw({work.trial.name: work for work in change.works})

    def _draw(self, works: Mapping[str, Work]) -> None:
        best = best_trial(list(self.ended.values()), self.aim.higher_is_better)
        told = f"{len(self.ended)}/{self.total}" + (f"  best {number(best.score)}" if best is not None else "")
        bars = {name: Bar(work.job.follower.share, _rest(work)) for name, work in works.items()}
        self.bars.draw(bars, len(self.ended), told)


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


def _rest(work: Work) -> str:
    return "others are better: stopping" if work.pruned else how_far(work.job.follower)
