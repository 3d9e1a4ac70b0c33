"""Scores of a model on a split: one pass, memory that does not grow with the number of pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from pixelwise.data.cache import CachedSplit
from pixelwise.engine.hardware.device import Choices
from pixelwise.engine.hardware.distributed import Processes
from pixelwise.engine.scoring.evaluation import Evaluation, Look, refuse_strange
from pixelwise.metrics.base import Metric
from pixelwise.run.progress import quotients
from pixelwise.tasks.base import Batch, Task
from pixelwise.types import Prediction, Sample


def evaluate(
    task: Task,
    model: nn.Module,
    split: CachedSplit,
    metrics: Sequence[Metric],
    *,
    choices: Choices,
    processes: Processes = Processes(),  # noqa: B008 - frozen
    batch: int = 16,
    look: Look | None = None,
) -> Evaluation:
    """Losses and scores over a whole split; `look` is shown every picture with its prediction.

    Several processes share the split out in whole batches, so that each batch is computed as one process alone would;
    the metrics' integer counts are then added. Equal weights give equal scores, to the bit, and no picture counts twice.
    Raises TrainingError, in every process, that names the pictures whose loss is not finite.
    """
    was_training = model.training
    model.eval()
    processes.same_buffers(model)
    for metric in metrics:
        metric.reset()
    sums: dict[str, list[float]] = {}
    strange: list[str] = []
    starts = range(0, len(split), batch)
    with torch.inference_mode():
        for start in starts[processes.rank :: processes.count]:
            samples = [split[index] for index in range(start, min(start + batch, len(split)))]
            outputs, made = forward(task, model, samples, choices)
            for name, term in task.losses(outputs, made).items():
                pair = sums.setdefault(name, [0.0, 0.0])
                pair[0] += (top := float(term.numerator))
                pair[1] += float(term.denominator)
                if not math.isfinite(top):
                    strange += made.names
            for offset, (sample, prediction) in enumerate(zip(samples, task.decode(outputs), strict=True)):
                for metric in metrics:
                    metric.update(sample, prediction)
                if look is not None:
                    look(start + offset, sample, prediction)
            split.release()
    model.train(was_training)
    for metric in metrics:
        metric.state = processes.total_counts(metric.state)
    refuse_strange(split, processes.gather(strange))
    totals = processes.total_sums(sums)
    scores = [score for metric in metrics for score in metric.scores()]
    return Evaluation(quotients(totals) if totals else {}, scores)


def forward(task: Task, model: nn.Module, samples: Sequence[Sample], choices: Choices) -> tuple[object, Batch]:
    """The model's outputs for samples of one size, and their batch."""
    made = task.collate([task.encode(sample) for sample in samples], [sample.name for sample in samples])
    made = made.to(choices.torch_device)
    with choices.autocast():
        return task.forward(model, made), made


def predict_samples(task: Task, model: nn.Module, samples: Sequence[Sample], choices: Choices) -> list[Prediction]:
    """Predictions for samples of one size, by a model in evaluation mode."""
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        predictions = task.decode(forward(task, model, samples, choices)[0])
    model.train(was_training)
    return predictions
