"""The scores of a run on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixelwise.run.words import convention_label, counted, interval_label, listed, number, quantity, score_label
from pixelwise.terminal.output import ACCENT, GOOD, QUIET, WARN, has_unicode, result_console, show_line
from pixelwise.terminal.table import Table, show_table
from pixelwise.types import Score, current_key

if TYPE_CHECKING:
    from rich.console import Console

MOST_CLASSES = 30
INTERVAL = "95 % over pictures"
ONLY_PREDICTED = (
    "* predicted, but not in the truth: it counts 0 in a mean over the classes in truth or prediction; a mean over the "
    "classes in the truth leaves it out"
)


def show_scores(
    summary: Mapping[str, Any],
    console: Console | None = None,
    *,
    run: Path | None = None,
    report: Path | None = None,
    beside: Sequence[str] = (),
) -> None:
    """The scores of a run's summary as tables, each number with its convention, then the paths of run and report.

    beside: lines that follow the tables, e.g. the scores of baselines
    """
    console = console or result_console()
    main = (summary.get("best") or {}).get("metric") or ""
    for split, record in (summary.get("splits") or {}).items():
        for metric in record.get("metrics") or ():
            _show_metric(metric, ", ".join(_caption(split, record)), console)
            if lack := lacking(metric):
                show_line(console, (f"\n{lack}", QUIET))
            if beaten := beaten_by_guess(metric, main):
                show_line(console, (f"\n{beaten[0]}", WARN if beaten[1] else QUIET))
    for line in beside:
        show_line(console, f"\n{line}")
    show_line(console)
    for name, path in (("run", run), ("report", report)):
        if path is not None:
            show_line(console, (f"{name:<7} {path}", f"bold {GOOD}" if name == "report" else ""))


def score_table(scores: Sequence[Score], guess: Mapping[str, Any] | None = None, absent: str = "") -> Table:
    """Scores, each with its convention, the number of what was scored, and whether higher is better.

    guess:  what always answering one class would score, for a column beside the values
    absent: the text where a score has no convention

    Where scores have intervals over pictures, these are beside the values.
    """
    intervals = any(score.interval is not None and score.interval.low is not None for score in scores)
    guessed = {current_key(key): value for key, value in (guess or {}).get("scores", {}).items()}
    rows = tuple(
        (
            score_label(score.name),
            number(score.value),
            *([interval_label(score.interval)] if intervals else []),
            *([number(guessed.get(score.key))] if guess else []),
            convention_label(score.convention) or absent,
            quantity(score.support),
            "higher" if score.higher_is_better else "lower",
        )
        for score in scores
    )
    beside = (*([INTERVAL] if intervals else []), *([f"always “{guess['class']}”"] if guess else []))
    headings = ("score", "value", *beside, "convention", "support", "better is")
    return Table(headings, rows, frozenset({*range(1, 2 + len(beside)), 3 + len(beside)}))


def lacking(metric: Mapping[str, Any]) -> str:
    """Why no score of a metric has an interval over pictures; empty if one has, or if the record does not say."""
    told = [
        score.interval for score in map(Score.from_record, metric.get("scores") or ()) if score.interval is not None
    ]
    if not told or any(one.low is not None for one in told):
        return ""
    lacks = dict.fromkeys(f"{one.lack} ({one.n})" for one in told)
    return f"No interval over pictures: {listed(list(lacks))}."


def beaten_by_guess(metric: Mapping[str, Any], main: str = "") -> tuple[str, str] | None:
    """A sentence on all scores that a constant guess reaches too, and one on the main score, empty if it is above.

    None if every score is better than the guess's.
    main: key of the score that chose the checkpoint; where the metric does not have it, its first score is the main one
    """
    guess, scores = metric.get("constant_guess"), [Score.from_record(one) for one in metric.get("scores") or ()]
    if not guess or not scores:
        return None
    guessed = {current_key(key): value for key, value in guess["scores"].items()}
    keys = [score.key for score in scores]
    main = current_key(main) if current_key(main) in keys else keys[0]
    firsts = {score.name: score for score in reversed(scores)}  # in the recipe's own convention
    beaten: dict[str, tuple[str, str, str]] = {}
    for score in sorted(firsts.values(), key=lambda one: keys.index(one.key)):
        constant, sign = guessed.get(score.key), 1 if score.higher_is_better else -1
        if score.value is not None and constant is not None and sign * score.value <= sign * constant:
            beaten[score.key] = score_label(score.name), number(score.value), number(constant)
    if not beaten:
        return None
    told = [f"{label} {constant} (this run {value})" for label, value, constant in beaten.values()]
    every = f"Always answering “{guess['class']}” scores at least as well: {', '.join(told)}."
    if main not in beaten:
        return every, ""
    label, value, constant = beaten[main]
    return every, f"{label} {value} is not better than the {constant} of always answering “{guess['class']}”."


def only_predicted(row: Mapping[str, Any]) -> bool:
    """Whether the class of a row was predicted without being in the truth."""
    values = [value for name, value in row.items() if name not in ("class", "support", "index", "name")]
    return row.get("support") == 0 and any(value is not None for value in values)


def _show_metric(metric: Mapping[str, Any], title: str, console: Console) -> None:
    """The metric's scores; beside each that of a constant guess, so that a small number can be judged; its classes."""
    table = score_table(
        [Score.from_record(score) for score in metric.get("scores") or ()], metric.get("constant_guess")
    )
    shown = range(len(table.headings) - 1)  # which is better is not said here
    quiet = [place for place in shown[2:] if table.headings[place] != INTERVAL]
    show_table(console, table.only(*shown), title, {1: "bold", **dict.fromkeys(quiet, QUIET)})
    classes = metric.get("per_class") or ()
    if 1 < len(classes) <= MOST_CLASSES:
        show_line(console)
        show_table(console, _class_table(classes, has_unicode(console)), styles={2: ACCENT})
        if any(map(only_predicted, classes)):
            show_line(console, (ONLY_PREDICTED, QUIET))


def _caption(split: str, record: Mapping[str, Any]) -> Iterable[str]:
    yield f"scores on {split}"
    if record.get("checkpoint"):
        yield f"{record['checkpoint']} checkpoint"
    if record.get("pictures") is not None:
        yield counted(record["pictures"], "picture")
    if record.get("resolution"):
        yield f"counted at {record['resolution']}"
    if record.get("chose_epoch"):
        yield f"{split} chose the epoch"


def _class_table(rows: Sequence[Mapping[str, Any]], unicode: bool) -> Table:
    """One row for each class with the score that its record names first, and a bar."""
    score = next((key for row in rows for key in row if key not in ("class", "support")), "")
    names = (f"{row.get('class', '')}{' *' if only_predicted(row) else ''}" for row in rows)
    values = [row.get(score) for row in rows]
    cells = ((name, number(value), _bar(value or 0.0, unicode)) for name, value in zip(names, values, strict=True))
    return Table(("class", score_label(score), ""), tuple(cells), frozenset({1}))


def _bar(value: float, unicode: bool, width: int = 30) -> str:
    """A bar for a value in 0..1, in half characters where the encoding has them."""
    halves = round(2 * width * min(1.0, max(0.0, value)))
    return "━" * (halves // 2) + "╸" * (halves % 2) if unicode else "=" * (halves // 2)
