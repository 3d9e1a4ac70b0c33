"""The trials of a search, kept by Optuna in a file of the search's folder or in a database that several machines share.

The only module that imports Optuna, which is an extra.
"""

from __future__ import annotations

import glob
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pixelwise.engine.order import seed_of
from pixelwise.errors import PixelwiseError, Problem, RunError, shown
from pixelwise.experiments.settings import Range, Space
from pixelwise.run.identity import deciding, differences
from pixelwise.run.passwords import hide_passwords, hide_passwords_of
from pixelwise.run.records.plain import is_plain_file, open_plain, read_plain
from pixelwise.types import current_key

State = Literal["running", "done", "pruned", "failed"]
STATES: Mapping[str, State] = {"COMPLETE": "done", "PRUNED": "pruned", "FAIL": "failed"}
EXTRA = "Install the extra: pip install 'pixelwise[search]'"
SURPLUS = "surplus"  # mark of a trial that was taken back: Optuna's storages delete none
TAKEN = "Other machines had taken the last trials."
MOST_BYTES = 1 << 30  # of the file
UNPRUNED = 5  # finished trials before one may be pruned


@dataclass(frozen=True)
class Trial:
    """One point of the search and its state.

    score:   of the best checkpoint; of a pruned trial, the last validation
    worker:  which folder trains it, where several share the study
    reports: the score after each epoch that was validated
    """

    number: int
    state: State
    values: Mapping[str, str]
    score: float | None = None
    message: str = ""
    worker: str = ""
    reports: int = 0

    @property
    def name(self) -> str:
        return f"trial-{self.number:04d}"


class Study:
    """A study of Optuna in the terms of pixelwise.

    Each trial seeds its draws by (seed, its number), so that a search that was killed and resumed draws what it
    would have drawn: with one trial at a time on a CPU the whole search repeats.
    """

    def __init__(self, study: Any, storage: Any, space: Space, seed: int, place: Path | str) -> None:
        self._study, self._storage, self._space, self._seed, self._place = study, storage, space, seed, place
        self._distributions = {one.path: _distribution(one) for one in space.ranges}

    def trials(self) -> list[Trial]:
        """All of them, by number, those of other machines too. Raises RunError if the study cannot be read."""
        with _reached(self._place):
            return [self._as_trial(told) for told in self._counted()]

    def claim(self, worker: str, limit: int) -> Trial | None:
        """A new trial that is one of the study's first `limit`; None if others have taken them all.

        The storage gives each trial its own number, even if several processes ask at the same moment. One with `limit` others
        before it is taken back, and so is every one that was asked for with it or later: `limit` stay, no more and no fewer.
        """
        trial = self.ask(worker)
        return trial if self._has_room(trial, limit) else None

    def unfinished(self, worker: str, limit: int, *, alone: bool) -> list[Trial]:
        """The trials that this worker has to finish. Trials that a kill left unfinished are ended first.

        alone: no other machine works at this study, so that every unfinished trial is this worker's.
        """
        with _reached(self._place):
            found = [told for told in self._study.get_trials(deepcopy=False) if not told.state.is_finished()]
        mine = []
        for told in found:
            trial = self._as_trial(told)
            if told.user_attrs.get(SURPLUS) and (alone or trial.worker == worker):
                self.tell(trial, "failed", message=TAKEN)
            elif alone and len(trial.values) < len(self._distributions):
                self._take_back(trial, "The search was killed while this trial was drawn.")  # by version 0.1
            elif (alone or trial.worker == worker) and self._has_room(trial, limit):
                mine.append(trial)
        return mine

    def _has_room(self, trial: Trial, limit: int) -> bool:
        """Whether a trial is one of the first `limit`; it is taken back where it is not."""
        with _reached(self._place):
            room: bool = sum(told.number < trial.number for told in self._counted()) < limit
        if not room:
            self._take_back(trial, TAKEN)
        return room

    def _take_back(self, trial: Trial, message: str) -> None:
        with _reached(self._place):
            self._mark(trial, SURPLUS, True)
        self.tell(trial, "failed", message=message)

    def ask(self, worker: str) -> Trial:
        """A new trial, drawn with regard to those that are finished (TPE: Bergstra et al. 2011).

        It is drawn in a copy of the study and kept as one entry: a kill leaves no trial without values or owner.
        """
        import optuna

        with _reached(self._place):
            trials = self._study.get_trials(deepcopy=False)
            seed = seed_of(self._seed, "search", len(trials)) % 2**32
            sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
            copy = optuna.create_study(direction=self._study.direction, sampler=sampler)
            copy.add_trials(trials)
            drawn = copy.ask(self._distributions)
            told = optuna.trial.create_trial(
                state=optuna.trial.TrialState.RUNNING,
                params=drawn.params,
                distributions=drawn.distributions,
                user_attrs={"worker": worker},
            )
            kept = self._storage.create_new_trial(self._study._study_id, template_trial=told)
            return self._as_trial(self._storage.get_trial(kept))

    def report(self, trial: Trial, epoch: int, score: float) -> bool:
        """Keep the score of an epoch. Whether the trial is worse than the median of the others there, and should end."""
        with _reached(self._place):
            frozen = self._frozen(trial.number)
            if epoch in frozen.intermediate_values:  # told before the search was killed
                return False
            self._storage.set_trial_intermediate_value(frozen._trial_id, epoch, score)
            return bool(self._study.pruner.prune(self._study, self._frozen(trial.number)))

    def tell(self, trial: Trial, state: State, score: float | None = None, message: str = "") -> None:
        """End a trial: done with its score, pruned (its last report stays its score), or failed with the reason."""
        from optuna.trial import TrialState

        known = next(name for name, ours in STATES.items() if ours == state)
        with _reached(self._place):
            if message:
                self._mark(trial, "message", message[:500])
            self._study.tell(trial.number, score, state=TrialState[known])

    def _mark(self, trial: Trial, key: str, value: str | bool) -> None:
        self._storage.set_trial_user_attr(self._frozen(trial.number)._trial_id, key, value)

    def _counted(self) -> list[Any]:
        return [told for told in self._study.get_trials(deepcopy=False) if not told.user_attrs.get(SURPLUS)]

    def _frozen(self, number: int) -> Any:
        return self._study.get_trials(deepcopy=False)[number]

    def _as_trial(self, told: Any) -> Trial:
        values = {one.path: one.text(told.params[one.path]) for one in self._space.ranges if one.path in told.params}
        reports, known = told.intermediate_values, told.user_attrs
        score = told.value if told.value is not None else reports.get(max(reports, default=0))
        message, worker = str(known.get("message", "")), str(known.get("worker", ""))
        state = STATES.get(told.state.name, "running")
        return Trial(told.number, state, values, score, message, worker, len(reports))


