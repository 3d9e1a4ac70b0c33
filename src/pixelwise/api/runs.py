"""A run folder, opened for reading: its recipe, scores, losses and report."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixelwise.api.scores import Scores
from pixelwise.report.record import Record, read_record
from pixelwise.report.tables import opening
from pixelwise.run.folder import RunFolder

if TYPE_CHECKING:
    from pixelwise.recipe.schema import Recipe


class Run(os.PathLike[str]):
    """The folder of one training, opened for reading. Functions that take the path of a run take it too.

    path:    the folder
    record:  everything that it holds, as JSON values

    A notebook shows its scores.
    """

    def __init__(self, path: Path, record: Record) -> None:
        self.path, self.record = path, record

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe with every default written out. Raises RecipeError if this version does not know it."""
        from pixelwise.recipe.load import check_recipe

        return check_recipe(self.record.recipe, where=str(self.path / "recipe.yaml"))

    @property
    def title(self) -> str:
        """The recipe's title."""
        return str(self.record.recipe.get("title") or self.path.name)

    @property
    def finished(self) -> str:
        """How the training ended: `complete`, `early stopping` or `interrupted`; empty while it has not."""
        return self.record.finished

    @property
    def scores(self) -> Mapping[str, Scores]:
        """Scores of the best weights by split, e.g. `run.scores["val"]["mean_iou"].value`; empty before the training's end."""
        return {split: Scores(split, record) for split, record in (self.record.summary.get("splits") or {}).items()}

    @property
    def losses(self) -> Mapping[str, Any]:
        """Training and validation losses of the best and the last epoch: `run.losses["best"]["validation"]["loss"]`."""
        return self.record.losses

    @property
    def epochs(self) -> Sequence[Mapping[str, Any]]:
        """One record per epoch with `epoch`, `train`, `validation` (losses) and `scores` by key, for curves."""
        return self.record.epochs

    @property
    def best(self) -> Mapping[str, Any]:
        """The best checkpoint: epoch, step, metric (a score's key) and value."""
        return self.record.best

    @property
    def classes(self) -> Sequence[str]:
        """Names of the classes, in the order of their indices."""
        return self.record.classes

    @property
    def report(self) -> Path:
        """The page about this run. It exists once the training has ended; `pixelwise report RUN` builds it again."""
        return RunFolder(self.path).report_file

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        return f"<Run {self.path}: {self.title}, {self.finished or 'not finished'}>"

    def _repr_html_(self) -> str:
        shown = "".join(scores._repr_html_() for scores in self.scores.values())
        link = f"<p>report: <code>{escape(str(self.report))}</code></p>" if self.report.is_file() else ""
        return f"<h4>{escape(self.title)}</h4><p>{escape(opening(self.record))}</p>{shown}{link}"


def open_run(path: str | os.PathLike[str]) -> Run:
    """Open a run folder for reading. Nothing of torch or of the run's model is imported.

    Raises RunError if the folder is not a run, or a file in it is damaged.
    """
    folder = RunFolder.open(Path(path))
    return Run(folder.path, read_record(folder))
