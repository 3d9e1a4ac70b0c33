"""The scores of a run on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixelwise.run.words import convention_label, number, quantity, score_label
from pixelwise.terminal.output import ACCENT, GOOD, QUIET, has_unicode, result_console, show_line
from pixelwise.terminal.table import Table, show_table
from pixelwise.types import Score

if TYPE_CHECKING:
    from rich.console import Console

MOST_CLASSES = 30


def show_scores(
    summary: Mapping[str, Any], console: Console | None = None, *, run: Path | None = None, report: Path | None = None
) -> None:
    """The scores of a run's summary as tables, each number with its convention, then the paths of run and report."""
    console = console or result_console()
    for split, record in (summary.get("splits") or {}).items():
        for metric in record.get("metrics") or ():
            _show_metric(metric, ", ".join(_caption(split, record)), console)
    show_line(console)
    for name, path in (("run", run), ("report", report)):
        if path is not None:
            show_line(console, (f"{name:<7} {path}", f"bold {GOOD}" if name == "report" else ""))


def _show_metric(metric: Mapping[str, Any], title: str, console: Console) -> None:
    """The metric's scores; beside each that of a constant guess, so that a small number can be judged; its classes."""
    guess = metric.get("constant_guess")
    rows = tuple(
        (
            score_label(score.name),
            number(score.value),
            *([number(guess["scores"].get(score.key))] if guess else []),
            convention_label(score.convention),
            quantity(score.support),
        )
        for score in map(Score.from_record, metric.get("scores") or ())
    )
    beside = (f"always “{guess['class']}”",) if guess else ()
    last = 3 + len(beside)
    table = Table(("score", "value", *beside, "convention", "support"), rows, frozenset({1, last, *range(2, last - 1)}))
    show_table(console, table, title, {1: "bold", **dict.fromkeys(range(2, last + 1), QUIET)})
    classes = metric.get("per_class") or ()
    if 1 < len(classes) <= MOST_CLASSES:
        show_line(console)
        show_table(console, _class_table(classes, has_unicode(console)), styles={2: ACCENT})


def _caption(split: str, record: Mapping[str, Any]) -> Iterable[str]:
    yield f"scores on {split}"
    if record.get("checkpoint"):
        yield f"{record['checkpoint']} checkpoint"
    if record.get("pictures") is not None:
        yield f"{record['pictures']:,} pictures"
    if record.get("resolution"):
        yield f"counted at {record['resolution']}"


def _class_table(rows: Sequence[Mapping[str, Any]], unicode: bool) -> Table:
    """One row for each class with the score that its record names first, and a bar."""
    score = next((key for row in rows for key in row if key not in ("class", "support")), "")
    cells = ((str(row.get("class", "")), number(row.get(score)), _bar(row.get(score) or 0.0, unicode)) for row in rows)
    return Table(("class", score_label(score), ""), tuple(cells), frozenset({1}))


def _bar(value: float, unicode: bool, width: int = 30) -> str:
    """A bar for a value in 0..1, in half characters where the encoding has them."""
    halves = round(2 * width * value)
    return "━" * (halves // 2) + "╸" * (halves % 2) if unicode else "=" * (halves // 2)
