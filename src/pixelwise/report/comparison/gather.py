"""Runs brought together: grouped where they differ only in their seed, their scores in columns of one convention each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pixelwise.errors import Problem, RunError
from pixelwise.report.record import Json, Record, read_record, scores_of
from pixelwise.run.folder import RunFolder
from pixelwise.run.words import ABSENT, score_label
from pixelwise.statistics.spread import Spread, spread
from pixelwise.types import Score

SEED = "train.seed"
FREE = ("title", "about", "stated", "gallery")  # what a recipe may say otherwise and still be the same training


@dataclass(frozen=True)
class Place:
    """Which scores are meant: the summary's first split, or a named one, evaluated later or at the training's end."""

    split: str = ""
    checkpoint: str = "best"
    resolution: str = "recipe"

    @property
    def file(self) -> str:
        """The run's JSON record, without its suffix."""
        return f"evaluations/{self.split}-{self.checkpoint}-{self.resolution}" if self.split else "summary"


@dataclass(frozen=True)
class Column:
    """Numbers that mean the same: one score in one convention, counted over the same pictures at the same resolution.

    score:    without a value, with the support that all values share
    classes:  how many they are, and the beginning of the SHA-256 of their names; empty for a score against the original
              picture, which does not depend on them: PSNR and ΔE of two palettes may be compared, accuracy may not
    content:  SHA-256 of the pictures, where they were counted at the recipe's size
    """

    score: Score
    split: str
    resolution: str
    checkpoint: str
    pictures: int
    data: str
    classes: str
    content: str

    @property
    def key(self) -> str:
        return self.score.key

    @property
    def name(self) -> str:
        return score_label(self.score.name)

    @property
    def palette(self) -> str:
        """The palette that a score of colours is counted over, by the beginning of its sum; else empty."""
        return self.classes.rpartition(" ")[2] if "palette" in self.score.convention else ""

    @property
    def stands_on(self) -> str:
        """E.g. `val of scenes, 80 pictures at 96×96`."""
        at = (
            f"at {self.resolution}"
            if self.resolution[:1].isdigit()
            else f"at {self.resolution}"
            if self.resolution
            else ""
        )
        weights = f", {self.checkpoint} checkpoint" if self.checkpoint != "best" else ""
        return f"{self.split} of {self.data}, {self.pictures:,} pictures {at}{weights}".strip()


@dataclass(frozen=True)
class One:
    """One run with its scores.

    scored:  the record of the split that is compared; empty where there is none
    states:  the file that holds what each of its pictures counted, where that was kept
    """

    path: Path
    record: Record
    scored: Json
    split: str
    states: Path

    @property
    def recipe(self) -> Json:
        recipe: Json = self.record.setup["recipe"]
        return recipe

    @property
    def seed(self) -> int:
        return int(self.recipe["train"]["seed"])

    @cached_property
    def scores(self) -> dict[Column, float | None]:
        data = self.record.data
        content = self.scored.get("key") or (data.get("splits") or {}).get(self.split, {}).get("key") or ""
        resolution = str(self.scored.get("resolution") or "")
        return {
            Column(
                score=replace(score, value=None),
                split=self.split,
                resolution=resolution,
                checkpoint=str(self.scored.get("checkpoint") or "best"),
                pictures=int(self.scored.get("pictures") or 0),
                data=str(data.get("name") or ""),
                classes="" if score.convention.get("reference") == "original" else self.classes,
                content=str(content) if resolution[:1].isdigit() else "",
            ): score.value
            for metric in self.scored.get("metrics") or ()
            for score in scores_of(metric)
        }

    @property
    def classes(self) -> str:
        names = json.dumps(self.record.classes, ensure_ascii=False)
        return f"{len(self.record.classes)} {hashlib.sha256(names.encode()).hexdigest()[:8]}"

    @property
    def minutes(self) -> float | None:
        seconds = (self.record.summary.get("seconds") or {}).get("total")
        return None if seconds is None else float(seconds) / 60


@dataclass(frozen=True)
class Group:
    """Runs of one recipe over seeds. letter: how tables and plots call it; label: what makes it another than the rest."""

    letter: str
    label: str
    runs: tuple[One, ...]

    @property
    def seeds(self) -> list[int]:
        return [run.seed for run in self.runs]

    def values(self, column: Column) -> list[float | None]:
        """One value a run; None where it has none in this column."""
        return [run.scores.get(column) for run in self.runs]

    def spread(self, column: Column) -> Spread:
        return spread(self.values(column))


