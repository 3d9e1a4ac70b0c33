"""Bars of work in progress, under lines that stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from pixelwise.terminal.output import ACCENT, GOOD, QUIET, Part, clean, is_live, progress_console, show_line


@dataclass(frozen=True)
class Bar:
    """One bar.

    label:  the text before it
    share:  how much is done, 0 to 1; None where that is not known
    rest:   the text after it
    """

    label: str
    share: float | None
    rest: str = ""


class Bars:
    """Bars below each other until the block ends; where the console is not a terminal, only the lines are printed.

    with Bars() as bars:
        bars.draw([Bar("all", 0.25), Bar("  first", 0.5, "epoch 1/2")])
        bars.line("first is done")
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or progress_console()
        self.live = is_live(self.console)
        self._progress: Progress | None = None
        self._tasks: list[TaskID] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()

    def line(self, *parts: Part) -> None:
        """Print a line above the bars."""
        show_line(self.console, *parts)

    def draw(self, bars: Sequence[Bar]) -> None:
        """Show these bars in place of the last ones."""
        if not self.live:
            return
        progress = self._progress = self._progress or self._begin()
        while len(self._tasks) > len(bars):
            progress.remove_task(self._tasks.pop())
        while len(self._tasks) < len(bars):
            self._tasks.append(progress.add_task("", total=1.0, rest=""))
        for task, bar in zip(self._tasks, bars, strict=True):
            total = None if bar.share is None else 1.0
            progress.update(
                task, description=clean(bar.label), total=total, completed=bar.share or 0.0, rest=clean(bar.rest)
            )
        progress.refresh()

    def clear(self) -> None:
        """Remove the bars; the lines stay."""
        if self._progress is not None:
            self._progress.stop()
        self._progress, self._tasks = None, []

    def _begin(self) -> Progress:
        bar = BarColumn(bar_width=None, style=QUIET, complete_style=ACCENT, finished_style=GOOD)
        before, behind = (TextColumn(f"{{task.{field}}}", markup=False) for field in ("description", "fields[rest]"))
        # drawn by hand (auto_refresh off): no thread beside the training, or beside processes that are started
        progress = Progress(before, bar, behind, console=self.console, auto_refresh=False, transient=True, expand=True)
        progress.start()
        return progress
