"""Runs in groups, which differ only in their seed, with their scores in columns of one convention each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from pixelwise.compare.columns import Column, columns_of, loss_values
from pixelwise.errors import Problem, RunError
from pixelwise.report.baselines import is_baseline
from pixelwise.report.record import Json, Record, read_record
from pixelwise.run.folder import RunFolder, read_part
from pixelwise.run.identity import WORDS, deciding, is_place, without_place
from pixelwise.run.normalisation import read_by, with_defaults
from pixelwise.run.records.plain import is_plain_file, plain_folder
from pixelwise.run.words import ABSENT
from pixelwise.statistics.spread import Spread, spread
from pixelwise.terminal.scores import beaten_by_guess
from pixelwise.types import OverPictures, Score

SEED = "train.seed"
PICTURES = "pictures of "  # where the pictures of a split differ though the recipes name the same data
WEIGHTS, EXTENDED = "weights of", "extended after"
LONGEST_LABEL = 44


@dataclass(frozen=True)
class Place:
    """Which scores are compared: those of the summary's first split, or of a named one."""

    split: str = ""
    checkpoint: str = "best"
    resolution: str = "recipe"

    @property
    def file(self) -> str:
        """The run's JSON record, without its suffix."""
        return f"evaluations/{self.split}-{self.checkpoint}-{self.resolution}" if self.split else "summary"


