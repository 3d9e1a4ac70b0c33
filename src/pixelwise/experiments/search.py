"""A search by Optuna: trials are proposed one by one to the runner, and the study records how each of them ended.

Besides the files of every experiment, a search's folder contains

study.log      the trials as Optuna keeps them (a database given by URL takes its place)
trials.json    how far the trials are, for people and for the page
best.yaml      the recipe of the best trial
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from pixelwise.data.base import Dataset
from pixelwise.engine.build import build_metrics
from pixelwise.engine.evaluate import EPOCH, LOSS, pick_score, unknown_score
from pixelwise.errors import PixelwiseError, RecipeError
from pixelwise.experiments.folder import Folder, Outcome, Planned
from pixelwise.experiments.runner import Follower
from pixelwise.experiments.settings import Space, short_keys
from pixelwise.experiments.study import Study, Trial
from pixelwise.recipe.load import as_yaml
from pixelwise.recipe.schema import Recipe
from pixelwise.report.record import scores_of
from pixelwise.run.atomic import write_json, write_text
from pixelwise.run.records.plain import is_plain_file, read_plain
from pixelwise.types import Score
from pixelwise.yaml_text import LIMIT

STUDY, TRIALS, BEST = "study.log", "trials.json", "best.yaml"


def begin_search(folder: Folder, record: Mapping[str, Any]) -> None:
    """Keep what the search is; a search that resumes keeps its name among the workers of the study."""
    worker = str(folder.record()["worker"]) if folder.exists else uuid.uuid4().hex[:12]
    folder.write({"worker": worker, **record})


@dataclass(frozen=True)
class Aim:
    """The aim of a search: a score by its key, whether higher is better, and the split on which it is counted."""

    key: str
    higher_is_better: bool
    split: str

    def value(self, summary: Mapping[str, Any]) -> float | None:
        """The score of a finished run's best checkpoint; None if the run could not count it."""
        record = (summary.get("splits") or {}).get(self.split) or {}
        if self.key == LOSS:
            found = (record.get("losses") or {}).get(LOSS)
            return None if found is None else float(found)
        scores = (score for metric in record.get("metrics") or () for score in scores_of(metric))
        return next((score.value for score in scores if score.key == self.key), None)


def find_aim(recipe: Recipe, dataset: Dataset, wanted: str = "") -> Aim:
    """The score of that name or key; without one, that by which the recipe chooses its best checkpoint.

    Raises RecipeError if no metric gives it, or if it would be counted on test pictures.
    """
    split, test = recipe.data.validation, recipe.data.test or "test"
    if split in (test, "test"):
        raise RecipeError(
            f"read '{split}', the test split: a search may not choose by scores on test pictures.",
            where="data.validation",
            hint="Name a validation split, e.g. data.validation=val.",
        )
    scores = [score for metric in build_metrics(recipe, dataset.info) for score in metric.scores()]
    scores.append(Score(LOSS, None, higher_is_better=False))
    if wanted == EPOCH:
        raise RecipeError("the number of the epoch does not measure how good a run is.", where="--metric")
    name = wanted or (recipe.train.best if recipe.train.best != EPOCH else scores[0].key)
    score = pick_score(scores, name)
    if score is None:
        raise RecipeError.all([unknown_score(scores, name, "--metric" if wanted else "train.best")])
    return Aim(score.key, score.higher_is_better, split)


