"""The output of a training: a progress line, one table row for each epoch, how it ended.

Where the output is not a terminal (a file, a log of CI) the same things come as plain lines without control characters.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from rich.console import Console

from pixelwise.run.events import EpochDone, Event, Finished, Noted, PhaseBegan, Saved, Started, StepDone
from pixelwise.run.length import Length
from pixelwise.run.words import clock, duration, number, score_label
from pixelwise.terminal.bars import LOG_EVERY, REFRESH, Bar, Bars
from pixelwise.terminal.output import ACCENT, GOOD, QUIET, WARN, cut, has_unicode
from pixelwise.types import Score

NARROWEST = (7, 8, 8, 8, 8, 10)  # characters of the table's columns: with the star it stays within 80
ENDS = {"complete": "finished", "early stopping": "stopped early because the score no longer improved"}


class Display(Bars):
    """Shows the events of a training, in time order. Use it as a context manager around the loop.

        with Display(batch=16) as display:
            for event in fit(...):
                display.show(event)

    batch:   pictures in one step, to show pictures/s (else steps/s)
    metric:  name or key of the score in the table; without one, that of the best checkpoint
    """

    def __init__(self, console: Console | None = None, *, batch: int | None = None, metric: str = "") -> None:
        super().__init__(console)
        self.batch = batch
        self.metric = metric
        self._plan: Started | None = None
        self._pending: EpochDone | None = None
        self._best_epoch: int | None = None
        self._widths: list[int] = []
        self._pace = _Pace()

    def clear(self) -> None:
        """Show an epoch that waits to be shown, and remove the progress line."""
        self._flush_epoch()
        super().clear()

    def show(self, event: Event) -> None:
        """Show one event. Steps are cheap: the progress line changes a few times a second at most."""
        if isinstance(event, Saved):
            self._remember(event)
            return
        self._flush_epoch()
        match event:
            case StepDone():
                self._show_step(event)
            case Started():
                self._start(event)
            case EpochDone():
                self._pending = event  # shown when it is known whether it was the best
                self._pace.validated()
            case PhaseBegan() if event.phase > 0:
                self.line((f"phase {event.phase + 1}: {event.trainable:,} parameters are trained", ACCENT))
            case Noted():
                self.line((f"note: {event.text}", WARN))
            case Finished():
                self._finish(event)

    # -- the progress line ---------------------------------------------------------------------------------------

    def _start(self, event: Started) -> None:
        self._plan = event
        self._pace = _Pace(event.step)
        resumed = f"resuming after step {event.step:,}, epoch {event.epoch} of {event.epochs}"
        self.line((resumed if event.step else _plan_words(event.length), ACCENT))
        self.draw([Bar("starting", event.step / event.length.steps)])

    def _show_step(self, event: StepDone) -> None:
        now, plan = self._pace.step(event), self._plan
        if plan is None:
            return
        length = plan.length
        epoch, step = length.place(event.step)
        steps = length.steps_of(epoch - 1)
        last_of_epoch = step == steps
        due = now - self._pace.shown >= (REFRESH if self.live else LOG_EVERY)
        if not due and not (last_of_epoch and self.live):
            return
        self._pace.shown = now
        where = f"epoch {epoch}/{plan.epochs}  step {step}/{steps}"
        if not length.is_whole:  # the recipe says how many steps, so that is what a person counts
            where = f"step {event.step:,}/{length.steps:,}  epoch {epoch}/{plan.epochs}"
        left = self._pace.seconds_left(length.steps, now)
        parts = [f"loss {number(event.losses.get('loss'), 3)}", self._pace.rate(self.batch, now)]
        parts.append("validating" if last_of_epoch else f"{clock(left)} left" if left is not None else "")
        rest = "  ".join(part for part in parts if part)
        if self.live:
            self.draw([Bar(where, event.step / length.steps, rest)])
        else:
            self.line(f"{where}  {rest}")

    # -- the table -----------------------------------------------------------------------------------------------

    def _remember(self, event: Saved) -> None:
        if event.which == "best":
            self._best_epoch = event.epoch
            self.metric = self.metric or event.metric

    def _flush_epoch(self) -> None:
        event, self._pending = self._pending, None
        if event is None:
            return
        live = self.live
        key = _find_key(event.scores, self.metric)
        if not self._widths:
            label = score_label(key) if key else "score"
            if live:  # so that a row fits into the terminal
                label = cut(label, max(NARROWEST[3], self.console.width - 66))
            names = ["epoch", "train loss", "val loss", label, "learning rate", "time"]
            self._widths = [max(len(name), least) for name, least in zip(names, NARROWEST, strict=True)]
            self.line((self._cells(names), f"bold {QUIET}" if live else ""))
        of = f"/{self._plan.epochs}" if self._plan else ""
        values = [
            f"{event.epoch}{of}",
            number(event.train.get("loss")),
            number(event.validation.get("loss")),
            number(event.scores.get(key) if key else None),
            f"{event.learning_rate:.2e}",
            duration(sum(event.seconds.values()) if event.seconds else None),
        ]
        star = "  ★ best" if live and has_unicode(self.console) else "  * best"
        best = event.epoch == self._best_epoch
        self.line((self._cells(values) + (star if best else ""), f"bold {GOOD}" if best and live else ""))

    def _cells(self, values: Iterable[str]) -> str:
        return "  ".join(value.rjust(width) for value, width in zip(values, self._widths, strict=True))

    def _finish(self, event: Finished) -> None:
        self.clear()
        text = f"{ENDS.get(event.reason, event.reason)} after epoch {event.epoch}, step {event.step:,}"
        if event.best_epoch is not None:
            score = f"{score_label(self.metric)} " if self.metric else ""
            text += f"; best was epoch {event.best_epoch} ({score}{number(event.best_value)})"
        self.line((text, WARN if event.reason == "interrupted" else f"bold {GOOD}"))


class _Pace:
    """How fast steps come: pictures/s within the epoch, and the time left with validation counted in."""

    def __init__(self, step: int = 0) -> None:
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

    def rate(self, batch: int | None, now: float) -> str:
        steps, seconds = self._step - self._epoch_first, now - self._epoch_began
        if steps < 1 or seconds <= 0:
            return ""
        rate, unit = steps * (batch or 1) / seconds, "pictures/s" if batch else "steps/s"
        return f"{rate:,.0f} {unit}" if rate >= 10 else f"{rate:.1f} {unit}"

    def seconds_left(self, total: int, now: float) -> float | None:
        done = self._step - self._first
        return (now - self._began) / done * (total - self._step) if done else None


def _plan_words(length: Length) -> str:
    """`training 25 epochs of 45 steps`, or where a phase ends within an epoch how many steps that makes in all."""
    per_epoch = "1 step" if length.per_epoch == 1 else f"{length.per_epoch:,} steps"
    epochs = "1 epoch" if length.epochs == 1 else f"{length.epochs:,} epochs"
    if length.is_whole:
        return f"training {epochs} of {per_epoch}"
    steps = "1 step" if length.steps == 1 else f"{length.steps:,} steps"
    return f"training {steps}: {epochs} of up to {per_epoch}"


def _find_key(scores: Mapping[str, float | None], metric: str) -> str:
    """The key of `metric` (a key or a short name); without one, the first score."""
    short = (key for key in scores if metric and Score.from_key(key).name == metric)
    return metric if metric in scores else next(short, "") or next(iter(scores), "")
