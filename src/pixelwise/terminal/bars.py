"""Bars of work in progress, under lines that stay, and one line that shows how far some counted work is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from pixelwise.run.words import clock
from pixelwise.terminal.output import ACCENT, GOOD, QUIET, Part, clean_line, cut, is_live, progress_console, show_line

REFRESH = 0.12  # seconds between two changes of a line on a terminal
LOG_EVERY = 30.0  # seconds between two lines in a log


@dataclass(frozen=True)
class Bar:
    """One bar.

    label:  the text before it
    share:  how much is done, 0 to 1; None if that is not known
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
                task,
                description=cut(clean_line(bar.label), self.console.width // 3),
                total=total,
                completed=bar.share or 0.0,
                rest=clean_line(bar.rest),
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


class Line(Bars):
    """A progress line for counted work, until the block ends: a bar on a terminal, elsewhere a plain line now and then.

        with Line("reading") as line:
            line.show("train", done=3, total=200)

    doing:  the verb before the name of what is worked on
    unit:   what is counted; `bytes` are shown in MiB
    """

    def __init__(self, doing: str = "", *, unit: str = "pictures", console: Console | None = None) -> None:
        super().__init__(console)
        self.doing, self.unit = doing, unit
        self._what: str | None = None
        self._began = self._shown = 0.0

    def show(self, what: str, done: int, total: int, note: str = "") -> None:
        """Say how much of `what` is done; a total of 0 is not known. Cheap: most calls change nothing."""
        now = time.monotonic()
        if what != self._what:
            self._what, self._began = what, now
            self._shown = now - REFRESH if self.live else now
        every = REFRESH if self.live else LOG_EVERY
        if now - self._shown < every and not (self.live and done == total):
            return
        self._shown = now
        label = f"{self.doing} {what}".strip()
        if self.live:
            left = (now - self._began) / done * (total - done) if done and total > done else 0
            parts = [self._count(done, total), f"{clock(left)} left" if left else "", note]
            self.draw([Bar(label, done / total if total else None, "  ".join(part for part in parts if part))])
        else:
            unit = "" if self.unit == "bytes" else f" {self.unit}"
            self.line(f"{label}: {self._count(done, total)}{unit}")

    def _count(self, done: int, total: int) -> str:
        if self.unit == "bytes":
            return f"{done / 2**20:.1f}/{total / 2**20:.1f} MiB" if total else f"{done:,}"
        return f"{done:,}/{total:,}" if total else f"{done:,}"
