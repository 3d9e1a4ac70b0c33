"""What a person sees while a training runs: a progress line, one table line an epoch, the scores at the end.

Where the output is no terminal (a file, a log of CI) the same things come as plain lines without control characters.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from pixelwise.run.events import EpochDone, Event, Finished, Noted, PhaseBegan, Saved, Started, StepDone
from pixelwise.run.length import Length
from pixelwise.run.words import clock, convention_label, duration, number, quantity, score_label
from pixelwise.types import Score

REFRESH = 0.12  # seconds between two changes of the progress line: steps may come a hundred times faster
LOG_EVERY = 30.0  # seconds between two progress lines in a log
NARROWEST = (7, 8, 8, 8, 8, 10)  # characters of the table's columns: with the star it stays within 80
ACCENT, GOOD, QUIET, WARN = "cyan", "green", "bright_black", "yellow"


class Display:
    """Shows the events of a training, in time order. Use it as a context manager around the loop.

        with Display(batch=16) as display:
            for event in fit(...):
                display.show(event)

    batch:   pictures a step, to speak of pictures/s (else steps/s)
    metric:  name or key of the score that stands in the table; without one, that of the best checkpoint
    """

    def __init__(self, console: Console | None = None, *, batch: int | None = None, metric: str = "") -> None:
        self.console = console or Console()
        self.live = self.console.is_terminal and not self.console.is_dumb_terminal
        self.batch = batch
        self.metric = metric
        self._plan: Started | None = None
        self._pending: EpochDone | None = None
        self._best_epoch: int | None = None
        self._widths: list[int] = []
        self._pace = _Pace()
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Display:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._flush_epoch()
        self._close_progress()

    def show(self, event: Event) -> None:
        """Show one event. Steps are cheap: the progress line changes a few times a second at most."""
        if isinstance(event, StepDone):
            if self._pending is not None:
                self._flush_epoch()
            self._show_step(event)
        elif isinstance(event, Saved):
            self._remember(event)
        else:
            self._flush_epoch()
            self._show_rare(event)

    def _show_rare(self, event: Event) -> None:
        match event:
            case Started():
                self._start(event)
            case EpochDone():
                self._pending = event  # shown when it is known whether it was the best
                self._pace.validated()
            case PhaseBegan() if event.phase > 0:
                self._line(f"phase {event.phase + 1}: {event.trainable:,} parameters are trained", ACCENT)
            case Noted():
                self._line(f"note: {event.text}", WARN)
            case Finished():
                self._finish(event)
            case _:
                pass

    # -- the progress line ---------------------------------------------------------------------------------------

    def _start(self, event: Started) -> None:
        self._plan = event
        self._pace.begin(event.step)
        if event.step:
            self._line(f"going on after step {event.step:,}, epoch {event.epoch} of {event.epochs}", ACCENT)
        else:
            self._line(_plan_words(event.length), ACCENT)
        if self.live and self._progress is None:
            bar = BarColumn(bar_width=None, style=QUIET, complete_style=ACCENT, finished_style=GOOD)
            columns = [TextColumn("{task.fields[where]}", style=ACCENT), bar, TextColumn("{task.fields[rest]}")]
            # drawn by hand from `show` (auto_refresh off): no thread of its own beside the training
            self._progress = Progress(
                *columns, console=self.console, auto_refresh=False, transient=True, expand=True, refresh_per_second=8
            )
            self._progress.start()
            total = event.length.steps
            self._task = self._progress.add_task("", total=total, completed=event.step, where="starting", rest="")
            self._progress.refresh()

    def _show_step(self, event: StepDone) -> None:
        now = self._pace.step(event)
        plan = self._plan
        if plan is None:
            return
        length = plan.length
        epoch, step = length.place(event.step)
        steps = length.steps_of(epoch - 1)
        last_of_epoch = step == steps
        if not self._pace.due(now, REFRESH if self.live else LOG_EVERY) and not (last_of_epoch and self.live):
            return
        self._pace.shown = now
        where = f"epoch {epoch}/{plan.epochs}  step {step}/{steps}"
        if not length.is_whole:  # the recipe says how many steps, so that is what a person counts
            where = f"step {event.step:,}/{length.steps:,}  epoch {epoch}/{plan.epochs}"
        left = self._pace.seconds_left(length.steps, now)
        parts = [f"loss {number(_total(event.losses), 3)}", self._pace.rate(self.batch, now)]
        parts.append("validating" if last_of_epoch else f"{clock(left)} left" if left is not None else "")
        rest = "  ".join(part for part in parts if part)
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=event.step, where=where, rest=rest, refresh=True)
        elif not self.live:
            self._line(f"{where}  {rest}")

    def _close_progress(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    # -- the table -----------------------------------------------------------------------------------------------

    def _remember(self, event: Saved) -> None:
        if event.which != "best":
            return
        self._best_epoch = event.epoch
        self.metric = self.metric or event.metric

    def _flush_epoch(self) -> None:
        event, self._pending = self._pending, None
        if event is None:
            return
        key = _find_key(event.scores, self.metric)
        if not self._widths:
            names = ["epoch", "train loss", "val loss", score_label(key) if key else "score", "learning rate", "time"]
            self._widths = [max(len(name), least) for name, least in zip(names, NARROWEST, strict=True)]
            self._line(self._cells(names), f"bold {QUIET}" if self.live else "")
        of = f"/{self._plan.epochs}" if self._plan else ""
        seconds = sum(event.seconds.values()) if event.seconds else None
        values = [
            f"{event.epoch}{of}",
            number(_total(event.train)),
            number(_total(event.validation)),
            number(event.scores.get(key) if key else None),
            f"{event.learning_rate:.2e}",
            duration(seconds),
        ]
        best = event.epoch == self._best_epoch
        line = Text(self._cells(values))
        if best:
            line.append("  * best" if not self.live or not _unicode(self.console) else "  ★ best")
            line.stylize(f"bold {GOOD}" if self.live else "")
        self._line(line)

    def _cells(self, values: Iterable[str]) -> str:
        return "  ".join(value.rjust(width) for value, width in zip(values, self._widths, strict=True))

    def _finish(self, event: Finished) -> None:
        self._close_progress()
        words = {"complete": "finished", "early stopping": "stopped early: no better score for long enough"}
        text = f"{words.get(event.reason, event.reason)} after epoch {event.epoch}, step {event.step:,}"
        if event.best_epoch is not None:
            score = f"{score_label(self.metric)} " if self.metric else ""
            text += f"; best was epoch {event.best_epoch} ({score}{number(event.best_value)})"
        self._line(text, WARN if event.reason == "interrupted" else f"bold {GOOD}")

    def _line(self, text: str | Text, style: str = "") -> None:
        """One line as it is: no markup, so that a class or file name in brackets stays what it is."""
        _print(self.console, text, style)


class _Pace:
    """How fast steps come: pictures/s within the epoch, and the time left with validation counted in."""

    def __init__(self) -> None:
        self.shown = -1e9
        self._began = self._epoch_began = time.monotonic()
        self._first = self._step = self._epoch_first = 0
        self._epoch = -1

    def begin(self, step: int) -> None:
        self._began = self._epoch_began = self.shown = time.monotonic()
        self._first = self._step = self._epoch_first = step
        self._epoch = -1

    def step(self, event: StepDone) -> float:
        now = time.monotonic()
        if event.epoch != self._epoch:  # the first step of an epoch waits for the data: the clock starts behind it
            self._epoch, self._epoch_began, self._epoch_first = event.epoch, now, event.step
        self._step = event.step
        return now

    def validated(self) -> None:
        self.shown = min(self.shown, time.monotonic() - REFRESH)

    def due(self, now: float, every: float) -> bool:
        return now - self.shown >= every

    def rate(self, batch: int | None, now: float) -> str:
        steps, seconds = self._step - self._epoch_first, now - self._epoch_began
        if steps < 1 or seconds <= 0:
            return ""
        rate, unit = steps * (batch or 1) / seconds, "pictures/s" if batch else "steps/s"
        return f"{rate:,.0f} {unit}" if rate >= 10 else f"{rate:.1f} {unit}"

    def seconds_left(self, total: int, now: float) -> float | None:
        done = self._step - self._first
        return (now - self._began) / done * (total - self._step) if done else None


def show_scores(
    summary: Mapping[str, Any],
    console: Console | None = None,
    *,
    run: Path | None = None,
    report: Path | None = None,
) -> None:
    """The scores of a run's summary as tables, each number with its convention, then where run and report lie."""
    console = console or Console()
    for split, record in (summary.get("splits") or {}).items():
        for metric in record.get("metrics") or ():
            title = ", ".join(str(part) for part in _caption(split, record))
            _print(console, f"\n{title}", "bold")
            console.print(_score_table(metric.get("scores") or (), metric.get("constant_guess")))
            if 1 < len(metric.get("per_class") or ()) <= 30:
                console.print()
                console.print(_class_table(metric["per_class"], _unicode(console)))
    console.print()
    for name, path in (("run", run), ("report", report)):
        if path is not None:
            _print(console, f"{name:<7} {path}", f"bold {GOOD}" if name == "report" else "")