class Search:
    """Trials of a study as proposals for the runner. Give it `proposals`, `ended` and `watch`."""

    def __init__(self, folder: Folder, study: Study, space: Space, aim: Aim) -> None:
        self.folder, self.study, self.space, self.aim = folder, study, space, aim
        self.worker = str(folder.record()["worker"])
        self._trials: dict[str, Trial] = {}  # proposed here, by name

    def proposals(self, trials: int, *, alone: bool) -> Iterator[Planned]:
        """The unfinished trials, then new ones until there are `trials` in total.

        alone: no other machine works at this study, so that every unfinished trial is ours.
        """
        unfinished = self.study.unfinished(self.worker, trials, alone=alone)
        self.keep()
        for trial in unfinished:
            yield self._propose(trial)
        while len(self.study.trials()) < trials and (new := self.study.claim(self.worker, trials)) is not None:
            yield self._propose(new)

    def _propose(self, trial: Trial) -> Planned:
        """A trial as a run; it ends at once where its score is known or its recipe is refused."""
        self._trials[trial.name] = trial
        keys = short_keys(list(trial.values))
        words = "  ".join(f"{keys[path]} {value}" for path, value in trial.values.items())
        try:
            run = Planned(trial.name, trial.values, self.space.recipe_at(trial.values), words)
        except RecipeError as error:
            return Planned(trial.name, trial.values, None, words, Outcome("failed", message=str(error.problems[0])))
        trials = self.keep()
        twin = next((t for t in trials if t.state == "done" and t.values == trial.values), None)
        if twin is not None and twin.score is not None:  # the same recipe gives the same score
            return replace(run, outcome=Outcome("done", 0, score=twin.score))
        return run

    def watch(self, run: Planned, epoch: int, scores: Mapping[str, float | None]) -> bool:
        """Report a validation to the study. Whether the trial is worse than the others and should end."""
        score = scores.get(self.aim.key)
        return score is not None and self.study.report(self._trials[run.name], epoch, score)

    def ended(self, run: Planned, outcome: Outcome) -> Outcome:
        """Tell the study how a trial ended; one that was stopped resumes with the search."""
        trial, score = self._trials[run.name], outcome.score
        if outcome.state == "done":
            self._report_all(run)
        if outcome.state == "done" and score is None:
            score = self.aim.value(self.folder.run(run.name).read("summary"))
            if score is None:
                outcome = Outcome("failed", message=f"its summary has no {self.aim.key} on {self.aim.split}.")
        if outcome.state in ("done", "pruned", "failed"):
            self.study.tell(trial, outcome.state, score, outcome.message)
        return next((_outcome(told, outcome) for told in self.keep() if told.number == trial.number), outcome)

    def _report_all(self, run: Planned) -> None:
        """Report the validations that were missed, so that pruning does not depend on when this search looked."""
        follower = Follower(self.folder.run(run.name).events_file)
        follower.look()
        for epoch, scores in sorted(follower.validations.items()):
            self.watch(run, epoch, scores)

    def before(self) -> dict[str, Outcome]:
        """How the trials ended that ended before this session, by name."""
        return {trial.name: _outcome(trial, Outcome()) for trial in self.study.trials() if trial.state != "running"}

    def keep(self) -> list[Trial]:
        """Write how far the trials are, and the recipe of the best one."""
        trials = self.study.trials()
        sign = 1 if self.aim.higher_is_better else -1
        done = [(sign * t.score, -t.number, t) for t in trials if t.state == "done" and t.score is not None]
        best = max(done)[2] if done else None  # of equal ones the earliest
        short = short_keys([one.path for one in self.space.ranges])
        record = {
            "recipe": self.space.recipe,
            "fixed": list(self.space.fixed),
            "ranges": [
                {"path": r.path, "short": short[r.path], "written": r.written, "log": r.is_log, "choices": r.choices}
                for r in self.space.ranges
            ],
            "aim": asdict(self.aim),
            "best": None if best is None else best.name,
            "trials": [{"name": t.name, **asdict(t), "seconds": self._seconds(t)} for t in trials],
        }
        write_json(self.folder.path / TRIALS, record)
        if best is not None:
            self._keep_best(best, len(trials))
        return trials

    def _keep_best(self, best: Trial, count: int) -> None:
        aim, file = self.aim, self.folder.path / BEST
        values = "  ".join(f"{path}={value}" for path, value in best.values.items())
        head = f"# The best of {count} trials of {self.space.recipe}: {aim.key} = {best.score:.6g} on {aim.split}\n"
        text = f"{head}# {values}\n{as_yaml(self.space.recipe_at(best.values))}"
        if not is_plain_file(file) or read_plain(file, LIMIT) != text.encode():
            write_text(file, text)

    def _seconds(self, trial: Trial) -> float | None:
        """What a finished run of this folder took; None for those of other machines."""
        run = self.folder.run(trial.name)
        try:
            total = run.read("summary")["seconds"]["total"] if run.has("summary") else None
        except (PixelwiseError, KeyError, TypeError):
            return None
        return None if total is None else round(float(total), 2)


def _outcome(trial: Trial, outcome: Outcome) -> Outcome:
    """The outcome as the study knows it."""
    if trial.state == "running":
        return outcome
    return replace(outcome, state=trial.state, message=trial.message, score=trial.score)
