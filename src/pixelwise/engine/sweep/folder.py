"""The folder of a sweep: what is planned, what stands, what failed.

sweep.json     the grid, and how each run ended
recipes/       the whole recipe of each run, checked before the first began
logs/          what each run printed
NAME/          one run folder for each, e.g. size=32,seed=0/
sweep.html     one page for people; plots/ holds its figures as files
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

from pixelwise.engine.sweep.grid import Factor, Planned
from pixelwise.errors import Problem, RunError
from pixelwise.recipe.load import check_recipe
from pixelwise.run.atomic import read_json, write_json, write_text
from pixelwise.run.folder import RunFolder
from pixelwise.yaml_text import parse

FORMAT = 1
Standing = Literal["new", "broken", "begun", "done"]


@dataclass
class Outcome:
    """How a run ended. state: waiting, done, failed, or stopped (it goes on with the sweep)."""

    state: Literal["waiting", "done", "failed", "stopped"] = "waiting"
    exit: int | None = None
    seconds: float | None = None
    message: str = ""


class SweepFolder:
    """Paths and records of one sweep."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    @property
    def record_file(self) -> Path:
        return self.path / "sweep.json"

    @property
    def page(self) -> Path:
        return self.path / "sweep.html"

    def recipe_file(self, name: str) -> Path:
        return self.path / "recipes" / f"{name}.yaml"

    def log_file(self, name: str) -> Path:
        return self.path / "logs" / f"{name}.log"

    def run(self, name: str) -> RunFolder:
        return RunFolder(self.path / name)

    @property
    def exists(self) -> bool:
        return self.record_file.is_file()

    # -- the plan ------------------------------------------------------------------------------------------------

    def begin(self, recipe: str, factors: Sequence[Factor], runs: Sequence[Planned], data: Path | None) -> None:
        """Write the plan, or go on with the same one; a grid that has grown keeps what it has.

        Raises RunError where something else is in the way; nothing is changed then.
        """
        before = {}
        if self.exists:
            before = self.outcomes()
            self._check_same(runs, before)
        else:
            RunFolder.check_free(self.path)
        for run in runs:
            if not self.recipe_file(run.name).is_file():
                write_text(self.recipe_file(run.name), run.text)
        self._write(recipe, [asdict(factor) for factor in factors], runs, before, data)

    def plan(self) -> tuple[Planned, ...]:
        """The runs of a sweep that was begun. Raises RunError or RecipeError where its records are damaged."""
        if not self.exists:
            raise RunError("is no folder of a sweep: it has no sweep.json.", where=str(self.path))
        runs = []
        for entry in self.record()["runs"]:
            file = self.recipe_file(entry["name"])
            runs.append(Planned(entry["name"], entry["values"], check_recipe(parse(file), where=str(file))))
        return tuple(runs)

    def record(self) -> dict[str, Any]:
        """sweep.json. Raises RunError where it is not what a sweep writes."""
        record = read_json(self.record_file)
        sound = isinstance(record, dict) and record.get("format") == FORMAT and isinstance(record.get("runs"), list)
        if not sound or not all({"name", "values", "state"} <= set(run) for run in record["runs"]):
            raise RunError("is not the record of a sweep, or one of another version.", where=str(self.record_file))
        return dict(record)

    def outcomes(self) -> dict[str, Outcome]:
        """How each run ended, as far as the record knows."""
        return {
            run["name"]: Outcome(run["state"], run.get("exit"), run.get("seconds"), run.get("message", ""))
            for run in self.record()["runs"]
        }

    def keep(self, outcomes: Mapping[str, Outcome]) -> None:
        """Write how the runs stand."""
        record = self.record()
        for run in record["runs"]:
            run.update(asdict(outcomes[run["name"]]))
        write_json(self.record_file, record)

    def _write(
        self, recipe: str, factors: Any, runs: Sequence[Planned], before: Mapping[str, Outcome], data: Path | None
    ) -> None:
        entries = [
            {"name": run.name, "values": dict(run.values), **asdict(before.get(run.name, Outcome()))} for run in runs
        ]
        told = {"format": FORMAT, "recipe": recipe, "data": None if data is None else str(data.absolute())}
        write_json(self.record_file, {**told, "factors": factors, "runs": entries})

    def _check_same(self, runs: Sequence[Planned], before: Mapping[str, Outcome]) -> None:
        planned = {run.name: run for run in runs}
        problems = [
            Problem(name, "is a run of the sweep in this folder, and not of the one asked for.")
            for name in before
            if name not in planned
        ]
        for name in before:
            file = self.recipe_file(name)
            if name in planned and file.is_file() and file.read_text(encoding="utf-8") != planned[name].text:
                problems.append(Problem(name, "its recipe says something else than when this sweep began."))
        if problems:
            hint = f"Choose another folder with --out, or go on with the old one by `pixelwise sweep --resume {self.path}`."
            problems = problems[:8] + ([Problem("", f"and {len(problems) - 8} more.")] if len(problems) > 8 else [])
            raise RunError.all([*problems, Problem(str(self.path), "holds another sweep.", hint)])

    # -- the runs ------------------------------------------------------------------------------------------------

    def standing(self, planned: Planned) -> Standing:
        """How far a run is. Raises RunError where its folder holds a run of another recipe."""
        run = self.run(planned.name)
        if not run.path.exists() or (run.path.is_dir() and not any(run.path.iterdir())):
            return "new"
        if not run.recipe_file.is_file() or run.recipe_file.read_text(encoding="utf-8") != planned.text:
            raise RunError(
                "is in the way: it is not the run that this sweep would make there.",
                where=str(run.path),
                hint="Move it away, or choose another folder with --out.",
            )
        if run.has("summary"):
            return "done"
        return "begun" if run.has("setup") else "broken"

    def clear_broken(self, name: str) -> None:
        """Remove what a run left that was killed before its first step: nothing in it can be gone on with."""
        run = self.run(name)
        for file in (*run.path.glob(".*.part"), *run.path.glob("environment.json"), run.lock_file, run.recipe_file):
            with suppress(FileNotFoundError):
                file.unlink()
        with suppress(OSError):  # something else lies in it: the training will say so
            run.path.rmdir()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the sweep. Raises RunError where another process does."""
        with _opened(self.path / ".lock") as lock:
            if not take_lock(lock):
                raise RunError(
                    "another process is at this sweep.", where=str(self.path), hint="Wait for it, or stop it."
                )
            yield

    def run_lock(self, name: str) -> BinaryIO:
        """The file that a run's process holds locked as long as it lives, even after its sweep was killed."""
        return _opened(self.path / "logs" / f".{name}.lock")


def take_lock(file: BinaryIO) -> bool:
    """Whether the lock could be taken; it is held until the file is closed by every process that has it open."""
    from filelock import lock_descriptor

    return lock_descriptor(file.fileno(), blocking=False)


def _opened(path: Path) -> BinaryIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return open(path, "ab")
    except OSError as error:
        raise RunError(f"cannot be written: {error.strerror or error}.", where=str(path)) from error