def _caption(split: str, record: Mapping[str, Any]) -> Iterable[str]:
    yield f"scores on {split}"
    if record.get("checkpoint"):
        yield f"{record['checkpoint']} checkpoint"
    if record.get("pictures") is not None:
        yield f"{record['pictures']:,} pictures"
    if record.get("resolution"):
        yield f"counted at {record['resolution']}"


def _score_table(scores: Iterable[Mapping[str, Any]], guess: Mapping[str, Any] | None) -> Table:
    """A line a score; beside it what the same guess everywhere would score, so that a small number can be judged."""
    table = Table(box=None, pad_edge=False, header_style=QUIET, padding=(0, 3, 0, 0))
    table.add_column("score")
    table.add_column("value", justify="right", style="bold", no_wrap=True)
    if guess:
        table.add_column(Text(f"always “{guess['class']}”"), justify="right", style=QUIET, no_wrap=True)
    table.add_column("convention", style=QUIET)
    table.add_column("stands on", justify="right", style=QUIET, no_wrap=True)
    for score in map(Score.from_record, scores):
        table.add_row(
            Text(score_label(score.name)),
            number(score.value),
            *([number(guess["scores"].get(score.key))] if guess else []),
            Text(convention_label(score.convention)),
            quantity(score.support),
        )
    return table