@contextmanager
def _reached(place: Path | str) -> Iterator[None]:
    """Raise RunError where the study's file or database cannot be read, or fails while we work."""
    try:
        yield
    except PixelwiseError:
        raise
    except Exception as error:  # of the file's reader, of SQLAlchemy, or of the database's own driver
        said = hide_passwords_of(str(place), str(error))
        first = (said.strip().splitlines() or [""])[0][:200].rstrip(".")
        what = f"the study cannot be read: {type(error).__name__}: {first}."
        hint = "If it is not a complete study of Optuna, begin a new one with another --out or --study."
        if isinstance(error, ImportError):
            what, hint = f"its driver is not installed: {first}.", "Install the database's Python driver."
        raise RunError(what, where=hide_passwords(str(place)), hint=hint) from None  # it may contain a password


def open_study(
    place: Path | str, name: str, space: Space, identity: Mapping[str, Any], *, seed: int, pruner: str
) -> Study:
    """The study of that name in a file, or in a database given by URL, made if there is none.

    identity: what the search is; a study that was begun with another one is refused with what differs (RunError)
    pruner:   `median` (stop what is worse than the median of the others after the same epoch) or `none`
    """
    optuna = require_optuna()
    pruners = {"median": optuna.pruners.MedianPruner(n_startup_trials=UNPRUNED), "none": optuna.pruners.NopPruner()}
    direction = "maximize" if identity["higher_is_better"] else "minimize"
    with _reached(place):
        storage = _in_file(optuna, place) if isinstance(place, Path) else optuna.storages.RDBStorage(place)
        there = name in optuna.study.get_all_study_names(storage)
        sampler = optuna.samplers.RandomSampler()  # another one is made for each trial
        how: dict[str, Any] = {"storage": storage, "study_name": name, "sampler": sampler, "pruner": pruners[pruner]}
        study = optuna.load_study(**how) if there else optuna.create_study(**how, direction=direction)
        killed = there and not study.user_attrs and not study.trials and study.direction.name.lower() == direction
    if not there or killed:
        study.set_user_attr("identity", json.dumps(identity, sort_keys=True))
    _check_same(study.user_attrs.get("identity"), identity, name)
    return Study(study, storage, space, seed, place)


def _check_same(before: str | None, identity: Mapping[str, Any], name: str) -> None:
    """Raise RunError with what differs where a study is another search's."""
    if before is None:
        raise RunError("is a study of Optuna that was not created by pixelwise.", where=f"study '{name}'")
    begun, now = json.loads(before), json.loads(json.dumps(identity))
    begun["metric"] = current_key(str(begun.get("metric")))
    begun, now = ({**one, "recipe": deciding(one.get("recipe") or {})} for one in (begun, now))
    problems = [
        Problem(where, f"was {shown(old)} in the search that began here, but is {shown(new)} now.")
        for where, old, new in differences(begun, now)
    ]
    if problems:
        hint = "Choose another folder with --out, or another --study in a database."
        raise RunError.all([*problems[:8], Problem(f"study '{name}'", "belongs to another search.", hint)])


def _in_file(optuna: Any, path: Path) -> Any:
    """The storage in one file, repaired after a kill (last line, lock). Call it only while holding the folder."""
    for left in path.parent.glob(f"{glob.escape(path.name)}.lock*"):  # Optuna renames its lock before it removes it
        with suppress(OSError):
            left.unlink()
    if is_plain_file(path):
        content = read_plain(path, MOST_BYTES)
        if content and not content.endswith(b"\n"):
            with open_plain(path, "rb+") as file:
                file.truncate(content.rfind(b"\n") + 1)
    journal = optuna.storages.journal
    return optuna.storages.JournalStorage(journal.JournalFileBackend(str(path), journal.JournalFileOpenLock(str(path))))


def _distribution(one: Range) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if one.choices:
        return CategoricalDistribution(one.choices)
    if one.is_whole:
        return IntDistribution(int(one.low), int(one.high), log=one.is_log)
    return FloatDistribution(one.low, one.high, log=one.is_log)


def require_optuna() -> Any:
    """Optuna. Raises RunError with the name of the extra if it is not installed."""
    try:
        import optuna
    except ImportError as error:
        raise RunError("needs Optuna, which is not installed.", where="pixelwise search", hint=EXTRA) from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna
