"""A run is a folder. Training writes it; report, compare, predict, export and serve read it.

recipe.yaml        the recipe, resolved: no parent, every default written out
environment.json   versions, machine, commit, command
setup.json         what was found out once: choices made by trying, class counts and weights, layers, pictures per split
events.jsonl       one event a line
last/ best/        checkpoints
predictions/       a few pictures with truth and prediction, for the gallery
summary.json       final scores with their conventions, time spent
report.html        one page for people; plots/ holds its figures as files
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PureWindowsPath
from typing import Any, BinaryIO

from pixelwise.errors import RunError, shown
from pixelwise.run.atomic import read_json, write_json, write_text
from pixelwise.run.events import Event, as_record

_OUT = "Choose another folder with --out."


class RunFolder:
    """Paths and records of one run. Opening reads nothing but the names."""

    def __init__(self, path: Path) -> None:
        self.path = path = Path(path)
        self.recipe_file, self.lock_file, self.events_file = path / "recipe.yaml", path / ".lock", path / "events.jsonl"
        self.predictions, self.plots, self.report_file = path / "predictions", path / "plots", path / "report.html"
        self.states_file = self.predictions / "states.npz"  # what each validation picture added to the scores' counts

    @staticmethod
    def check_free(path: Path) -> None:
        """Raise RunError where something is in the way of a new run; that is left untouched."""
        try:
            taken = path.exists() and (not path.is_dir() or any(path.iterdir()))
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
        """A new run folder with its recipe. Raises RunError where something is in the way; leaves nothing half made."""
        path = Path(path)
        cls.check_free(path)
        run = cls(path)
        made = not path.exists()
        try:
            path.mkdir(parents=True, exist_ok=True)
            run.lock_file.open("x").close()  # of two processes at this point, only one continues
        except FileExistsError as error:
            raise RunError("another process is making this run.", where=str(path), hint=_OUT) from error
        except OSError as error:
            raise RunError(f"cannot be made: {error.strerror or error}.", where=str(path), hint=_OUT) from error
        try:
            write_text(run.recipe_file, recipe)
        except BaseException:
            with suppress(OSError):
                run.lock_file.unlink()
                if made:
                    path.rmdir()
            raise
        return run

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """An existing run. Raises RunError where the folder has no recipe."""
        run = cls(Path(path))
        if not run.path.is_dir():
            raise RunError(
                "there is no such run folder.",
                where=str(path),
                hint="Runs are written under runs/ by `pixelwise train`.",
            )
        if not run.recipe_file.is_file():
            raise RunError("is not a run folder: it has no recipe.yaml.", where=str(path))
        return run

    def states_of(self, split: str) -> Path:
        """As `states_file`, of another split that was scored at the end of the training."""
        return self.predictions / f"states-{split}.npz"

    # -- records -------------------------------------------------------------------------------------------------

    def write(self, name: str, value: Any) -> None:
        """A JSON record, e.g. `write("setup", {...})`."""
        write_json(self.path / f"{name}.json", value)

    def read(self, name: str) -> Any:
        """A JSON record. Raises RunError where it is missing or damaged."""
        return read_json(self.path / f"{name}.json")

    def has(self, name: str) -> bool:
        return (self.path / f"{name}.json").is_file()

    # -- events --------------------------------------------------------------------------------------------------

    def append(self, event: Event) -> None:
        """Add one event to events.jsonl."""
        line = json.dumps(as_record(event), ensure_ascii=False, allow_nan=False) + "\n"
        try:
            with open(self.events_file, "ab") as file:
                file.write(line.encode("utf-8", "backslashreplace"))
        except OSError as error:
            raise RunError(
                f"could not be written: {error.strerror or error}.",
                where=str(self.events_file),
                hint="Make room, then resume with `pixelwise train --resume`: the last checkpoint is whole.",
            ) from error

    def events_length(self) -> int:
        """Bytes of events on the disk, flushed. A checkpoint records it, a resume cuts back to it."""
        if not self.events_file.exists():
            return 0
        with self._open_events() as file:
            return file.seek(0, os.SEEK_END)

    def cut_events(self, length: int) -> None:
        """Forget the events after `length` bytes: they are about to happen again."""
        if not self.events_file.exists():
            if length:
                raise RunError("is missing, the checkpoint says that it should be there.", where=str(self.events_file))
            return
        with self._open_events() as file:
            there = file.seek(0, os.SEEK_END)
            if there < length:
                raise RunError(
                    f"has {there} bytes; when the checkpoint was written it had {length}.",
                    where=str(self.events_file),
                    hint="It was changed since. Put it back, or train anew with --out.",
                )
            file.truncate(length)

    @contextmanager
    def _open_events(self) -> Iterator[BinaryIO]:
        """The events for reading and cutting; what was written to them is on the disk afterwards."""
        try:
            with open(self.events_file, "rb+") as file:
                yield file
                os.fsync(file.fileno())
        except OSError as error:
            raise RunError(f"could not be written: {error.strerror or error}.", where=str(self.events_file)) from error

    def events(self, kind: str | None = None) -> list[dict[str, Any]]:
        """The events so far, optionally of one kind. A last line cut short by a crash is left out."""
        if not self.events_file.exists():
            return []
        try:
            content = self.events_file.read_bytes()
        except OSError as error:
            raise RunError(f"cannot be read: {error.strerror or error}.", where=str(self.events_file)) from error
        records = [self._event(line, number) for number, line in enumerate(content.split(b"\n")[:-1], start=1)]
        return records if kind is None else [record for record in records if record["event"] == kind]

    def _event(self, line: bytes, number: int) -> dict[str, Any]:
        record = None
        with suppress(ValueError):
            record = json.loads(line)
        if not isinstance(record, dict) or "event" not in record:
            raise RunError("is not an event.", where=f"{self.events_file}, line {number}")
        return record

    # -- one writer ----------------------------------------------------------------------------------------------

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the run for writing. Raises RunError where another process does (the lock ends with its process)."""
        from filelock import lock_descriptor

        try:
            file = open(self.lock_file, "a")  # noqa: SIM115 - closed below
        except OSError as error:
            raise RunError(f"cannot be written: {error.strerror or error}.", where=str(self.path)) from error
        with file:
            if not lock_descriptor(file.fileno(), blocking=False):
                hint = "Wait for it, stop it, or choose another folder with --out."
                raise RunError("another process is writing to this run.", where=str(self.path), hint=hint)
            yield


def runs_of(record: Any, file: Path) -> list[dict[str, Any]]:
    """The runs in the record of an experiment, each with the name of its folder beside that file.

    Raises RunError where the record is damaged, or where a name leads to another folder: records may come from other people.
    """
    runs = record.get("runs") if isinstance(record, dict) else None
    keys = {"name", "values", "state"}
    if not isinstance(runs, list) or not all(isinstance(run, dict) and keys <= run.keys() for run in runs):
        raise RunError("is not a record of runs, or it is of another version of pixelwise.", where=str(file))
    for name in (run["name"] for run in runs):
        plain = isinstance(name, str) and name.isprintable() and name not in ("", "..")
        if not plain or PureWindowsPath(name).name != name:  # it has `/`, `\` or a drive
            raise RunError(f"names a run {shown(name)}, which is not the name of a folder beside it.", where=str(file))
    return runs
