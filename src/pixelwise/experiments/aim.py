"""What a search looks for: one score of the recipe's metrics, on the validation split and never on the test split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pixelwise.data.base import Dataset
from pixelwise.engine.build import build_metrics
from pixelwise.engine.checks.names import EPOCH, LOSS, pick_score, unknown_score
from pixelwise.errors import RecipeError
from pixelwise.recipe.schema import Recipe
from pixelwise.report.record import scores_of
from pixelwise.types import Score


@dataclass(frozen=True)
class Aim:
    """The score by its key, whether more of it is better, and the split it is counted on."""

    key: str
    higher_is_better: bool
    split: str

    def value(self, summary: Mapping[str, Any]) -> float | None:
        """The score of a finished run's best checkpoint; None where the run could not count it."""
        record = (summary.get("splits") or {}).get(self.split) or {}
        if self.key == LOSS:
            found = (record.get("losses") or {}).get(LOSS)
            return None if found is None else float(found)
        scores = (score for metric in record.get("metrics") or () for score in scores_of(metric))
        return next((score.value for score in scores if score.key == self.key), None)


def find_aim(recipe: Recipe, dataset: Dataset, wanted: str = "") -> Aim:
    """The score of that name or key; without one, that by which the recipe chooses its best checkpoint.

    Raises RecipeError where no metric gives it, or where it would be counted on test pictures.
    """
    split, test = recipe.data.validation, recipe.data.test or "test"
    if split in (test, "test"):
        raise RecipeError(
            f"read '{split}', the test split: a search chooses, and nothing may be chosen on test pictures.",
            where="data.validation",
            hint="Name a validation split, e.g. data.validation=val.",
        )
    scores = [score for metric in build_metrics(recipe, dataset.info) for score in metric.scores()]
    scores.append(Score(LOSS, None, higher_is_better=False))
    if wanted == EPOCH:
        raise RecipeError("the number of the epoch does not say how good a run is.", where="--metric")
    name = wanted or (recipe.train.best if recipe.train.best != EPOCH else scores[0].key)
    score = pick_score(scores, name)
    if score is None:
        raise RecipeError.all([unknown_score(scores, name, "--metric" if wanted else "train.best")])
    return Aim(score.key, score.higher_is_better, split)
