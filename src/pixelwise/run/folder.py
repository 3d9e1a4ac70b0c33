"""A run is a folder. Training writes it; report, compare, predict, export and serve read it.

recipe.yaml        the recipe, resolved: no parent, every default written out
environment.json   versions, machine, commit, command
setup.json         what was found out once: choices made by trying, class counts and weights, layers, pictures per split
events.jsonl       one event per line
last/ best/        checkpoints
predictions/       a few pictures with truth and prediction, for the gallery
evaluations/       scores of `pixelwise evaluate`
summary.json       final scores with their conventions, time spent
baselines.json     scores of baselines in the same parent folder, where there are any
report.html        one page for people; plots/ holds its figures as files

Only plain files inside the folder are read and written (records/plain.py); each record has a schema (records/run_schema.py).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from pixelwise.errors import RecipeError, RunError, listing
from pixelwise.run.atomic import write_json, write_text
from pixelwise.run.events import Event, as_record
from pixelwise.run.lock import PART, lock, remove_parts
from pixelwise.run.records.json_text import parse_json, read_json
from pixelwise.run.records.plain import inside, is_plain_file, open_plain, plain_folder, read_plain
from pixelwise.run.renamed import with_present_names
from pixelwise.yaml_text import LIMIT, decode, parse_map

_OUT = "Choose another folder with --out."
_NOT_YET = (".lock", ".adding.lock", "origin.json")  # what there may be before the recipe
MOST_EVENTS = 1 << 28  # bytes of events.jsonl; a million updates take half of it
SCHEMAS = {  # record → module of records/, and the schema in it
    "setup": ("run_schema", "Setup"),
    "environment": ("run_schema", "Environment"),
    "summary": ("run_schema", "Summary"),
    "baselines": ("run_schema", "Baselines"),
    "tuned": ("run_schema", "Tuned"),
    "predictions/index": ("run_schema", "Gallery"),
    "sweep": ("experiment_schema", "Sweep"),
    "search": ("experiment_schema", "SearchRecord"),
    "trials": ("experiment_schema", "Trials"),
}


class RunFolder:
    """Paths and records of one run. Opening it reads only the names."""

    def __init__(self, path: Path) -> None:
        self.path = path = Path(path)
        self.recipe_file, self.lock_file, self.events_file = path / "recipe.yaml", path / ".lock", path / "events.jsonl"
        self.report_file = path / "report.html"

    @property
    def predictions(self) -> Path:
        return plain_folder(self.path / "predictions")

    @property
    def plots(self) -> Path:
        return plain_folder(self.path / "plots")

    @property
    def states_file(self) -> Path:
        """What each validation picture added to the scores' counts."""
        return self.predictions / "states.npz"

    @staticmethod
    def check_free(path: Path) -> None:
        """Raise RunError if something is in the way of a new run, which stays unchanged.

        Files of a process that was killed before it wrote the recipe are not in the way.
        """
        try:
            taken = path.exists() and (not path.is_dir() or any(map(counts, path.iterdir())))
        except OSError as error:
            raise RunError(f"cannot be looked into: {error.strerror or error}.", where=str(path), hint=_OUT) from error
        if taken:
            is_run = (path / "recipe.yaml").is_file()
            resume = f"Resume it with `pixelwise train --resume {path}`, or choose" if is_run else "Choose"
            raise RunError(
                f"is already there and {'not empty' if path.is_dir() else 'not a folder'}.",
                where=str(path),
                hint=f"{resume} another folder with --out.",
            )
        there = next(parent for parent in (path, *path.parents) if parent.exists())
        if not there.is_dir():
            raise RunError(f"cannot be made: {there} is not a folder.", where=str(path), hint=_OUT)
        if not os.access(there, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
            raise RunError(f"cannot be made: {there} is read-only.", where=str(path), hint=_OUT)

    @classmethod
    def create(cls, path: Path, recipe: str) -> RunFolder:
        """A new run folder with its recipe, which nobody holds yet."""
        run = cls(path)
        with run.beginning(recipe):
            return run

    @contextmanager
    def beginning(self, recipe: str, origin: Mapping[str, Any] | None = None) -> Iterator[None]:
        """Make the run with its recipe, and hold it. Raises RunError if something is in the way, and leaves nothing then.

        origin: where its first weights come from; kept beside the recipe until setup.json says it
        """
        self.check_free(self.path)
        made = not self.path.exists()
        with self.writing():
            self.check_free(self.path)  # another process may have made the run since
            try:
                if origin is not None:
                    self.write("origin", dict(origin))
                write_text(self.recipe_file, recipe)
            except BaseException:
                with suppress(OSError):
                    self.lock_file.unlink()
                    if made:
                        self.path.rmdir()
                raise
            remove_parts(self.path)
            yield

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """An existing run. Raises RunError if the folder has no recipe."""
        run = cls(Path(path))
        if not run.path.is_dir():
            raise RunError(
                "this run folder does not exist.",
                where=str(path),
                hint="Runs are written under runs/ by `pixelwise train`.",
            )
        if not is_plain_file(run.recipe_file):
            what = "is not a run folder: it has no recipe.yaml."
            raise RunError(what, where=str(path), hint=_what_to_name(run.path))
        return run

    def recipe_text(self) -> str:
        """The text of recipe.yaml. Raises RunError if it is not a plain file of UTF-8."""
        with _of_a_run():
            return decode(read_plain(self.recipe_file, LIMIT), where=str(self.recipe_file))

    def recipe_tree(self) -> dict[str, Any]:
        """The recipe as plain values. It need not be a recipe that this version knows."""
        with _of_a_run():
            return parse_map(self.recipe_text(), where=str(self.recipe_file))

    def check_plain(self) -> None:
        """Raise RunError where a folder that a training writes into leads elsewhere."""
        for name in ("last", "best", "predictions", "plots"):
            plain_folder(self.path / name)

    def states_of(self, split: str) -> Path:
        """As `states_file`, of another split that was scored at the end of the training."""
        return self.predictions / f"states-{split}.npz"

    # -- records -------------------------------------------------------------------------------------------------

    def file(self, name: str) -> Path:
        """The path of a file in the run, e.g. `evaluations/val-best-recipe.json`. Raises RunError if it leads elsewhere."""
        return inside(self.path, name)

    def write(self, name: str, value: Any) -> None:
        """A JSON record, e.g. `write("setup", {...})`."""
        write_json(self.file(f"{name}.json"), value)

    def read(self, name: str) -> Any:
        """A JSON record; a recipe in it has the present names of options.

        Raises RunError if it is missing or damaged, or is not what its schema says.
        """
        if name == "setup" and not self.has(name):
            what = "is not a run folder, or the run stopped before its first step: it has no setup.json."
            raise RunError(what, where=str(self.path), hint=_what_to_name(self.path))
        found = read_part(self.path, name)
        if name == "setup" and isinstance(found.get("recipe"), dict):
            return {**found, "recipe": with_present_names(found["recipe"])}
        return found

    def has(self, name: str) -> bool:
        return is_plain_file(self.file(f"{name}.json"))

    def begin(self, setup: Mapping[str, Any]) -> None:
        """Keep what is known before the first step."""
        self.write("setup", dict(setup))
        (self.path / "origin.json").unlink(missing_ok=True)

    def has_not_begun(self) -> bool:
        """Whether it was killed before its first step. Raises RunError if the weights that it started from are lost."""
        if self.has("setup"):
            return False
        if self.has("origin"):
            what, hint = "stopped before its first step.", "Remove the folder and train again, with --from."
            raise RunError(what, where=str(self.path), hint=hint)
        return True

    # -- events --------------------------------------------------------------------------------------------------

    def append(self, event: Event) -> None:
        """Add one event to events.jsonl."""
        line = json.dumps(as_record(event), ensure_ascii=False, allow_nan=False) + "\n"
        try:
            with open_plain(self.events_file, "ab") as file:
                file.write(line.encode("utf-8", "backslashreplace"))
        except OSError as error:
            raise RunError(
                f"could not be written: {error.strerror or error}.",
                where=str(self.events_file),
                hint="Make room, then resume with `pixelwise train --resume`: the last checkpoint is complete.",
            ) from error

    def events_length(self) -> int:
        """Bytes of events on the disk, flushed. A checkpoint records it, a resume cuts back to it."""
        if not is_plain_file(self.events_file):
            return 0
        with self._open_events() as file:
            return file.seek(0, os.SEEK_END)

    def cut_events(self, length: int) -> None:
        """Remove the events after `length` bytes: they will happen again."""
        if not is_plain_file(self.events_file):
            if length:
                raise RunError(
                    "is missing, but the checkpoint says that it should be there.", where=str(self.events_file)
                )
            return
        with self._open_events() as file:
            there = file.seek(0, os.SEEK_END)
            if there < length:
                raise RunError(
                    f"has {there} bytes; when the checkpoint was written it had {length}.",
                    where=str(self.events_file),
                    hint="It was changed afterwards. Restore it, or train again with --out.",
                )
            file.truncate(length)

    @contextmanager
    def _open_events(self) -> Iterator[IO[bytes]]:
        """The events for reading and cutting; what was written to them is on the disk afterwards."""
        try:
            with open_plain(self.events_file, "rb+") as file:
                yield file
                os.fsync(file.fileno())
        except OSError as error:
            raise RunError(f"could not be written: {error.strerror or error}.", where=str(self.events_file)) from error

    def events(self, kind: str | None = None) -> list[dict[str, Any]]:
        """The events so far, optionally of one kind. A last line cut short by a crash is left out."""
        if not is_plain_file(self.events_file):
            return []
        content = read_plain(self.events_file, MOST_EVENTS)
        records = self._events_in(content.split(b"\n")[:-1])
        return records if kind is None else [record for record in records if record["event"] == kind]

    def _events_in(self, lines: list[bytes]) -> list[dict[str, Any]]:
        """The events of the lines, read as one list, which takes a fraction of the time; where that fails, one by one."""
        from pixelwise.run.records.event_schema import check_events

        def where(number: int) -> str:
            return f"{self.events_file}, line {number + 1}"

        records: list[Any] = []
        with suppress(RunError):
            records = parse_json(b"[" + b",".join(lines) + b"]", where="")
        if len(records) != len(lines):
            records = [parse_json(line, where(number)) for number, line in enumerate(lines)]
        for number, record in enumerate(records):
            if not isinstance(record, dict) or "event" not in record:
                raise RunError("is not an event.", where=where(number))
        check_events(records, where)
        return records

    # -- one writer ----------------------------------------------------------------------------------------------

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the run for writing. Raises RunError if another process does (the lock ends with its process).

        What a resume decides by is read only after this: another process may still be changing it before.
        """
        with self._locked(self.lock_file) as mine:
            if not mine:
                hint = "Wait for it, stop it, or choose another folder with --out."
                raise RunError("another process is writing to this run.", where=str(self.path), hint=hint)
            yield

    @contextmanager
    def adding(self) -> Iterator[None]:
        """Take turns with the other processes that add scores or a page to the run, also while it is being trained."""
        with self._locked(self.path / ".adding.lock", wait=True):
            with self._locked(self.lock_file) as mine:
                if mine:
                    self._remove_left_over()
            yield

    def tidy(self) -> None:
        """Remove what killed processes left: unfinished files and the arrays of earlier checkpoints. Only while writing."""
        with self._locked(self.path / ".adding.lock", wait=True):
            self._remove_left_over()

    def _remove_left_over(self) -> None:
        from pixelwise.run.checkpoint import clear_old_arrays

        checkpoints = self.path / "last", self.path / "best"
        remove_parts(self.path, *checkpoints, self.predictions, self.plots, self.path / "evaluations")
        for folder in checkpoints:
            clear_old_arrays(folder)

    @contextmanager
    def _locked(self, file: Path, *, wait: bool = False) -> Iterator[bool]:
        with ExitStack() as held:
            try:
                mine = held.enter_context(lock(file, wait=wait)) is not None
            except OSError as error:
                raise RunError(f"cannot be written: {error.strerror or error}.", where=str(self.path)) from error
            yield mine


def counts(path: Path) -> bool:
    """Whether a file makes a folder a run: not a lock, nor what a process leaves that is killed before the recipe."""
    return path.name not in _NOT_YET and not PART.fullmatch(path.name)


def read_part(folder: Path, name: str) -> Any:
    """A JSON record of a run, a sweep or a search. Raises RunError if it is missing, or is not what its schema says."""
    from pixelwise.run.records.values import check_record

    file = inside(folder, f"{name}.json")
    module, kind = SCHEMAS.get(name, ("run_schema", "Scored" if name.startswith("evaluations/") else "Part"))
    schema = getattr(import_module(f"pixelwise.run.records.{module}"), kind)
    return check_record(read_json(file), schema, where=str(file))


def _what_to_name(path: Path) -> str:
    """A hint for a folder that is not a run: the run that it belongs to, the runs in it, or what a run looks like."""
    if is_plain_file(path.parent / "setup.json"):
        return f"Name the run that it belongs to, {path.parent}."
    with suppress(OSError):
        if runs := sorted(str(child) for child in path.iterdir() if is_plain_file(child / "setup.json")):
            return f"Name one of the runs in it: {listing(runs, 3)}."
    return "Name a folder that `pixelwise train` wrote: it contains recipe.yaml, setup.json and best/."


@contextmanager
def _of_a_run() -> Iterator[None]:
    """What is wrong with a recipe in a run folder is wrong with the run."""
    try:
        yield
    except RecipeError as error:
        raise RunError.all(error.problems) from error