@dataclass(frozen=True)
class Comparison:
    """Everything that a comparison shows, but for the intervals over pictures.

    differing:  recipe path → value of each group, as written
    columns:    those of the score that chooses the best checkpoint first
    notes:      what a reader must know before comparing
    """

    task: str
    groups: tuple[Group, ...]
    differing: Mapping[str, tuple[str, ...]]
    columns: tuple[Column, ...]
    notes: tuple[str, ...]

    @property
    def main(self) -> Column | None:
        return self.columns[0] if self.columns else None

    @property
    def runs(self) -> list[One]:
        return [run for group in self.groups for run in group.runs]


def gather(paths: Sequence[Path], place: Place = Place()) -> Comparison:
    """Read runs and bring them together.

    Raises RunError with every problem: no run, a run that never began, one named twice or with the recipe and seed of
    another, runs of different tasks, a split that was not evaluated.
    """
    ones = [_read(path, place) for path in paths]
    _check(ones, place)
    grouped: dict[str, list[One]] = {}
    for one in ones:
        grouped.setdefault(_identity(one), []).append(one)
    members = [tuple(sorted(runs, key=lambda run: run.seed)) for runs in grouped.values()]
    differing = _differing([runs[0] for runs in members])
    labels = _labels(members, differing)
    groups = tuple(
        Group(letter, label, runs) for letter, label, runs in zip(_letters(len(members)), labels, members, strict=True)
    )
    columns = _columns(groups)
    return Comparison(str(ones[0].record.setup.get("task")), groups, differing, columns, tuple(_notes(groups, columns)))


def _read(path: Path, place: Place) -> One:
    record = read_record(RunFolder.open(path))
    if not record.setup.get("recipe"):
        raise RunError("stopped before its first step: there is nothing to compare.", where=str(path))
    run, at_its_end = RunFolder(path), record.summary.get("splits") or {}
    if place.split and run.has(place.file):
        return One(path, record, run.read(place.file), place.split, path / f"{place.file}.npz")
    first = next(iter(at_its_end), "")
    split = place.split or first
    scored = _at_its_end(record, place) if place.split else at_its_end.get(first, {})
    return One(path, record, scored, split, run.states_file if split == first else run.states_of(split))


def _at_its_end(record: Record, place: Place) -> Json:
    """What the training's end has scored there: every split of the recipe, at its resolution, with the best weights."""
    scored: Json = (record.summary.get("splits") or {}).get(place.split) or {}
    same = scored.get("checkpoint") == place.checkpoint and place.resolution == "recipe"
    return scored if same else {}


def _check(ones: Sequence[One], place: Place) -> None:
    tasks: dict[str, list[str]] = {}
    for one in ones:
        tasks.setdefault(str(one.record.setup.get("task")), []).append(str(one.path))
    if len(tasks) > 1:
        told = "; ".join(f"{task}: {', '.join(paths)}" for task, paths in tasks.items())
        raise RunError(f"runs of different tasks cannot be compared: {told}.", hint="Compare runs of one task.")
    problems = []
    seen: dict[tuple[str, int], Path] = {}
    for one in ones:
        key = (_identity(one), one.seed)
        if key in seen:
            same = "is named twice." if seen[key] == one.path else f"has the recipe and the seed of {seen[key]}."
            problems.append(Problem(str(one.path), same, "A seed counts once."))
        seen[key] = one.path
        if place.split and not one.scored:
            command = f"pixelwise evaluate {one.path} --split {place.split}"
            command += f" --checkpoint {place.checkpoint} --resolution {place.resolution}"
            problems.append(Problem(str(one.path), "was not evaluated there.", f"First run: {command}"))
    if problems:
        raise RunError.all(problems)


def _identity(one: One) -> str:
    """What runs of one group have in common: all of the recipe but its words and the seed, and the pictures."""
    recipe = {key: value for key, value in one.recipe.items() if key not in FREE}
    recipe["train"] = {key: value for key, value in recipe["train"].items() if key != "seed"}
    keys = {name: told.get("key") for name, told in (one.record.data.get("splits") or {}).items()}
    return json.dumps([recipe, keys], sort_keys=True)


