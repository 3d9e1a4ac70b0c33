"""The folder of an experiment: the plan, the state of each run, and failures.

sweep.json or search.json   what the experiment is; of a plan known beforehand also its runs and how each of them ended
recipes/       the whole recipe of each run
logs/          what each run printed
NAME/          one run folder for each, e.g. size=32,seed=0/ or trial-0000/
sweep.html or search.html   one page for people; plots/ holds its figures as files
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pixelwise.errors import PixelwiseError, Problem, RecipeError, RunError
from pixelwise.recipe.load import as_yaml, check_allowed, check_recipe
from pixelwise.recipe.place import place_of
from pixelwise.recipe.schema import Recipe
from pixelwise.run.atomic import write_json, write_text
from pixelwise.run.folder import RunFolder, counts
from pixelwise.run.identity import deciding, without_place
from pixelwise.run.lock import lock, remove_parts
from pixelwise.run.records.experiment_schema import SearchRecord, Sweep
from pixelwise.run.records.json_text import read_json
from pixelwise.run.records.plain import is_plain_file, plain_folder, read_plain
from pixelwise.run.records.values import check_record
from pixelwise.yaml_text import LIMIT, decode, parse_map

FORMAT = 1
PLAN = {"recipe", "runs"}  # keys of a record whose runs are known beforehand
SEARCH = {"worker", "recipe", "texts", "metric", "trials", "seed", "pruner", "storage", "study", "data"}
ENTRY = ("state", "exit", "seconds", "message")  # of an outcome, as a record of runs keeps it
MOST_PROBLEMS = 8
State = Literal["waiting", "done", "failed", "stopped", "pruned"]
Standing = Literal["new", "begun", "done"]


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    state:  waiting, done, failed, stopped (it resumes with the experiment), or pruned (others are better)
    score:  the score that the experiment optimises, if it does
    """

    state: State = "waiting"
    exit: int | None = None
    seconds: float | None = None
    message: str = ""
    score: float | None = None


@dataclass(frozen=True)
class Planned:
    """One run: its folder's name, the values that make it differ, and its whole recipe.

    recipe:   None if it could not be made; then `outcome` says why
    words:    the values in words, if the name does not contain them
    outcome:  how the run ends, if that is known without training it
    """

    name: str
    values: Mapping[str, str]
    recipe: Recipe | None
    words: str = ""
    outcome: Outcome | None = None

    @property
    def text(self) -> str:
        """The recipe as YAML."""
        return "" if self.recipe is None else as_yaml(self.recipe)


