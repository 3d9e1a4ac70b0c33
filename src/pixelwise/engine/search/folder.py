"""The folder of a search.

search.json    what is searched, and with which options it was begun
study.log      the trials as Optuna keeps them (a database given by URL takes its place)
trials.json    how the trials stand, for people and for the page
recipes/, logs/, trial-0000/, ...   as in a sweep: the recipe, the printed lines and the run of each trial of this folder
best.yaml      the recipe of the best trial
search.html    one page for people; plots/ holds its figures as files
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pixelwise.engine.search.aim import Aim
from pixelwise.engine.search.ranges import Space
from pixelwise.engine.search.study import Trial
from pixelwise.engine.sweep.folder import SweepFolder
from pixelwise.engine.sweep.grid import Planned, short_keys
from pixelwise.errors import PixelwiseError, RunError
from pixelwise.recipe.load import as_yaml
from pixelwise.run.atomic import read_json, write_json, write_text
from pixelwise.run.folder import RunFolder

FORMAT = 1


class SearchFolder:
    """Paths and records of one search. Its runs lie as those of a sweep do: `runs` knows where."""

    def __init__(self, path: Path) -> None:
        self.path, self.runs = Path(path), SweepFolder(path)

    @property
    def record_file(self) -> Path:
        return self.path / "search.json"

    @property
    def study_file(self) -> Path:
        return self.path / "study.log"

    @property
    def best_file(self) -> Path:
        return self.path / "best.yaml"

    @property
    def exists(self) -> bool:
        return self.record_file.is_file()

    def begin(self, told: Mapping[str, Any]) -> None:
        """Keep what the search is; of one that goes on, its name among the workers of the study stays."""
        worker = str(self.record()["worker"]) if self.exists else uuid.uuid4().hex[:12]
        write_json(self.record_file, {"format": FORMAT, "worker": worker, **told})

    def check_free(self) -> None:
        """Raise RunError where something else than a search lies in the folder."""
        if not self.exists:
            lock = self.path / ".lock"  # ours: who writes here holds it
            others = [path for path in (self.path.iterdir() if self.path.is_dir() else ()) if path != lock]
            if others or not self.path.is_dir():
                RunFolder.check_free(self.path)

    def record(self) -> dict[str, Any]:
        """search.json. Raises RunError where there is none, or where it is not what a search writes."""
        if not self.exists:
            raise RunError("is no folder of a search: it has no search.json.", where=str(self.path))
        record = read_json(self.record_file)
        keys = {"worker", "recipe", "texts", "metric", "trials", "seed", "pruner", "storage", "study", "data"}
        if not isinstance(record, dict) or record.get("format") != FORMAT or not keys <= set(record):
            raise RunError("is not the record of a search, or one of another version.", where=str(self.record_file))
        return record

    def planned(self, trial: Trial, space: Space) -> Planned:
        """The run of a trial, its recipe written. Raises RecipeError where the drawn values do not go together."""
        run = Planned(trial.name, trial.values, space.recipe_at(trial.values))
        file = self.runs.recipe_file(run.name)
        if not file.is_file():
            write_text(file, run.text)
        return run

    def keep(self, trials: Sequence[Trial], space: Space, aim: Aim) -> None:
        """Write how the trials stand, and the recipe of the best one."""
        best = best_trial(trials, aim.higher_is_better)
        short = short_keys([one.path for one in space.ranges])
        ranges = [
            {"path": r.path, "short": short[r.path], "written": r.written, "log": r.is_log, "choices": r.choices}
            for r in space.ranges
        ]
        told = [{"name": trial.name, **asdict(trial), "seconds": self._seconds(trial)} for trial in trials]
        write_json(
            self.path / "trials.json",
            {
                "recipe": space.recipe,
                "fixed": list(space.fixed),
                "ranges": ranges,
                "aim": asdict(aim),
                "best": None if best is None else best.name,
                "trials": told,
            },
        )
        if best is not None:
            values = "  ".join(f"{path}={value}" for path, value in best.values.items())
            head = (
                f"# The best of {len(trials)} trials of {space.recipe}: {aim.key} = {best.score:.6g} on {aim.split}\n"
            )
            text = f"{head}# {values}\n{as_yaml(space.recipe_at(best.values))}"
            if not self.best_file.is_file() or self.best_file.read_text(encoding="utf-8") != text:
                write_text(self.best_file, text)

    def _seconds(self, trial: Trial) -> float | None:
        """What a finished run of this folder took; None for those of other machines."""
        run = self.runs.run(trial.name)
        try:
            total = run.read("summary")["seconds"]["total"] if run.has("summary") else None
        except (PixelwiseError, KeyError, TypeError):
            return None
        return None if total is None else round(float(total), 2)


def best_trial(trials: Sequence[Trial], higher_is_better: bool) -> Trial | None:
    """The finished trial with the best score, of equal ones the earliest; None where none is finished."""
    done = [(trial.score, trial) for trial in trials if trial.state == "done" and trial.score is not None]
    if not done:
        return None
    sign = 1 if higher_is_better else -1
    return max(done, key=lambda pair: (sign * pair[0], -pair[1].number))[1]
