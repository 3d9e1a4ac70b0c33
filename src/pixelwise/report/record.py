"""A run as its report reads it. Records that an interrupted run did not write are empty here, not an error."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pixelwise.run.folder import RunFolder
from pixelwise.run.length import Length
from pixelwise.types import RGB, Score, current_key

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Record:
    """The records of a run folder as JSON values."""

    recipe_text: str
    recipe: Json
    environment: Json
    setup: Json
    summary: Json
    gallery: Json
    events: tuple[Json, ...]
    evaluations: tuple[Json, ...] = ()  # of `pixelwise evaluate`, with the weights that the summary speaks of
    baselines: tuple[Json, ...] = ()  # runs of models that do not look at the picture, with their scores (baselines.py)

    @cached_property
    def epochs(self) -> list[Json]:
        """One record per epoch, in order. If a resumed run recorded an epoch twice, this is the later one."""
        told = sorted({e["epoch"]: e for e in self._of("epoch")}.items())
        return [_renamed(epoch) for _, epoch in told]

    @cached_property
    def best(self) -> Json:
        """The best checkpoint: epoch, step, metric (a key) and value; empty if there is none."""
        saved = [self.summary.get("best") or {}, *(e for e in reversed(self._of("saved")) if e.get("which") == "best")]
        best: Json = next(filter(None, saved), {})
        return {**best, "metric": current_key(str(best["metric"]))} if best.get("metric") else dict(best)

    @property
    def best_scores(self) -> list[Score]:
        """The validation scores of the best epoch as the training recorded them: all that an unfinished run has."""
        told = [epoch for epoch in self.epochs if epoch.get("epoch") == self.best.get("epoch")]
        return [Score.from_key(key, value) for key, value in (told[-1].get("scores") or {}).items()] if told else []

    @property
    def finished(self) -> str:
        """`complete`, `early stopping`, `interrupted`, or empty if the run never said how it ended."""
        told = self._of("finished")
        return str(self.summary.get("finished") or (told[-1]["reason"] if told else ""))

    @property
    def losses(self) -> Json:
        """Training and validation losses of the best and of the last epoch; of a run of version 0.1, from its events."""
        return self.summary.get("losses") or losses_at(self.epochs, self.best.get("epoch"))

    def split_name(self, which: str) -> str:
        """The name of the split that the recipe uses as `train`, `validation` or `test`."""
        return str((self.recipe.get("data") or {}).get(which) or which)

    @property
    def validates_on_training(self) -> bool:
        """Whether the pictures that are evaluated after every epoch are the training pictures, as in a test of overfitting."""
        return self.split_name("validation") == self.split_name("train")

    @property
    def curves_caption(self) -> str:
        """What the losses of a figure are."""
        told = (
            "the training pictures are evaluated again after it: there are no validation pictures"
            if self.validates_on_training
            else "the validation loss and scores are computed after it"
        )
        return f"The training loss is the mean over an epoch, while the weights change; {told}."

    @property
    def curves_title(self) -> str:
        """The title of a figure of losses."""
        return "Loss on the training pictures" if self.validates_on_training else "Training and validation loss"

    @property
    def planned_epochs(self) -> int:
        started = self._of("started")
        return int(started[-1]["epochs"]) if started else 0

    @property
    def length(self) -> Length | None:
        """How long the training was planned to be; None if it never began."""
        started = self._of("started")
        if not started:
            return None
        told = started[-1]
        epochs, per_epoch = int(told["epochs"]), int(told["steps_per_epoch"])
        return Length(tuple(told.get("phases") or (epochs * per_epoch,)), per_epoch)

    @property
    def is_in_steps(self) -> bool:
        """Whether the recipe gives a phase's length in updates, not in epochs."""
        return in_steps(self.setup.get("recipe") or {})

    @property
    def origin(self) -> Json:
        """The run whose weights the training started from (`--from`); empty if there was none."""
        return self.setup.get("origin") or {}

    @property
    def pretrained(self) -> Json:
        """The pretrained weights that the training started from (`model.weights`); empty if there were none."""
        return self.setup.get("pretrained") or {}

    @property
    def changes(self) -> list[Json]:
        """What was changed after the run had begun: `extended` or `moved`, with a note."""
        return list(self.setup.get("changes") or ())

    @property
    def history(self) -> list[str]:
        """One sentence each: the weights that the training started from, and what was changed after it had begun."""
        return [str(told.get("note", "")) for told in (self.pretrained, self.origin, *self.changes) if told]

    @property
    def steps(self) -> list[Json]:
        return self._of("step")

    @property
    def data(self) -> Json:
        return self.setup.get("data") or {}

    @property
    def seen(self) -> Json:
        """What the model saw in `training` and `validation` (`seen_of`)."""
        return seen_of(self.setup)

    @property
    def classes(self) -> list[str]:
        return [str(name) for name in self.data.get("classes") or ()]

    @property
    def colours(self) -> list[RGB]:
        return [(int(r), int(g), int(b)) for r, g, b in self.data.get("colours") or ()]

    @property
    def unit(self) -> str:
        """The unit in which the classes are counted, e.g. `pixel` or `picture`. Of pixels, readers only need shares."""
        return str(self.setup.get("unit") or "pixel")

    @property
    def counts(self) -> list[int] | None:
        """How often each class occurs in the training set; None if every head has its own counts."""
        counts = self.setup.get("counts")
        return counts if isinstance(counts, list) else None

    @property
    def weights(self) -> list[float] | None:
        """The weight of each class in the loss; None without, or if every head has its own classes."""
        weights = self.setup.get("weights")
        return weights if isinstance(weights, list) else None

    @property
    def void(self) -> int | None:
        value = self.data.get("void")
        return None if value is None else int(value)

    @property
    def main_score(self) -> str:
        """The key of the score that chose the best checkpoint, else the first one that was counted."""
        told = self.best.get("metric") or next((key for epoch in self.epochs for key in epoch.get("scores") or ()), "")
        if told and told != "epoch":  # the last epoch was kept, whatever it scored
            return str(told)
        return next((score.key for _, _, metric in self.metrics() for score in scores_of(metric)), "")

    @property
    def main(self) -> Score:
        """The same as a score without a value."""
        return Score.from_key(self.main_score)

    def metrics(self) -> list[tuple[str, Json, Json]]:
        """(split, the split's record, the metric's record): what the summary holds, then what was evaluated later."""
        splits = list((self.summary.get("splits") or {}).items())
        there = [(split, record.get("checkpoint"), record.get("resolution")) for split, record in splits]
        for record in self.evaluations:
            key = (str(record.get("split")), record.get("checkpoint"), record.get("resolution"))
            if key not in there:
                splits.append((key[0], record))
        return [(split, record, metric) for split, record in splits for metric in record.get("metrics") or ()]

    def _of(self, kind: str) -> list[Json]:
        return [event for event in self.events if event.get("event") == kind]


