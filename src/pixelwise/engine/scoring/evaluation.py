"""What an evaluation gives, whichever engine made it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pixelwise.data.cache import CachedSplit
from pixelwise.engine.faults.names import EPOCH, LOSS, pick_score, unknown_score
from pixelwise.errors import RecipeError, TrainingError, listing
from pixelwise.types import Prediction, Sample, Score

Look = Callable[[int, Sample, Prediction], None]


@dataclass(frozen=True)
class Evaluation:
    """Mean losses by name and scores; both empty where nothing was evaluated."""

    losses: dict[str, float | None]
    scores: list[Score]
    epoch: int = 0

    @property
    def candidates(self) -> list[Score]:
        """What may choose the best checkpoint or stop a training: scores, the loss (less is better), the epoch."""
        loss = Score(LOSS, self.losses.get(LOSS), higher_is_better=False)
        return [*self.scores, loss, Score(EPOCH, float(self.epoch))]


def find_score(scores: Sequence[Score], wanted: str, where: str = "train.best") -> Score:
    """The score of that name or key. Raises RecipeError where there is none."""
    if (score := pick_score(scores, wanted)) is None:
        raise RecipeError.all([unknown_score(scores, wanted, where)])
    return score


def refuse_strange(split: CachedSplit, strange: Sequence[Sequence[str]]) -> None:
    """Raise TrainingError that names the pictures whose loss is not finite, where there are any."""
    names = sorted({name for one in strange for name in one})
    if names:
        raise TrainingError(
            f"the loss is not finite with the pictures {listing(names, 20)}.",
            where=f"split '{split.split}'",
            hint="The weights have grown out of bounds: lower the learning rate, warm up, or clip gradients.",
        )
