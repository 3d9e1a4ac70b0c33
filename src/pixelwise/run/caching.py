"""A line that shows how far the pictures of a split are read, the first time that they are."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn


class CachingLine:
    """`show(split, done, total)` draws a bar while pictures are decoded into the cache; nothing where there is no need."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console()
        columns = TextColumn("reading {task.description}"), BarColumn(bar_width=30), MofNCompleteColumn()
        self._progress = Progress(*columns, console=self.console, transient=True)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> CachingLine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, split: str, done: int, total: int) -> None:
        """Say how many of a split's pictures are read."""
        if not self.console.is_terminal:
            if done == total:
                self.console.print(f"read {total} pictures of '{split}'", highlight=False)
            return
        if split not in self._tasks:
            self._progress.start()
            self._tasks[split] = self._progress.add_task(split, total=total)
        self._progress.update(self._tasks[split], completed=done)