class Folder:
    """Paths and records of one experiment.

    kind:   `sweep`, `search`, or your own word
    again:  the command that continues it
    """

    def __init__(self, path: Path, kind: str = "sweep", again: str = "") -> None:
        self.path, self.kind = Path(path), kind
        self.again = again or f"pixelwise {kind} --resume {path}"
        self.record_file = self.path / f"{kind}.json"

    def recipe_file(self, name: str) -> Path:
        return plain_folder(self.path / "recipes") / f"{name}.yaml"

    def log_file(self, name: str) -> Path:
        return plain_folder(self.path / "logs") / f"{name}.log"

    def run(self, name: str) -> RunFolder:
        return RunFolder(plain_folder(self.path / name))

    @property
    def exists(self) -> bool:
        return is_plain_file(self.record_file)

    # -- the record ----------------------------------------------------------------------------------------------

    def record(self) -> dict[str, Any]:
        """The experiment's JSON. Raises RunError if there is none, or if it is not what an experiment writes."""
        if not self.exists:
            where = str(self.path)
            raise RunError(f"is not the folder of a {self.kind}: it has no {self.record_file.name}.", where=where)
        for part in ("recipes", "logs", "plots"):
            plain_folder(self.path / part)
        record = read_json(self.record_file)
        keys = SEARCH if self.kind == "search" else PLAN
        if not isinstance(record, dict) or record.get("format") != FORMAT or not keys <= set(record):
            what = f"is not the record of a {self.kind}, or it is of another version of pixelwise."
            raise RunError(what, where=str(self.record_file))
        schema = SearchRecord if self.kind == "search" else Sweep
        return dict(check_record(record, schema, where=str(self.record_file)))

    def write(self, record: Mapping[str, Any]) -> None:
        """Keep what the experiment is."""
        write_json(self.record_file, {"format": FORMAT, **record})

    def check_free(self) -> None:
        """Raise RunError where something other than this kind of experiment is in the folder."""
        if not self.exists:
            RunFolder.check_free(self.path)

    # -- a plan of runs ------------------------------------------------------------------------------------------

    def named(self, runs: Sequence[Planned]) -> tuple[Planned, ...]:
        """The runs under the names that their values already have in this folder: earlier versions chose others."""
        entries = self.record()["runs"] if self.exists else []
        names = {json.dumps(entry["values"], sort_keys=True): str(entry["name"]) for entry in entries}
        return tuple(
            replace(run, name=names.get(json.dumps(dict(run.values), sort_keys=True), run.name)) for run in runs
        )

    def begin(self, runs: Sequence[Planned], recipe: str = "", factors: Any = (), data: Path | None = None) -> None:
        """Write the plan, or continue the same one; a plan that has grown keeps what it has.

        Raises RunError if something else is in the folder; nothing is changed then.
        """
        self.check_free()
        before = self.outcomes() if self.exists else {}
        self._check_same(runs, before)
        entries = [
            {"name": run.name, "values": dict(run.values), **_entry(before.get(run.name, Outcome()))} for run in runs
        ]
        where = None if data is None else str(data.absolute())
        self.write({"recipe": recipe, "data": where, "factors": list(factors), "runs": entries})
        for run in runs:
            self.keep_recipe(run)

    def plan(self) -> tuple[Planned, ...]:
        """The runs of a plan that was begun. Raises RunError or RecipeError if its records are damaged."""
        runs = []
        for entry in self.record()["runs"]:
            file = self.recipe_file(entry["name"])
            if not is_plain_file(file):
                hint = f"Repeat the command that began this {self.kind}: it was killed before this was written."
                raise RunError("is missing.", where=str(file), hint=hint)
            tree = parse_map(_text(file), where=str(file))
            recipe = check_allowed(check_recipe(tree, where=str(file)), str(file))
            runs.append(Planned(entry["name"], entry["values"], recipe))
        return tuple(runs)

    def outcomes(self) -> dict[str, Outcome]:
        """How each run of the plan ended, as far as the record knows."""
        runs = self.record()["runs"]
        return {run["name"]: Outcome(**{key: run[key] for key in ENTRY if key in run}) for run in runs}

    def ended(self, run: Planned, outcome: Outcome) -> Outcome:
        """Keep how a run of the plan ended."""
        self._keep({run.name: outcome})
        return outcome

    def unfinished(self, runs: Sequence[Planned]) -> list[Planned]:
        """The runs that are to be trained. Raises RunError if another run is in the place of one of them."""
        done = {run.name: self.finished(run) for run in runs if self.standing(run) == "done"}
        self._keep({run.name: done.get(run.name, Outcome()) for run in runs})
        return [run for run in runs if run.name not in done]

    def _keep(self, outcomes: Mapping[str, Outcome]) -> None:
        record = self.record()
        for run in record["runs"]:
            if run["name"] in outcomes:
                run.update(_entry(outcomes[run["name"]]))
        self.write(record)

    def _check_same(self, runs: Sequence[Planned], before: Mapping[str, Outcome]) -> None:
        planned = {run.name: run for run in runs}
        what = f"is a run of the {self.kind} in this folder, but not of the one that you asked for."
        problems = [Problem(name, what) for name in before if name not in planned]
        for name in before:
            if name in planned and is_plain_file(file := self.recipe_file(name)) and not _is_same(file, planned[name]):
                problems.append(Problem(name, f"its recipe differs from the one that this {self.kind} began with."))
        if problems:
            hint = f"Choose another folder with --out, or continue the earlier one with `{self.again}`."
            more = [Problem("", f"and {len(problems) - MOST_PROBLEMS} more.")] if len(problems) > MOST_PROBLEMS else []
            last = Problem(str(self.path), f"contains another {self.kind}.", hint)
            raise RunError.all([*problems[:MOST_PROBLEMS], *more, last])

    # -- the runs ------------------------------------------------------------------------------------------------

    def keep_recipe(self, run: Planned) -> None:
        """Write a run's recipe, unless it was written before; and again where its data lie elsewhere now."""
        file = self.recipe_file(run.name)
        if is_plain_file(file):
            place = None if run.recipe is None else place_of(run.recipe)
            if place is None or place == place_of(
                check_recipe(parse_map(_text(file), where=str(file)), where=str(file))
            ):
                return
        write_text(file, run.text)

    def standing(self, planned: Planned) -> Standing:
        """How far a run is. Raises RunError if its folder contains a run of another recipe."""
        run = self.run(planned.name)
        if not run.path.exists() or (run.path.is_dir() and not any(map(counts, run.path.iterdir()))):
            return "new"
        if not is_plain_file(run.recipe_file) or not _is_same(run.recipe_file, planned):
            raise RunError(
                f"is in the way: it is not the run that this {self.kind} would make here.",
                where=str(run.path),
                hint="Move it away, or choose another folder with --out.",
            )
        return "done" if run.has("summary") else "begun"

    def finished(self, planned: Planned) -> Outcome:
        """The outcome of a run that has a summary. Its page is built where its process was killed before that."""
        run, message = self.run(planned.name), ""
        if not is_plain_file(run.report_file):
            from pixelwise.report.page import build_report

            try:
                build_report(run)
            except PixelwiseError as error:
                message = f"its report could not be built: {error.problems[0]}"
        seconds = run.read("summary").get("seconds", {}).get("total")
        return Outcome("done", 0, None if seconds is None else round(seconds, 2), message)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the experiment. Raises RunError if another process does, or something else is in the folder."""
        self.check_free()
        with _locked(self.path / ".lock") as descriptor:
            if descriptor is None:
                what, hint = f"another process is working on this {self.kind}.", "Wait for it, or stop it."
                raise RunError(what, where=str(self.path), hint=hint)
            remove_parts(self.path, *(self.path / name for name in ("recipes", "plots")))
            yield

    def run_lock(self, name: str) -> AbstractContextManager[int | None]:
        """The lock of a run's process, which it holds even after its experiment was killed; None if a process holds it."""
        return _locked(plain_folder(self.path / "logs") / f".{name}.lock")


def _is_same(file: Path, planned: Planned) -> bool:
    """Whether the recipe in a file is the same training as the planned one, wherever its data lie."""
    try:
        text = _text(file)
        if text == planned.text or planned.recipe is None:
            return text == planned.text
        found = check_recipe(parse_map(text, where=str(file)))
    except RecipeError:
        return False
    one, other = (without_place(deciding(r.model_dump(mode="json"))) for r in (found, planned.recipe))
    return one == other


def _text(file: Path) -> str:
    """The text of a recipe in the folder."""
    return decode(read_plain(file, LIMIT), where=str(file))


def _entry(outcome: Outcome) -> dict[str, Any]:
    return {key: getattr(outcome, key) for key in ENTRY}


@contextmanager
def _locked(path: Path) -> Iterator[int | None]:
    with ExitStack() as held:
        try:
            descriptor = held.enter_context(lock(path))
        except OSError as error:
            raise RunError(f"cannot be written: {error.strerror or error}.", where=str(path)) from error
        yield descriptor
