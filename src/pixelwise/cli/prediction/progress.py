"""How far a prediction is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Advance(Protocol):
    """Called with the name of each picture that is done."""

    def __call__(self, name: str) -> None: ...


@contextmanager
def progress(total: int) -> Iterator[Advance]:
    """A bar on a terminal; elsewhere a line now and then. Both on stderr, so that stdout holds results alone."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True, highlight=False, markup=False)
    if not console.is_terminal:
        said, done = time.monotonic(), 0

        def line(name: str) -> None:
            nonlocal said, done
            done += 1
            if time.monotonic() - said >= 30:
                said = time.monotonic()
                console.print(f"labelled {done} of {total} pictures")

        yield line
        return
    columns = TextColumn("labelling"), BarColumn(bar_width=30), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, TextColumn("{task.fields[name]}", markup=False), console=console, transient=True) as bar:
        task = bar.add_task("", total=total, name="")
        yield lambda name: bar.update(task, advance=1, name=name)