def flattened(value: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    """(path, value) of everything in a recipe; an item's name stands at the item's own path."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from flattened(inner, where if key == "name" and where else f"{where}.{key}" if where else str(key))
    elif isinstance(value, list | tuple) and any(isinstance(element, Mapping) for element in value):
        for index, element in enumerate(value):
            yield from flattened(element, f"{where}.{index}")
    else:
        yield where, value


def _differing(firsts: Sequence[One]) -> dict[str, tuple[str, ...]]:
    """The places where recipes differ, with the value of each; a dash where a recipe has no such place."""
    flat = [{path: _written(value) for path, value in flattened(one.recipe)} for one in firsts]
    paths = [path for path in dict.fromkeys(path for one in flat for path in one) if path.split(".")[0] not in FREE]
    rows = {path: tuple(one.get(path, ABSENT) for one in flat) for path in paths if path != SEED}
    rows = {path: values for path, values in rows.items() if len(set(values)) > 1}
    if any(path.startswith("data.") for path in rows):
        return rows  # other pictures are what was asked for
    keys = [{name: told.get("key") for name, told in (one.record.data.get("splits") or {}).items()} for one in firsts]
    for split in dict.fromkeys(name for one in keys for name in one):
        values = tuple(str(one.get(split) or ABSENT)[:12] for one in keys)
        if len(set(values)) > 1:
            rows[f"pictures of {split}"] = values
    return rows


def _written(value: Any) -> str:
    """As a recipe would write it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _labels(members: Sequence[Sequence[One]], differing: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Short words for each group: what differs where that is short, else the name of its first folder."""
    telling = {path: values for path, values in differing.items() if not path.startswith("pictures of ")}
    ends = {path: path.rpartition(".")[2] if not path.rpartition(".")[2].isdigit() else path for path in telling}
    labels = [
        ", ".join(f"{ends[path]} {values[number]}" for path, values in telling.items())
        for number in range(len(members))
    ]
    if telling and len(set(labels)) == len(labels) and max(map(len, labels)) <= 44:
        return labels
    names = [runs[0].path.resolve().name for runs in members]
    if len(set(names)) < len(names):
        names = [str(runs[0].path) for runs in members]
    return names


def _letters(count: int) -> list[str]:
    """A … Z, AA, AB …"""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    longer = (first + second for first in alphabet for second in alphabet)
    return [*alphabet, *longer][:count] if count <= 702 else [f"#{number}" for number in range(1, count + 1)]


def _columns(groups: Sequence[Group]) -> tuple[Column, ...]:
    """All columns, those of the main score first, and with it its own convention."""
    columns = list(dict.fromkeys(column for group in groups for run in group.runs for column in run.scores))
    main = next((run.record.main_score for group in groups for run in group.runs if run.scores), "")
    order = list(dict.fromkeys(column.key for column in columns))
    order.sort(key=lambda key: key != main)
    return tuple(sorted(columns, key=lambda column: order.index(column.key)))


def _notes(groups: Sequence[Group], columns: Sequence[Column]) -> Iterator[str]:
    for run in (run for group in groups for run in group.runs):
        if not run.scores:
            yield f"{run.path} is not finished and has no final scores."
        elif run.record.finished not in ("complete", "early stopping"):
            yield f"{run.path} was interrupted."
    palettes = dict.fromkeys(column.palette for column in columns if column.palette)
    if len(palettes) > 1:
        yield (
            f"The runs have palettes of their own ({', '.join(palettes)}), and accuracy over one says nothing about accuracy "
            "over another: each has a column of its own. PSNR and ΔE are taken against the original pictures and compare. "
            "`task.palette: FILE` gives all runs one palette."
        )
    standings = dict.fromkeys(column.stands_on for column in columns)
    apart = {(c.key, c.palette) for c in columns if sum((c.key, c.palette) == (o.key, o.palette) for o in columns) > 1}
    if apart:
        yield (
            "The runs were scored on different things, which are not compared with each other and stand in columns of their "
            f"own: {'; '.join(standings)}. `pixelwise evaluate RUN --split S --resolution own` counts every run against the "
            "same masks; `pixelwise compare ... --split S --resolution own` then compares them."
        )
    machines = dict.fromkeys(_machine(run) for group in groups for run in group.runs)
    if len(machines) > 1:
        yield f"Minutes were taken on different machines and tell nothing about each other: {'; '.join(machines)}."


def _machine(run: One) -> str:
    told, choices = run.record.environment, run.record.setup.get("choices") or {}
    return f"{told.get('processor') or 'unknown processor'}, {choices.get('device')}, {choices.get('threads')} threads"
