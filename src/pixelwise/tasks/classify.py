"""Classification: one class for every picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from annotated_types import Ge
from numpy.typing import NDArray
from torch import Tensor, nn

from pixelwise.data.cache import CachedSplit
from pixelwise.data.counts import label_counts
from pixelwise.errors import DataError, ShapeError
from pixelwise.losses.base import Loss, Term
from pixelwise.shelf import declares
from pixelwise.tasks.base import Arrays, Batch, Task
from pixelwise.tasks.pixels import normalise
from pixelwise.types import DatasetInfo, Labels, Prediction, Sample

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@declares(
    predicts="labels",
    heads={"class": "categories"},
    per="picture",
    loss="cross_entropy",
    metrics=("accuracy",),
    best="accuracy",
    knows="label",
)
def classify(
    info: DatasetInfo,
    loss: Loss | None,
    *,
    mean: tuple[float, float, float] = IMAGENET_MEAN,
    std: tuple[float, float, float] = IMAGENET_STD,
    mixup: Annotated[float, Ge(0)] = 0.0,
) -> Task:
    """One class for every picture: RGB in, a score for each class out, probabilities back.

    mean, std:  of the pictures the model is to read, in 0..1; ImageNet's by default
    mixup:      α of Beta(α, α), from which a batch's share is drawn: each picture becomes a mixture with another one of
                its batch, and so does its loss (Zhang et al. 2018); 0: none
    """
    return Classify(info, loss, mean=mean, std=std, mixup=mixup)


@dataclass(frozen=True)
class Mixed:
    """Scores of mixtures: `share` of each picture itself, the rest of its partner in the batch."""

    scores: Tensor
    partners: Tensor
    share: float


class Classify(Task):
    """Classification over the classes of one data set. `loss` may be None where nothing is trained."""

    unit = "picture"

    def __init__(
        self, info: DatasetInfo, loss: Loss | None, *, mean: Sequence[float], std: Sequence[float], mixup: float
    ) -> None:
        if "label" not in info.knows:
            raise DataError("its pictures have no labels, so they cannot be classified.", where=info.name)
        self.info = info
        self.heads = {"class": len(info.classes)}
        self.loss = loss
        self.mean, self.std, self.mixup = tuple(mean), tuple(std), mixup

    def encode(self, sample: Sample) -> Arrays:
        if sample.label is None:
            return {"image": sample.image}
        return {"image": sample.image, "target": np.array(sample.label, np.int64)}

    def encode_pictures(self, pictures: Tensor, labels: Tensor | None) -> dict[str, Tensor]:
        return {"image": pictures} if labels is None else {"image": pictures, "target": labels}

    def forward(self, model: nn.Module, batch: Batch) -> Tensor | Mixed:
        images = normalise(batch.fields["image"], self.mean, self.std)
        if self.mixup and model.training:
            return self._mixed(model, images)
        return _scores(model, images)

    def losses(self, outputs: Tensor | Mixed, batch: Batch) -> dict[str, Term]:
        if self.loss is None or "target" not in batch.fields:
            return {}
        target = batch.fields["target"]
        if isinstance(outputs, Tensor):
            return {"class": self.loss(outputs, target)}
        own, other = self.loss(outputs.scores, target), self.loss(outputs.scores, target[outputs.partners])
        share = outputs.share
        return {
            "class": Term(
                share * own.numerator + (1 - share) * other.numerator,
                share * own.denominator + (1 - share) * other.denominator,
            )
        }

    def decode(self, outputs: Tensor | Mixed) -> list[Prediction]:
        scores = outputs if isinstance(outputs, Tensor) else outputs.scores
        return [Labels(row) for row in scores.float().softmax(dim=1).cpu().numpy()]

    def counts(self, split: CachedSplit) -> NDArray[np.int64]:
        return label_counts(split)

    def _mixed(self, model: nn.Module, images: Tensor) -> Mixed:
        """Drawn from torch's generator of the CPU, which the engine seeds for every step."""
        alpha = torch.tensor([self.mixup, self.mixup])
        share = float(torch.distributions.Dirichlet(alpha).sample()[0])  # Beta(α, α)
        partners = torch.randperm(len(images)).to(images.device)
        return Mixed(_scores(model, share * images + (1 - share) * images[partners]), partners, share)


def _scores(model: nn.Module, images: Tensor) -> Tensor:
    scores: Tensor = model(images)
    if scores.ndim != 2:
        raise ShapeError(
            f"the model gives scores of shape {tuple(scores.shape)}; a classifier gives (B, classes).",
            hint="Take a classifier, e.g. resnet; `pixelwise list models` names them all.",
        )
    return scores  # (B, C)
