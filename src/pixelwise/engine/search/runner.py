"""The trials of a search as child processes, those of a sweep: asked for one by one, followed, and told to the study."""

from __future__ import annotations

import signal
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pixelwise.engine.search.aim import Aim
from pixelwise.engine.search.folder import SearchFolder
from pixelwise.engine.search.ranges import Space
from pixelwise.engine.search.study import Study, Trial
from pixelwise.engine.sweep.folder import Outcome
from pixelwise.engine.sweep.runner import Job, poll_job, start_job, stop_jobs
from pixelwise.errors import RecipeError

POLL = 0.2  # seconds between two looks


@dataclass
class Work:
    """A trial at work. pruned: it was asked to stop because others were better by then."""

    trial: Trial
    job: Job
    reported: int = 0
    pruned: bool = False


@dataclass(frozen=True)
class Change:
    """What happened: a trial began, went on after a stop, ended, or (every fifth of a second) only time passed.

    score, message: of one that ended; `state` tells how
    """

    kind: Literal["began", "went on", "ended", "time"]
    trial: Trial | None
    works: Sequence[Work]


class Searcher:
    """Trains trials until the study has as many as asked for."""

    def __init__(self, folder: SearchFolder, study: Study, space: Space, aim: Aim, *, jobs: int, data: Path | None):
        self.folder, self.study, self.space, self.aim = folder, study, space, aim
        self.jobs, self.data = jobs, data
        self.worker = str(folder.record()["worker"])
        self.works: list[Work] = []

    def run(self, trials: int, *, alone: bool) -> Generator[Change, None, None]:
        """Go on with what was half done, then begin new trials until there are `trials` in all; a failure stops nothing.

        Whoever closes this generator, or interrupts it, stops the runs after their current step, saved; they go on when
        the search does. alone: nobody else works at this study, so that every unfinished trial is ours.
        """
        standing = self.study.trials()
        waiting = [t for t in standing if t.state == "running" and (alone or t.worker == self.worker)]
        self._keep()
        try:
            while True:
                while len(self.works) < self.jobs:
                    trial = waiting.pop(0) if waiting else self._next(trials)
                    if trial is None:
                        break
                    yield self._begin(trial)
                if not self.works:
                    return
                time.sleep(POLL)
                for work in list(self.works):
                    outcome = self._look(work)
                    if outcome is None:
                        continue
                    self.works.remove(work)
                    if outcome.state == "waiting":  # what a killed search left behind has stopped half done
                        waiting.insert(0, work.trial)
                    else:
                        yield self._end(work.trial, outcome, pruned=work.pruned)
                yield Change("time", None, self.works)
        finally:
            self._stop()

    def _next(self, trials: int) -> Trial | None:
        """A new trial; None where there are `trials` already, whoever has them."""
        return self.study.claim(self.worker, trials) if len(self.study.trials()) < trials else None

    def _begin(self, trial: Trial) -> Change:
        """Start a trial's run, or end the trial at once where its score is known or its recipe is refused."""
        try:
            run = self.folder.planned(trial, self.space)
        except RecipeError as error:
            self.study.fail(trial, str(error.problems[0]))
            return self._told(trial)
        twin = next((t for t in self.study.trials() if t.state == "done" and t.values == trial.values), None)
        if twin is not None and twin.score is not None:  # the same recipe gives the same score
            self.study.finish(trial, twin.score)
            return self._told(trial)
        standing = self.folder.runs.standing(run)
        if standing == "done":  # killed after the training and before the study was told
            return self._end(trial, Outcome("done", 0), pruned=False)
        self.works.append(Work(trial, start_job(self.folder.runs, run, self.jobs, self.data)))
        self._keep()
        return Change("went on" if standing == "begun" else "began", trial, self.works)

    def _look(self, work: Work) -> Outcome | None:
        """Follow a run: report every validation, and stop a run that others are better than. How it ended, or None."""
        work.job.follower.look()
        outcome = poll_job(self.folder.runs, work.job)
        if outcome is not None or work.pruned:
            return outcome
        for epoch, scores in sorted(work.job.follower.validations.items()):
            score = scores.get(self.aim.key)
            if epoch <= work.reported:
                continue
            work.reported = epoch
            last = work.job.follower.epochs == epoch  # the training is over: nothing can be saved any more
            if score is not None and self.study.report(work.trial, epoch, score) and work.job.process and not last:
                work.job.process.send_signal(signal.SIGTERM)
                work.pruned = True
                break
        return None

    def _end(self, trial: Trial, outcome: Outcome, *, pruned: bool) -> Change:
        """Tell the study how a run ended."""
        if outcome.state == "done":
            score = self.aim.value(self.folder.runs.run(trial.name).read("summary"))
            if score is None:
                self.study.fail(trial, f"its summary has no {self.aim.key} on {self.aim.split}.")
            else:
                self.study.finish(trial, score)
        elif pruned:
            self.study.prune(trial)
        else:
            self.study.fail(trial, outcome.message)
        return self._told(trial)

    def _told(self, trial: Trial) -> Change:
        ended = next(told for told in self._keep() if told.number == trial.number)
        return Change("ended", ended, self.works)

    def _keep(self) -> list[Trial]:
        trials = self.study.trials()
        self.folder.keep(trials, self.space, self.aim)
        return trials

    def _stop(self) -> None:
        """Stop what is at work, saved; a run that was done meanwhile counts."""
        works = {work.job.run.name: work for work in self.works}
        for name, outcome in stop_jobs(self.folder.runs, [work.job for work in self.works]):
            if outcome.state == "done" or works[name].pruned:
                self._end(works[name].trial, outcome, pruned=works[name].pruned)
        self._keep()