@dataclass(frozen=True)
class Member:
    """One run with its scores.

    scored:  the record of the split that is compared; empty if there is none
    states:  the file with what each picture added to the counts, where the run kept it
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
        return int((self.recipe.get("train") or {}).get("seed", 0))

    @cached_property
    def columns(self) -> dict[Column, Score]:
        return columns_of(self.record, self.scored, self.split)

    @cached_property
    def scores(self) -> dict[Column, float | None]:
        return {column: score.value for column, score in self.columns.items()}

    def over_pictures(self, column: Column) -> OverPictures | None:
        """The interval of a score over pictures; None for a loss, and where the run did not record it."""
        return self.columns[column].interval if column in self.columns else None

    @cached_property
    def losses(self) -> dict[Column, float | None]:
        return loss_values(self.record)

    @cached_property
    def values(self) -> dict[Column, float | None]:
        """Scores and losses."""
        return self.scores | self.losses

    @property
    def minutes(self) -> float | None:
        seconds = (self.record.summary.get("seconds") or {}).get("total")
        return None if seconds is None else float(seconds) / 60


@dataclass(frozen=True)
class Group:
    """Runs of one recipe over seeds. letter: its name in tables and plots; label: what sets it apart from the rest."""

    letter: str
    label: str
    runs: tuple[Member, ...]

    @property
    def seeds(self) -> list[int]:
        return [run.seed for run in self.runs]

    def values(self, column: Column) -> list[float | None]:
        """One value per run; None if it has none in this column."""
        return [run.values.get(column) for run in self.runs]

    def has(self, column: Column) -> bool:
        return any(value is not None for value in self.values(column))

    def spread(self, column: Column) -> Spread:
        return spread(self.values(column))


@dataclass(frozen=True)
class Comparison:
    """Everything that a comparison shows, except for the intervals over pictures.

    differing:  recipe path → value of each group, as written
    columns:    those of the score that chooses the best checkpoint first
    losses:     columns of the training and validation losses, one set for each loss function
    notes:      what a reader must know before comparing
    """

    task: str
    groups: tuple[Group, ...]
    differing: Mapping[str, tuple[str, ...]]
    columns: tuple[Column, ...]
    losses: tuple[Column, ...]
    notes: tuple[str, ...]

    @property
    def main(self) -> Column | None:
        return self.columns[0] if self.columns else None

    @property
    def runs(self) -> list[Member]:
        return [run for group in self.groups for run in group.runs]


def gather(paths: Sequence[Path], place: Place = Place()) -> Comparison:
    """Read runs and bring them together.

    Raises RunError with every problem: no run, a run that never began, one named twice or with the recipe and seed of
    another, runs of tasks that predict different things, a split that was not evaluated.
    """
    members = [_read(path, place) for path in paths]
    _check(members, place)
    grouped: dict[str, list[Member]] = {}
    for member in members:
        grouped.setdefault(identity(member.record), []).append(member)
    runs = [tuple(sorted(found, key=lambda run: run.seed)) for found in grouped.values()]
    differences = differing([found[0].record for found in runs])
    named = labels(differences, [[run.path for run in found] for found in runs])
    groups = tuple(map(Group, letters(len(runs)), named, runs))
    columns = _columns(members)
    losses = tuple(dict.fromkeys(column for member in members for column in member.losses))
    notes = tuple(_notes([run for group in groups for run in group.runs], columns))
    tasks = ", ".join(dict.fromkeys(str(member.record.setup.get("task")) for member in members))
    return Comparison(tasks, groups, differences, columns, losses, notes)


def expanded(paths: Sequence[Path]) -> list[Path]:
    """The runs, with the folder of a sweep replaced by its finished runs. Raises RunError if a sweep has none."""
    found: list[Path] = []
    for path in paths:
        if not is_plain_file(path / "sweep.json"):
            found.append(path)
        elif finished := finished_runs(path):
            found += finished
        else:
            raise RunError("none of its runs is finished.", where=str(path))
    return found


def finished_runs(sweep: Path) -> list[Path]:
    """The finished runs in the folder of a sweep. Raises RunError if its record is damaged."""
    runs = [plain_folder(sweep / entry["name"]) for entry in read_part(sweep, "sweep")["runs"]]
    return [run for run in runs if RunFolder(run).has("summary")]


def _read(path: Path, place: Place) -> Member:
    run = RunFolder.open(path)
    record = read_record(run)
    if not record.setup.get("recipe"):
        raise RunError("stopped before its first step, so it cannot be compared.", where=str(path))
    at_its_end = record.summary.get("splits") or {}
    if place.split and run.has(place.file):
        return Member(path, record, run.read(place.file), place.split, run.file(f"{place.file}.npz"))
    first = next(iter(at_its_end), "")
    split = place.split or first
    scored = at_its_end.get(split, {})
    if place.split and (scored.get("checkpoint") != place.checkpoint or place.resolution != "recipe"):
        scored = {}  # a training scores its best weights at the recipe's resolution, and nothing else
    return Member(path, record, scored, split, run.states_file if split == first else run.states_of(split))


def _check(members: Sequence[Member], place: Place) -> None:
    tasks: dict[str, list[str]] = {}
    for one in members:
        tasks.setdefault(str(one.record.setup.get("task")), []).append(str(one.path))
    kinds = {one.record.setup.get("kind") for one in members}  # runs of 0.1 do not say what their task predicts
    if len(tasks) > 1 and (len(kinds) > 1 or None in kinds):
        told = "; ".join(f"{task}: {', '.join(paths)}" for task, paths in tasks.items())
        hint = "Compare runs of one task, or of tasks that predict the same, such as separate and detect."
        raise RunError(f"runs of different tasks cannot be compared: {told}.", hint=hint)
    problems = []
    seen: dict[tuple[str, int, Any], Path] = {}
    for one in members:
        key = (identity(one.record), one.seed, one.record.origin.get("sha256"))  # of another run with --from
        if key in seen:
            same = "is named twice." if seen[key] == one.path else f"has the recipe and the seed of {seen[key]}."
            problems.append(Problem(str(one.path), same, "Leave one of them out: each seed counts once."))
        seen[key] = one.path
        if place.split and not one.scored:
            command = f"pixelwise evaluate {one.path} --split {place.split}"
            command += f" --checkpoint {place.checkpoint} --resolution {place.resolution}"
            problems.append(Problem(str(one.path), "was not evaluated on this split.", f"First run: {command}"))
    if problems:
        raise RunError.all(problems)


def _columns(members: Sequence[Member]) -> tuple[Column, ...]:
    """All columns of scores, those of the main score first."""
    columns = list(dict.fromkeys(column for member in members for column in member.scores))
    main = next((member.record.main_score for member in members if member.scores), "")
    order = list(dict.fromkeys(column.key for column in columns))
    order.sort(key=lambda key: key != main)
    return tuple(sorted(columns, key=lambda column: order.index(column.key)))


def _notes(runs: Sequence[Member], columns: Sequence[Column]) -> Iterator[str]:
    for run in runs:
        for told in run.record.history:
            yield f"{run.path}: {told}."
        if is_baseline(run.record.setup):
            yield f"{run.path} is a baseline: it counts classes of the training set and does not look at the pictures."
        if not run.scores:
            yield f"{run.path} is not finished and has no final scores."
        elif run.record.finished not in ("complete", "early stopping"):
            yield f"{run.path} was interrupted."
        for metric in run.scored.get("metrics") or ():
            if (beaten := beaten_by_guess(metric, run.record.main_score)) and beaten[1]:
                yield f"{run.path}: on {run.split}, {beaten[1]}"
    palettes = dict.fromkeys(column.variant for column in columns if column.variant and not column.loss)
    if len(palettes) > 1:
        yield (
            f"The runs use different palettes ({', '.join(palettes)}). Accuracies over different palettes cannot be "
            "compared, so each palette has its own column. PSNR and ΔE are measured against the original pictures "
            "and can be compared. `task.palette: FILE` gives all runs one palette."
        )
    scores = [column for column in columns if not column.loss]
    places = [(column.key, column.variant) for column in scores]
    if len(set(places)) < len(places):
        yield (
            "The runs were scored on different pictures or at different resolutions, which cannot be compared, so each has "
            f"its own columns: {'; '.join(dict.fromkeys(column.stands_on for column in scores))}. "
            "`pixelwise evaluate RUN --split S --resolution own` scores every run against the same masks; "
            "`pixelwise compare ... --split S --resolution own` then compares those scores."
        )
    machines = dict.fromkeys(_machine(run) for run in runs)
    if len(machines) > 1:
        yield f"The runs were trained on different machines, so their times cannot be compared: {'; '.join(machines)}."


def _machine(run: Member) -> str:
    told, choices = run.record.environment, run.record.setup.get("choices") or {}
    return f"{told.get('processor') or 'unknown processor'}, {choices.get('device')}, {choices.get('threads')} threads"


# -- what differs, and how groups are called ------------------------------------------------------------------------


def identity(record: Record) -> str:
    """The values that the runs of one group share: everything that decides a training except its seed, and the pictures."""
    recipe = without_place(deciding(record.setup["recipe"], SEED))
    weights = [record.origin.get("key"), record.origin.get("new"), record.pretrained.get("sha256")]
    reads = read_by(record.setup)  # a mean of the weights or of the recipe
    return json.dumps([recipe, picture_keys(record), weights, reads, _extensions(record)], sort_keys=True)


def _weights(record: Record) -> str:
    """The weights that a training started from, where they came from elsewhere, and the beginning of their SHA-256."""
    origin, pretrained = record.origin, record.pretrained
    new = f", without {', '.join(origin.get('new') or ())}" if origin.get("new") else ""
    told = [f"{pretrained.get('weights')} {str(pretrained.get('sha256'))[:8]}"] if pretrained else []
    return ", ".join([*told, *([f"{origin.get('run')} {str(origin.get('sha256'))[:8]}{new}"] if origin else [])])


def _extensions(record: Record) -> str:
    """Where a run was extended such that its result differs from that of a run planned with this length."""
    return ", ".join(
        f"epoch {t.get('epoch')}" for t in record.changes if t.get("what") == "extended" and not t.get("exact")
    )


def picture_keys(record: Record) -> dict[str, Any]:
    """Split → the SHA-256 of its pictures."""
    return {name: told.get("key") for name, told in (record.data.get("splits") or {}).items()}


def flattened(value: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    """(path, value) of everything in a recipe; the path of an item gives its name."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from flattened(inner, where if key == "name" and where else f"{where}.{key}" if where else str(key))
    elif isinstance(value, list | tuple) and any(isinstance(element, Mapping) for element in value):
        for index, element in enumerate(value):
            yield from flattened(element, f"{where}.{index}")
    else:
        yield where, value