def _class_table(rows: Iterable[Mapping[str, Any]], unicode: bool) -> Table:
    """One line a class with the score that its row names first."""
    table = Table(box=None, pad_edge=False, header_style=QUIET, padding=(0, 3, 0, 0))
    table.add_column("class")
    rows = list(rows)
    score = next((key for row in rows for key in row if key not in ("class", "support")), "")
    table.add_column(score_label(score), justify="right", no_wrap=True)
    table.add_column("")
    for row in rows:
        value = row.get(score)
        table.add_row(Text(str(row.get("class", ""))), number(value), Text(_bar(value or 0.0, unicode), ACCENT))
    return table


def _bar(value: float, unicode: bool, width: int = 30) -> str:
    """A bar for a value in 0..1, in half characters where there are such."""
    halves = round(2 * width * value)
    return "━" * (halves // 2) + "╸" * (halves % 2) if unicode else "=" * (halves // 2)


def _print(console: Console, text: str | Text, style: str = "") -> None:
    """Print one line. Its style is put on the text and not on the call, which would also paint the progress line."""
    line = Text(text, style) if isinstance(text, str) else text
    if not isinstance(text, str) and style:
        line.stylize(style)
    console.print(line, soft_wrap=not console.is_terminal, highlight=False)


def _plan_words(length: Length) -> str:
    """`training 25 epochs of 45 steps`, or where a phase ends within an epoch how many steps that makes in all."""
    per_epoch = "1 step" if length.per_epoch == 1 else f"{length.per_epoch:,} steps"
    epochs = "1 epoch" if length.epochs == 1 else f"{length.epochs:,} epochs"
    if length.is_whole:
        return f"training {epochs} of {per_epoch}"
    steps = "1 step" if length.steps == 1 else f"{length.steps:,} steps"
    return f"training {steps}: {epochs} of up to {per_epoch}"


def _total(losses: Mapping[str, float | None]) -> float | None:
    return losses.get("loss")


def _find_key(scores: Mapping[str, float | None], metric: str) -> str:
    """The key of `metric` (a key or a short name); without one, the first score."""
    short = (key for key in scores if metric and Score.from_key(key).name == metric)
    return metric if metric in scores else next(short, "") or next(iter(scores), "")


def _unicode(console: Console) -> bool:
    return console.encoding.lower().startswith("utf")
