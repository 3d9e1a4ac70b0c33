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


def score_table(scores: Sequence[Score], guess: Mapping[str, Any] | None = None, absent: str = "") -> Table:
    """Scores, each with its convention, the number of what was scored, and whether higher is better.

    guess:  what always answering one class would score, for a column beside the values
    absent: the text where a score has no convention
    """
    rows = tuple(
        (
            score_label(score.name),
            number(score.value),
            *([number(guess["scores"].get(score.key))] if guess else []),
            convention_label(score.convention) or absent,
            quantity(score.support),
            "higher" if score.higher_is_better else "lower",
        )
        for score in scores
    )
    beside = (f"always “{guess['class']}”",) if guess else ()
    headings = ("score", "value", *beside, "convention", "support", "better is")
    return Table(headings, rows, frozenset({1, 2, 4} if guess else {1, 3}))


def _show_metric(metric: Mapping[str, Any], title: str, console: Console) -> None:
    """The metric's scores; beside each that of a constant guess, so that a small number can be judged; its classes."""
    table = score_table(
        [Score.from_record(score) for score in metric.get("scores") or ()], metric.get("constant_guess")
    )
    shown = range(len(table.headings) - 1)  # which is better is not said here
    show_table(console, table.only(*shown), title, {1: "bold", **dict.fromkeys(shown[2:], QUIET)})
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
