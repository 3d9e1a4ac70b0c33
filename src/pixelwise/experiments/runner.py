"""Runs as child processes, some at a time: finished runs are kept, unfinished runs are resumed.

A grid, a search and a plain list differ only in how the next recipe is proposed: any iterator of named recipes works.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pixelwise.data import DATASETS
from pixelwise.data.base import Dataset, data_root
from pixelwise.data.exclude import excluding
from pixelwise.errors import PixelwiseError, Problem
from pixelwise.experiments.folder import Folder, Outcome, Planned
from pixelwise.recipe.schema import Recipe
from pixelwise.run.environment import cores
from pixelwise.run.lock import VARIABLE
from pixelwise.run.records.event_schema import check_event
from pixelwise.run.records.json_text import parse_json
from pixelwise.run.records.plain import open_plain
from pixelwise.run.words import number, score_label

POLL = 0.2  # seconds between two looks
LAST = 1 << 16  # bytes of a log that its last words are looked for in

Ended = Callable[[Planned, Outcome], Outcome]
Watch = Callable[[Planned, int, Mapping[str, float | None]], bool]


@dataclass
class Follower:
    """Steps done and planned of a run of another process, and its best score so far.

    `look()` reads what is new from the end of its events.jsonl.
    """

    file: Path
    step: int = 0
    steps: int = 0
    epoch: int = 0
    epochs: int = 0
    metric: str = ""
    best: float | None = None
    validations: dict[int, dict[str, float | None]] = field(default_factory=dict)  # of each epoch, by key; and `loss`
    _offset: int = field(default=0, repr=False)
    _rest: bytes = field(default=b"", repr=False)

    @property
    def share(self) -> float:
        """Of the planned steps, 0 to 1."""
        return min(1.0, self.step / self.steps) if self.steps else 0.0

    @property
    def words(self) -> str:
        """`epoch 3/20  mean IoU 0.412`: where the run is, and its best score so far."""
        if not self.steps:
            return "starting"
        best = f"  {score_label(self.metric)} {number(self.best)}" if self.best is not None else ""
        return f"epoch {self.epoch}/{self.epochs}{best}"

    def look(self) -> None:
        """Read the events that were written since the last look."""
        try:
            with open_plain(self.file) as file:
                if file.seek(0, 2) < self._offset:  # a resume has cut off what is about to happen again
                    self._offset, self._rest = 0, b""
                file.seek(self._offset)
                new = file.read()
        except (OSError, PixelwiseError):
            return
        self._offset += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        for line in lines:
            with suppress(PixelwiseError):  # another process writes: an incomplete line is skipped
                self._take(check_event(parse_json(line, where=""), where=""))

    def _take(self, event: dict[str, Any]) -> None:
        kind = event["event"]
        if kind == "started":
            self.epochs = event["epochs"]
            self.steps = sum(event.get("phases") or [event["epochs"] * event["steps_per_epoch"]])
        elif kind in ("step", "epoch"):
            self.step, self.epoch = event["step"], event["epoch"]
            if event.get("scores"):
                self.validations[self.epoch] = {**event["scores"], "loss": event.get("validation", {}).get("loss")}
        elif kind == "saved" and event["which"] == "best":
            self.metric, self.best = event.get("metric", ""), event.get("value")


@dataclass
class Job:
    """A run in progress: our own process, or one that an earlier runner left behind when it was killed."""

    run: Planned
    follower: Follower
    process: subprocess.Popen[bytes] | None = None
    began: float = field(default_factory=time.monotonic)
    reported: int = 0  # the last epoch whose scores were reported
    pruned: bool = False  # whether it was asked to stop because others are better


@dataclass(frozen=True)
class Change:
    """What happened: a run began, resumed after a stop, ended, or (every fifth of a second) only time passed."""

    kind: Literal["began", "resumed", "ended", "time"]
    run: Planned | None
    outcome: Outcome | None
    jobs: Sequence[Job]


def open_data(recipe: Recipe, data: Path | None) -> Dataset:
    """The data set of a recipe. Raises DataError if it, or a split that the recipe names, is missing."""
    asked = recipe.data
    whole: Dataset = DATASETS.build(asked.dataset.name, data_root(data), **asked.dataset.options)
    dataset = excluding(whole, asked.exclude)
    dataset.check_split(asked.train)
    dataset.check_split(asked.validation)
    return dataset


def check_data(runs: Iterable[Planned], data: Path | None) -> None:
    """Raise DataError if the data of a run is missing: once before all runs, not in each of them."""
    problems: list[Problem] = []
    checked: list[object] = []
    kind = PixelwiseError
    for recipe in (run.recipe for run in runs if run.recipe is not None):
        asked = recipe.data
        if (key := (asked.dataset.model_dump(), asked.exclude, asked.train, asked.validation)) in checked:
            continue
        checked.append(key)
        try:
            open_data(recipe, data)
        except PixelwiseError as error:
            problems += error.problems
            kind = type(error)
    if problems:
        raise kind.all(list(dict.fromkeys(problems)))


def run_all(
    folder: Folder,
    proposals: Iterable[Planned],
    *,
    jobs: int = 1,
    data: Path | None = None,
    ended: Ended | None = None,
    watch: Watch | None = None,
) -> Generator[Change, None, None]:
    """Train the proposed recipes, `jobs` runs at a time. The other runs continue if one fails.

    ended:  called when a run has ended, returns the outcome to keep; by default the folder's record keeps it
    watch:  called with the scores of each epoch of a run, returns whether to stop it because others are better

    When this generator is closed or interrupted, the runs stop after their current step and are saved.
    """
    upcoming, again, working = iter(proposals), list[Planned](), list[Job]()
    keep = ended or folder.ended
    try:
        while True:
            while len(working) < jobs and (run := again.pop(0) if again else next(upcoming, None)) is not None:
                yield _begin(folder, run, working, jobs, data, keep)
            if not working:
                return
            time.sleep(POLL)
            for job in list(working):
                outcome = _look(folder, job, watch)
                if outcome is None:
                    continue
                working.remove(job)
                if outcome.state == "waiting":  # what a killed runner left behind has stopped half done
                    again.insert(0, job.run)
                else:
                    yield Change("ended", job.run, keep(job.run, outcome), working)
            yield Change("time", None, None, working)
    finally:
        for run, outcome in _stop(folder, working):
            keep(run, outcome)


def _begin(folder: Folder, run: Planned, working: list[Job], jobs: int, data: Path | None, keep: Ended) -> Change:
    """Start a run, or end it at once where it is known how it ends."""
    outcome, standing = run.outcome, "new" if run.outcome else folder.standing(run)
    if standing == "done":
        outcome = folder.finished(run)
    if outcome is not None:
        return Change("ended", run, keep(run, outcome), working)
    folder.keep_recipe(run)
    working.append(start_job(folder, run, jobs, data))
    return Change("resumed" if standing == "begun" else "began", run, None, working)


def start_job(folder: Folder, run: Planned, jobs: int, data: Path | None) -> Job:
    """Train a run in its own process, or wait for the process that still trains it."""
    follower = Follower(folder.run(run.name).events_file)
    with folder.run_lock(run.name) as descriptor:
        if descriptor is None:
            return Job(run, follower)
        command = train_command(folder, run.name, data, resume=folder.standing(run) == "begun")
        with open_plain(folder.log_file(run.name), "ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=_environment(jobs) | {VARIABLE: str(descriptor)},
                pass_fds=[descriptor] if os.name == "posix" else (),  # it keeps the lock, also where we die
                start_new_session=True,  # Ctrl-C reaches only us; we stop the runs
            )
    return Job(run, follower, process)


def train_command(folder: Folder, name: str, data: Path | None, *, resume: bool) -> list[str]:
    """The command to train or resume this run alone."""
    recipe, path = str(folder.recipe_file(name)), str(folder.run(name).path)  # the recipe knows where the data lie now
    what = [recipe, "--resume" if resume else "--out", path]
    return [sys.executable, "-m", "pixelwise", "train", *what, *([] if data is None else ["--data", str(data)])]


def _environment(jobs: int) -> dict[str, str]:
    """Ours, with an equal share of the cores for each run unless OMP_NUM_THREADS is set."""
    variables = dict(os.environ)
    if jobs > 1:
        variables.setdefault("OMP_NUM_THREADS", str(max(1, cores() // jobs)))
    return variables | {"PYTHONUNBUFFERED": "1"}


def _look(folder: Folder, job: Job, watch: Watch | None) -> Outcome | None:
    """Follow a run: report its validations, and ask it to stop where others are better. How it ended, or None."""
    job.follower.look()
    if job.process is None:
        with folder.run_lock(job.run.name) as descriptor:
            if descriptor is not None:
                return folder.finished(job.run) if folder.standing(job.run) == "done" else Outcome()
    elif (code := job.process.poll()) is not None:
        return _judge(folder, job, code)
    for epoch, scores in sorted(job.follower.validations.items()):
        if watch is None or job.pruned or epoch <= job.reported:
            continue
        job.reported = epoch
        last = job.follower.epochs == epoch  # the training is over: nothing can be saved any more
        if watch(job.run, epoch, scores) and job.process is not None and not last:
            job.process.send_signal(signal.SIGTERM)
            job.pruned = True
    return None


def _judge(folder: Folder, job: Job, code: int) -> Outcome:
    if folder.run(job.run.name).has("summary"):  # even of one that was killed while it built its page
        return folder.finished(job.run)
    seconds = round(time.monotonic() - job.began, 2)
    if job.pruned:
        return Outcome("pruned", code, seconds)
    message = _last_words(folder.log_file(job.run.name)) if code >= 0 else f"was ended by {_signal_name(-code)}"
    return Outcome("failed", code, seconds, message)


def _last_words(log: Path) -> str:
    """The error that a log ends with, in one line."""
    with open_plain(log) as file:
        file.seek(max(0, file.seek(0, 2) - LAST))
        text = file.read().decode("utf-8", errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [number for number, line in enumerate(lines) if line.startswith("error:") or line.endswith(" errors:")]
    if errors:
        return " ".join(lines[errors[-1] : errors[-1] + 3])
    return lines[-1] if lines else "printed nothing"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _stop(folder: Folder, working: Sequence[Job]) -> Iterator[tuple[Planned, Outcome]]:
    """Ask the runs to save and stop, and wait for them; one more interruption ends them at once."""
    own = [(job, job.process) for job in working if job.process is not None]
    for _, process in own:
        process.send_signal(signal.SIGTERM)
    try:
        for _, process in own:
            process.wait()
    except KeyboardInterrupt:
        for _, process in own:
            process.kill()
            process.wait()
    for job, process in own:
        whole = process.returncode == 0 or job.pruned
        yield job.run, _judge(folder, job, process.returncode) if whole else Outcome("stopped", process.returncode)
