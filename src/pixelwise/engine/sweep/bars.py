"""Bars of runs at work, one over all and one for each, under lines that stay: what a sweep and a search draw with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from pixelwise.engine.sweep.follow import Follower
from pixelwise.run.words import number, score_label

ACCENT, GOOD, BAD, QUIET = "cyan", "green", "red", "bright_black"


@dataclass(frozen=True)
class Bar:
    """How much of a run is done, 0 to 1, and what stands behind its bar."""

    share: float
    rest: str


class Bars:
    """Bars from `start` to `stop`; where the console is no terminal there are only the lines.

    total:  runs in all, whether at work or not
    """

    def __init__(self, console: Console, total: int) -> None:
        self.console, self.total = console, total
        self.live = console.is_terminal and not console.is_dumb_terminal
        bar = BarColumn(bar_width=None, style=QUIET, complete_style=ACCENT, finished_style=GOOD)
        columns = TextColumn("{task.description}"), bar, TextColumn("{task.fields[rest]}")
        # drawn by hand (auto_refresh off): no thread beside the processes that we start
        self._progress = Progress(*columns, console=console, auto_refresh=False, transient=True, expand=True)
        self._tasks: dict[str, TaskID] = {}

    def start(self) -> None:
        """Show the bar over all."""
        if self.live:
            self._progress.start()
            self._tasks[""] = self._progress.add_task("all", total=self.total, rest="")

    def stop(self) -> None:
        """Take the bars away; the lines stay."""
        self._progress.stop()

    def line(self, line: Text) -> None:
        """Print a line above the bars."""
        self.console.print(line, soft_wrap=not self.console.is_terminal, highlight=False)

    def draw(self, bars: Mapping[str, Bar], ended: int, rest: str) -> None:
        """Show the bars of the runs at work by their names, and all together: `ended` of them, and their shares."""
        if not self.live:
            return
        for name in list(self._tasks):
            if name and name not in bars:
                self._progress.remove_task(self._tasks.pop(name))
        for name, bar in bars.items():
            if name not in self._tasks:
                self._tasks[name] = self._progress.add_task(f"  {name}", total=1.0, rest="starting")
            self._progress.update(self._tasks[name], completed=bar.share, rest=bar.rest)
        done = ended + sum(bar.share for bar in bars.values())
        self._progress.update(self._tasks[""], completed=done, rest=rest, refresh=True)


def how_far(follower: Follower) -> str:
    """`epoch 3/20  mean IoU 0.412`: where a run is, and its best score so far."""
    if not follower.steps:
        return "starting"
    best = f"  {score_label(follower.metric)} {number(follower.best)}" if follower.best is not None else ""
    return f"epoch {follower.epoch}/{follower.epochs}{best}"
