"""One line that shows how far some counted work is."""

from __future__ import annotations

import time

from rich.console import Console

from pixelwise.run.words import clock
from pixelwise.terminal.bars import Bar, Bars

REFRESH = 0.12  # seconds between two changes of a line on a terminal
LOG_EVERY = 30.0  # seconds between two lines in a log


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
