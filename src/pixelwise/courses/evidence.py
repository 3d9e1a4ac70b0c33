"""The measured scores for a question: those of finished runs, or of the project's results in their place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pixelwise.courses.course import Course, Question
from pixelwise.courses.plan import Needed
from pixelwise.courses.recorded import Results
from pixelwise.experiments.folder import Folder
from pixelwise.recipe.load import load_recipe
from pixelwise.recipe.schema import Stated
from pixelwise.report.record import Record, read_record, scores_of
from pixelwise.report.tables import find_score
from pixelwise.run.folder import RunFolder
from pixelwise.run.words import ABSENT, convention_label, counted, interval_label, number, score_label
from pixelwise.statistics.spread import spread
from pixelwise.types import OverPictures, Score, current_key

OVER_SEEDS, OVER_PICTURES = "over seeds", "over pictures"


@dataclass(frozen=True)
class Source:
    """Where the numbers of a recipe come from: finished runs, recorded results, or nowhere yet.

    words:  what a reader sees; for a recipe without numbers, the reason
    """

    recipe: str
    runs: tuple[RunFolder, ...] = ()
    records: tuple[Record, ...] = field(default=(), repr=False)
    recorded: bool = False
    words: str = ""


@dataclass(frozen=True)
class Row:
    """One score of one recipe on the page, in words, and the reports behind it."""

    cells: tuple[str, ...]
    reports: tuple[Path, ...] = ()


HEADINGS = ("recipe", "score", "measured", "95 %", "stated", "constant guess")


def sources(needs: Sequence[Needed], folder: Folder, results: Results) -> dict[str, Source]:
    """Recipe → where its numbers come from."""
    outcomes = folder.outcomes() if folder.exists else {}
    found = {}
    for need in needs:
        own = tuple(folder.run(run.name) for run in need.runs if folder.run(run.name).has("summary"))
        runs = need.earlier or own
        if runs:
            records = tuple(read_record(run) for run in runs)
            found[need.recipe] = Source(need.recipe, runs, records, words=counted(len(runs), "seed"))
        elif need.recorded:
            seeds = results[need.recipe]["seeds"]
            words = f"results of the project, {counted(len(seeds), 'seed')}"
            found[need.recipe] = Source(need.recipe, recorded=True, words=words)
        else:
            failed = [outcomes[run.name].message for run in need.runs if run.name in outcomes]
            why = f"not trained: {need.skipped}" if need.skipped else next(filter(None, failed), "not trained yet")
            found[need.recipe] = Source(need.recipe, words=why)
    return found


def rows(course: Course, question: Question, known: dict[str, Source], results: Results) -> Iterator[Row]:
    """A row for each score of each recipe that a question names; a recipe without numbers has one row that says why."""
    keys = question.scores or course.scores
    for recipe in question.recipes:
        source = known[recipe]
        reports = tuple(run.report_file for run in source.runs)
        made = [cells for key in keys if (cells := _cells(course, keys, key, source, results)) is not None]
        if not keys and source.records:
            every = [score for _, _, metric in source.records[0].metrics() for score in scores_of(metric)]
            own = [score.key for score in every][:3]
            made = [cells for key in own if (cells := _cells(course, own, key, source, results)) is not None]
        if not made:
            yield Row((recipe, "", "", "", "", ""), reports)
        for place, cells in enumerate(made):
            yield Row((recipe if place == 0 else "", *cells), reports if place == 0 else ())


def _cells(
    course: Course, keys: Sequence[str], key: str, source: Source, results: Results
) -> tuple[str, str, str, str, str] | None:
    """Score, measured value, interval, stated value and constant guess in words; None if the recipe has no such score."""
    split, values, score = _values(course, key, source, results)
    over = spread(values)
    if over.mean is None:
        return None
    label = Score.from_key(key)
    told = ", ".join(filter(None, [split, convention_label(label.convention)]))
    if over.interval is not None:
        between = f"{number(over.interval.low)} … {number(over.interval.high)} {OVER_SEEDS}"
    elif len(values) == 1 and score is not None and score.interval is not None and score.interval.low is not None:
        between = f"{interval_label(score.interval)} {OVER_PICTURES}"
    else:
        between = over.lack or ABSENT
    value = number(over.mean) + (f" ± {number(over.sd)}" if over.sd is not None else "")
    stated = "; ".join(number(entry.value) for entry in _stated(source.recipe, keys, key, split)) or ABSENT
    guess = _guess(course, key, split, source, results)
    return f"{score_label(key)} ({told})", value, between, stated, number(guess)


def _values(course: Course, key: str, source: Source, results: Results) -> tuple[str, list[float | None], Score | None]:
    """(split, a value for each seed, the score of the first run) on the course's split, else on another one that has it."""
    if source.recorded:
        scored = results[source.recipe]["scores"]
        split = next((split for split in (course.split, *scored) if key in scored.get(split, {})), "")
        return (
            (split, list(scored[split][key]), _recorded(results[source.recipe], split, key))
            if split
            else ("", [], None)
        )
    found = [_found(record, key, course.split) for record in source.records]
    there = [(split, score) for split, score in found if score is not None]
    if not there:
        return "", [], None
    return there[0][0], [score.value for _, score in there], there[0][1]


def _recorded(result: Mapping[str, Any], split: str, key: str) -> Score | None:
    """The score of the first seed with its interval over pictures; None if the project's results have none."""
    pair = next(iter(result.get("intervals", {}).get(split, {}).get(key) or ()), None)
    return None if pair is None else replace(Score.from_key(key), interval=OverPictures(pair[0], pair[1], n=0))


def _found(record: Record, key: str, split: str) -> tuple[str, Score | None]:
    there = find_score(record, key, split)
    return there if there[1] is not None else find_score(record, key)


def _stated(recipe: str, keys: Sequence[str], key: str, split: str) -> Iterator[Stated]:
    """What the recipe says is stated of a score: by its key, or by its name where it is the first score of that name."""
    name = Score.from_key(key).name
    first = next(one for one in keys if Score.from_key(one).name == name) == key
    for entry in load_recipe(recipe).stated:
        wanted = current_key(entry.metric) if entry.metric else ""
        if entry.split in ("", split) and (wanted == key or (first and wanted == name)):
            yield entry


def stated_sources(question: Question) -> list[str]:
    """What is stated about a question, each number with its source and convention."""
    entries = [entry for recipe in question.recipes for entry in load_recipe(recipe).stated]
    lines = [
        f"{entry.what}: {number(entry.value, 3) if isinstance(entry.value, float) else entry.value} "
        f"({'; '.join(filter(None, [entry.source, entry.convention]))})"
        for entry in (*question.stated, *entries)
    ]
    return list(dict.fromkeys(lines))


def _guess(course: Course, key: str, split: str, source: Source, results: Results) -> float | None:
    """The score of a constant guess: of the run's own record, else what the course knows of its split."""
    for record in source.records[:1]:
        for told, _, metric in record.metrics():
            scores = (metric.get("constant_guess") or {}).get("scores") or {}
            by_key = {current_key(name): value for name, value in scores.items()}
            if told == split and by_key.get(key) is not None:
                return float(by_key[key])
    if split != course.split:
        return None
    if key in course.guesses:
        return course.guesses[key]
    recorded = results.get(course.guess, {}).get("scores", {}).get(split, {}).get(key)
    return recorded[0] if recorded else None