def differing(records: Sequence[Record]) -> dict[str, tuple[str, ...]]:
    """The paths where recipes differ, with the value of each; a dash where a recipe has no such path."""
    flat = [
        {path: _written(value) for path, value in flattened(with_defaults(record.setup["recipe"]))}
        | {name: told for name, told in ((WEIGHTS, _weights(record)), (EXTENDED, _extensions(record))) if told}
        for record in records
    ]
    rows = _rows(flat)
    rows = {path: values for path, values in rows.items() if path.split(".")[0] not in WORDS and path != SEED}
    told = {path: values for path, values in rows.items() if not is_place(path)}  # the keys of the pictures say more
    if any(path.startswith("data.") for path in told):
        return rows  # other pictures are what was asked for
    keys = _rows([{name: str(key or ABSENT)[:12] for name, key in picture_keys(r).items()} for r in records])
    return told | {f"{PICTURES}{split}": values for split, values in keys.items()}


def labels(differences: Mapping[str, tuple[str, ...]], paths: Sequence[Sequence[Path]]) -> list[str]:
    """Short words for each group: what differs where that is short, else the name of its folders."""
    told = {path: values for path, values in differences.items() if not path.startswith(PICTURES)}
    ends = {path: path.rpartition(".")[2] if not path.rpartition(".")[2].isdigit() else path for path in told}
    found = [", ".join(f"{ends[path]} {values[n]}" for path, values in told.items()) for n in range(len(paths))]
    if told and len(set(found)) == len(found) and max(map(len, found)) <= LONGEST_LABEL:
        return found
    names = [_common_name([path.resolve() for path in folders]) for folders in paths]
    return names if len(set(names)) == len(names) else [str(folders[0]) for folders in paths]


def _common_name(folders: Sequence[Path]) -> str:
    """The name of the first folder; of several, without the seed, or where nothing is left the name of the sweep's folder."""
    name = folders[0].name
    return name if len(folders) == 1 else re.sub(r"(^|,)(train\.)?seed=\d+", "", name) or folders[0].parent.name


def letters(count: int) -> list[str]:
    """A … Z, AA, AB …"""
    longer = map("".join, product(ascii_uppercase, repeat=2))
    return [*ascii_uppercase, *longer][:count] if count <= 702 else [f"#{number}" for number in range(1, count + 1)]


def _rows(tables: Sequence[Json]) -> dict[str, tuple[str, ...]]:
    """Name → its value in each table, where they are not all the same."""
    names = dict.fromkeys(name for table in tables for name in table)
    rows = {name: tuple(table.get(name, ABSENT) for table in tables) for name in names}
    return {name: values for name, values in rows.items() if len(set(values)) > 1}


def _written(value: Any) -> str:
    """As a recipe would write it; a dash for null."""
    if value is None:
        return ABSENT
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
