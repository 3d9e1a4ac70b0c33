"""The runs of a sweep as child processes, some at a time: what is finished is left alone, what was half done goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pixelwise.engine.sweep.folder import Outcome, SweepFolder, take_lock
from pixelwise.engine.sweep.follow import Follower
from pixelwise.engine.sweep.grid import Planned
from pixelwise.run.environment import cores

POLL = 0.2  # seconds between two looks
INTERRUPTED = 130  # exit code of a training that was asked to stop, and saved


@dataclass
class Job:
    """A run at work: our own process, or one that an earlier sweep left behind when it was killed."""

    run: Planned
    follower: Follower
    process: subprocess.Popen[bytes] | None = None
    began: float = field(default_factory=time.monotonic)


@dataclass(frozen=True)
class Change:
    """What happened: a run began, went on after a stop, ended, or (every fifth of a second) only time passed."""

    kind: Literal["began", "went on", "ended", "time"]
    run: Planned | None
    outcome: Outcome | None
    jobs: Sequence[Job]


def run_all(
    sweep: SweepFolder, runs: Sequence[Planned], *, jobs: int = 1, data: Path | None = None
) -> Generator[Change, None, None]:
    """Run what is not finished, `jobs` at a time, in order; a failure stops nothing else.

    Whoever closes this generator, or interrupts it, stops the runs after their current step, saved.
    """
    outcomes = {run.name: Outcome() for run in runs} | {
        name: outcome for name, outcome in sweep.outcomes().items() if outcome.state == "done"
    }
    waiting = []
    for run in runs:
        if sweep.standing(run) == "done":
            outcomes[run.name] = _done(sweep, run)
        else:
            waiting.append(run)
            outcomes[run.name] = Outcome()
    sweep.keep(outcomes)
    working: list[Job] = []
    try:
        while waiting or working:
            while waiting and len(working) < jobs:
                run = waiting.pop(0)
                kind: Literal["began", "went on"] = "went on" if sweep.standing(run) == "begun" else "began"
                working.append(start_job(sweep, run, jobs, data))
                yield Change(kind, run, None, working)
            time.sleep(POLL)
            for job in list(working):
                job.follower.look()
                outcome = poll_job(sweep, job)
                if outcome is None:
                    continue
                working.remove(job)
                if outcome.state == "waiting":  # what an earlier sweep left behind has stopped half done
                    waiting.insert(0, job.run)
                    continue
                outcomes[job.run.name] = outcome
                sweep.keep(outcomes)
                yield Change("ended", job.run, outcome, working)
            yield Change("time", None, None, working)
    finally:
        for name, outcome in stop_jobs(sweep, working):
            outcomes[name] = outcome
        sweep.keep(outcomes)


def start_job(sweep: SweepFolder, run: Planned, jobs: int, data: Path | None) -> Job:
    """Train a run in a process of its own, or wait for the process that is still at it."""
    follower = Follower(sweep.run(run.name).events_file)
    with sweep.run_lock(run.name) as lock:
        if not take_lock(lock):
            return Job(run, follower)
        standing = sweep.standing(run)
        if standing == "broken":
            sweep.clear_broken(run.name)
        command = train_command(sweep, run.name, data, going_on=standing == "begun")
        with open(sweep.log_file(run.name), "ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=_environment(jobs),
                pass_fds=[lock.fileno()] if os.name == "posix" else (),  # it keeps the lock, also where we die
                start_new_session=True,  # Ctrl-C is for us; we tell the runs
            )
    return Job(run, follower, process)


def train_command(sweep: SweepFolder, name: str, data: Path | None, *, going_on: bool) -> list[str]:
    """What a person would type to train this run alone, or to go on with it."""
    path = str(sweep.run(name).path)
    what = ["--resume", path] if going_on else [str(sweep.recipe_file(name)), "--out", path]
    return [sys.executable, "-m", "pixelwise", "train", *what, *([] if data is None else ["--data", str(data)])]


def _environment(jobs: int) -> dict[str, str]:
    """Ours, with an equal share of the cores for each run; who sets OMP_NUM_THREADS decides by himself."""
    told = dict(os.environ)
    if jobs > 1:
        told.setdefault("OMP_NUM_THREADS", str(max(1, cores() // jobs)))
    return told | {"PYTHONUNBUFFERED": "1"}


def poll_job(sweep: SweepFolder, job: Job) -> Outcome | None:
    """How a run ended, or None while it is at work."""
    if job.process is None:
        with sweep.run_lock(job.run.name) as lock:
            if not take_lock(lock):
                return None
        return _done(sweep, job.run) if sweep.standing(job.run) == "done" else Outcome()
    code = job.process.poll()
    return None if code is None else _judge(sweep, job, code)


def _judge(sweep: SweepFolder, job: Job, code: int) -> Outcome:
    if code == 0 and sweep.run(job.run.name).has("summary"):
        return _done(sweep, job.run)
    seconds = time.monotonic() - job.began
    message = _last_words(sweep.log_file(job.run.name)) if code > 0 else f"was ended by {_signal_name(-code)}"
    return Outcome("failed", code, round(seconds, 2), message)


def _done(sweep: SweepFolder, run: Planned) -> Outcome:
    seconds = sweep.run(run.name).read("summary").get("seconds", {}).get("total")
    return Outcome("done", 0, None if seconds is None else round(seconds, 2))


def _last_words(log: Path) -> str:
    """The error that a log ends with, in one line."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    errors = [number for number, line in enumerate(lines) if line.startswith("error:") or line.endswith(" errors:")]
    if errors:
        return " ".join(lines[errors[-1] : errors[-1] + 3])
    return lines[-1] if lines else "printed nothing"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def stop_jobs(sweep: SweepFolder, working: Sequence[Job]) -> Iterator[tuple[str, Outcome]]:
    """Ask the runs that are at work to save and stop, and wait for them; one more interruption ends them at once."""
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
        finished = process.returncode == 0
        yield job.run.name, _judge(sweep, job, 0) if finished else Outcome("stopped", process.returncode)
