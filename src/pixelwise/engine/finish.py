"""After the last update: the scores of the best weights, a few pictures for the gallery, the summary, the report."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pixelwise.data.cache import CachedSplit
from pixelwise.engine.evaluate import bound_record, chose_epoch, evaluate, find_score, predict
from pixelwise.engine.fit import Parts
from pixelwise.engine.setup import split_record
from pixelwise.metrics.pictures import Recorder, add_intervals, keep_pictures
from pixelwise.report.baselines import keep_baselines
from pixelwise.report.page import build_report
from pixelwise.report.record import losses_at
from pixelwise.run.checkpoint import has_checkpoint, load_checkpoint
from pixelwise.run.events import Finished
from pixelwise.run.folder import RunFolder
from pixelwise.run.progress import Progress
from pixelwise.shown import shown_as
from pixelwise.types import Prediction, Sample

SHARED, SHARED_UP_TO = "shared", 6  # the rank of pictures that are kept to be compared between runs, and how many


def finish(run: RunFolder, parts: Parts, progress: Progress, finished: Finished) -> None:
    """Score the best weights on the validation split and write summary, gallery and report (the first process does this)."""
    start = time.perf_counter()
    checkpoint = take_best(run, parts)
    ranking: dict[int, float] = {}
    recorder = Recorder(parts.metrics)

    def rank(index: int, sample: Sample, prediction: Prediction) -> None:
        score = parts.metrics[0].sample_score(sample, prediction)
        if score is not None:
            ranking[index] = score
        recorder.look(index)

    result = replace(evaluate(parts.learner, parts.material.validation, parts.metrics, look=rank), epoch=finished.epoch)
    record = {**split_record(parts.material.validation, parts.metrics), "losses": result.losses}
    split = parts.material.validation.split
    chose = chose_epoch(run, parts.recipe, split, checkpoint)
    splits = {split: {"checkpoint": checkpoint, "chose_epoch": chose, **record}}
    if parts.material.test is not None and parts.material.test.split not in splits:
        tested = score_test(run, parts, parts.material.test)
        splits[parts.material.test.split] = {"checkpoint": checkpoint, "chose_epoch": False, **tested}
    rankings = parts.learner.processes.gather(ranking)
    recorded = parts.learner.processes.gather(recorder.rows)
    if not parts.learner.processes.first:
        return
    record |= bound_record(parts.learner.task, parts.material.validation, parts.metrics)
    splits[split] |= record
    ranking = {index: score for one in rankings for index, score in one.items()}
    shared = choose_shared(len(parts.material.validation), parts.recipe.gallery)
    chosen = [
        *choose_gallery(ranking, parts.recipe.gallery),
        *((index, ranking.get(index), SHARED) for index in shared),
    ]
    keep_gallery(run, parts, chosen)
    states = keep_pictures(run.states_file, parts.material.validation.names, recorded, parts.metrics)
    add_intervals(record["metrics"], parts.metrics, states)
    best = {
        "epoch": progress.best_epoch,
        "step": progress.best_step,
        "metric": find_score(result.candidates, parts.recipe.train.best).key,
        "value": progress.best_value,
    }
    seconds = {**progress.seconds, "conclusion": time.perf_counter() - start}
    run.write(
        "summary",
        _summary(finished, seconds, best)
        | {"losses": losses_at(run.events("epoch"), progress.best_epoch), "splits": splits},
    )
    keep_baselines(run)
    build_report(run)


def _summary(finished: Finished, seconds: Mapping[str, float], best: Mapping[str, Any]) -> dict[str, Any]:
    """How the training ended, how long it took, and its best epoch."""
    return {
        "finished": finished.reason,
        "epochs": finished.epoch,
        "steps": finished.step,
        "seconds": {**seconds, "total": sum(seconds.values())},
        "best": dict(best),
    }


def score_test(run: RunFolder, parts: Parts, split: CachedSplit) -> dict[str, Any]:
    """Scores and losses on a split that no choice was based on. The counts of its pictures are kept."""
    metrics = copy.deepcopy(parts.metrics)
    recorder = Recorder(metrics)
    result = evaluate(parts.learner, split, metrics, look=lambda index, sample, prediction: recorder.look(index))
    recorded = parts.learner.processes.gather(recorder.rows)
    record = split_record(split, metrics)
    if parts.learner.processes.first:
        states = keep_pictures(run.states_of(split.split), split.names, recorded, metrics)
        add_intervals(record["metrics"], metrics, states)
    return {**record, "losses": result.losses}


def take_best(run: RunFolder, parts: Parts) -> str:
    """Put the best weights into the model, or the last ones (or their average) if no score was ever defined. Returns which."""
    parts.learner.processes.wait()  # until the first process has written the last of them
    best = run.path / "best"
    if not has_checkpoint(best):
        if parts.recipe.train.ema:
            parts.learner.load(parts.learner.state("best"), where="train.ema")
        return "last"
    arrays, _ = load_checkpoint(best, "model")
    parts.learner.load(arrays, where=str(best))
    return "best"


def choose_gallery(ranking: dict[int, float], count: int) -> list[tuple[int, float, str]]:
    """(index, score, rank): a third each of the best, the ones around the median, and the worst pictures."""
    ordered = sorted(ranking, key=lambda index: (-ranking[index], index))
    count = min(count, len(ordered))
    best, worst = (count + 2) // 3, count // 3
    typical = count - best - worst
    middle = max(best, (len(ordered) - typical) // 2)
    groups = (
        ("best", ordered[:best]),
        ("typical", ordered[middle : middle + typical]),
        ("worst", ordered[len(ordered) - worst :]),
    )
    return [(index, ranking[index], rank) for rank, indices in groups for index in indices]


def choose_shared(pictures: int, count: int) -> list[int]:
    """Indices spread evenly over the split, independent of predictions: the same pictures for all runs on this split."""
    count = min(count, SHARED_UP_TO, pictures)
    return [(2 * number + 1) * pictures // (2 * count) for number in range(count)]


def keep_gallery(run: RunFolder, parts: Parts, chosen: Sequence[tuple[int, float | None, str]]) -> None:
    """Write picture, truth and prediction of the chosen samples under predictions/."""
    split, info = parts.material.validation, parts.learner.task.info
    entries = []
    for number, (index, score, rank) in enumerate(chosen):
        sample = split[index]
        (prediction,) = predict(parts.learner, [sample])
        kept = shown_as(prediction.kind).keep(run.predictions, f"{number:03d}", sample, prediction, info)
        entries.append({"name": sample.name, "rank": rank, "score": score, **kept})
    ranked = [entry for entry in entries if entry["rank"] != SHARED]
    shared = [entry for entry in entries if entry["rank"] == SHARED]
    run.write("predictions/index", {"split": split.split, "pictures": ranked, "shared": shared})