def _renamed(epoch: Json) -> Json:
    """The record of an epoch with the keys of this version."""
    scores = epoch.get("scores")
    return {**epoch, "scores": {current_key(key): value for key, value in scores.items()}} if scores else epoch


def seen_of(setup: Json) -> dict[str, Json]:
    """What the model saw in `training` and `validation`: `size` (H, W), None if it varied, and what became of the `aspect`.

    Runs of version 0.1 have not recorded it: their last augmentation with an option `size` decided that of the training.
    """
    data = setup.get("data") or {}
    if data.get("seen"):
        return dict(data["seen"])
    augment = (setup.get("recipe") or {}).get("augment")
    items = [item for item in augment if isinstance(item, Mapping)] if isinstance(augment, list) else []
    sizes = [
        size for item in items if isinstance(size := item.get("size"), list) and list(map(type, size)) == [int] * 2
    ]
    size = data.get("size")
    return {"training": {"size": sizes[-1] if sizes else size}, "validation": {"size": size}}


def scores_of(metric: Json) -> list[Score]:
    """The scores in a metric's record, those of the recipe's convention first."""
    return [Score.from_record(score) for score in metric.get("scores") or ()]


def losses_at(epochs: Sequence[Json], best: int | None) -> dict[str, Any]:
    """The losses by name of the best and of the last of these epochs, e.g. `["best"]["train"]["loss"]`; None without one."""
    found = {
        "best": next((epoch for epoch in epochs if epoch["epoch"] == best), None),
        "last": epochs[-1] if epochs else None,
    }
    return {
        which: None if epoch is None else {part: epoch.get(part) for part in ("epoch", "train", "validation")}
        for which, epoch in found.items()
    }


def loss_function(recipe: Json) -> str:
    """The losses of a recipe and its phases by name, and the beginning of the SHA-256 of them with their options."""
    phases = (recipe.get("train") or {}).get("phases") or ()
    losses = [recipe.get("loss"), *(phase["loss"] for phase in phases if phase.get("loss"))]
    digest = hashlib.sha256(json.dumps(losses, sort_keys=True).encode()).hexdigest()[:6]
    return f"{' then '.join(map(loss_name, losses))} {digest}"


def in_steps(recipe: Json) -> bool:
    """Whether a recipe gives a phase's length in updates, not in epochs."""
    phases = (recipe.get("train") or {}).get("phases") or ()
    return any(phase.get("steps") for phase in phases)


def read_record(run: RunFolder) -> Record:
    """Everything the report needs. Raises RunError if a file is there but damaged."""
    from pixelwise.run.records.run_schema import RecipeText
    from pixelwise.run.records.values import check_record

    recipe = check_record(run.recipe_tree(), RecipeText, where=str(run.recipe_file))
    summary = _read(run, "summary")
    return Record(
        recipe_text=run.recipe_text(),
        recipe=recipe,
        environment=_read(run, "environment"),
        setup=_read(run, "setup"),
        summary=summary,
        gallery=_read(run, "predictions/index"),
        events=tuple(run.events()),
        evaluations=tuple(_evaluations(run, summary)),
        baselines=tuple(_read(run, "baselines").get("baselines") or ()),
    )


def _evaluations(run: RunFolder, summary: Json) -> Iterator[Json]:
    """The records of `pixelwise evaluate` of a finished run's best weights; those of other weights are skipped."""
    best = (summary.get("best") or {}).get("step")
    for file in sorted(run.file("evaluations/*").parent.glob("*.json")):
        record = _read(run, f"evaluations/{file.stem}")
        if best is not None and record.get("checkpoint") == "best" and record.get("step") == best:
            yield record


def _read(run: RunFolder, name: str) -> Json:
    return run.read(name) if run.has(name) else {}


def loss_name(loss: Any) -> str:
    """The name of a loss in a recipe, or of the parts of a sum; of a map head → loss, each head with its own."""
    if isinstance(loss, Mapping) and loss.get("name") == "weighted_sum" and isinstance(loss.get("parts"), list):
        parts = loss["parts"]
        factors = loss.get("factors") or [1] * len(parts)
        terms = (f"{'' if f == 1 else f'{f:g}·'}{loss_name(one)}" for f, one in zip(factors, parts, strict=False))
        return " + ".join(terms)
    if isinstance(loss, Mapping):
        return str(loss["name"]) if "name" in loss else " and ".join(f"{h} {loss_name(one)}" for h, one in loss.items())
    return str(loss or "unnamed")
