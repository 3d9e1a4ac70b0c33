"""From a recipe to the things it names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelwise.data.base import Dataset, cache_folder, data_root
from pixelwise.data.cache import CachedSplit, ReadSplit, open_split
from pixelwise.data.cache.checked import kept_findings, names_in
from pixelwise.data.cache.fitting import Fitting
from pixelwise.data.exclude import Excluding, excluding
from pixelwise.errors import DataError, RecipeError, listing
from pixelwise.metrics.base import Metric
from pixelwise.recipe.engines import shelves
from pixelwise.recipe.schema import Engine, Item, Phase, Recipe
from pixelwise.run.normalisation import INPUT, NAMES
from pixelwise.tasks.base import Counts, Task
from pixelwise.types import DatasetInfo

CachingProgress = Callable[[str, int, int], None]  # (split, pictures done, pictures in all)


@dataclass(frozen=True)
class Material:
    """The data of a recipe: its splits, and what the task has to know about the training set.

    info:      the data set's
    findings:  what was found before the first step, as JSON values: by the task in the training pictures, and the
               normalisation of pretrained weights
    counts:    how often each class of the task occurs in them
    notes:     settings of the data that have no effect, one line each
    fatal:     fatal findings of an earlier `data check` of these data, one line each
    """

    info: DatasetInfo
    train: CachedSplit
    validation: CachedSplit
    test: CachedSplit | None
    findings: Mapping[str, Any]
    counts: Counts
    notes: tuple[str, ...] = ()
    fatal: tuple[str, ...] = ()

    @property
    def splits(self) -> tuple[CachedSplit, ...]:
        """Every split that the recipe names, each once."""
        named = [self.train, self.validation, *([self.test] if self.test else [])]
        return tuple({split.split: split for split in named}.values())

    def labels_to_balance(self, sampling: str) -> NDArray[np.int64] | None:
        """The labels that class-balanced sampling draws by; None for any other."""
        if sampling != "balanced":
            return None
        if self.train.labels is None:
            raise DataError(
                "its pictures have no labels, so they cannot be sampled by class.",
                where=self.info.name,
                hint="Leave out data.sampling.",
            )
        return np.asarray(self.train.labels, np.int64)


def build(kind: str, item: Item, *given: Any, engine: Engine = "torch") -> Any:
    """Build the thing of a kind that an item of a recipe for this engine names."""
    return shelves(engine)[kind].build(item.name, *given, **item.options)


def build_dataset(recipe: Recipe, root: Path | None = None, *, fitted: bool = True) -> Dataset:
    """The recipe's data set under the data folder `root`, without what it excludes; `fitted`: as `data.fit` asks for."""
    dataset: Dataset = build("dataset", recipe.data.dataset, data_root(root))
    if fitted and recipe.data.fit != "squash" and recipe.data.size is not None:
        dataset = Fitting(dataset, recipe.data.size, recipe.data.fit)
    return excluding(dataset, recipe.data.exclude)


def open_for(
    recipe: Recipe,
    dataset: Dataset,
    split: str,
    *,
    root: Path | None,
    progress: CachingProgress | None = None,
    verify: bool = False,
) -> CachedSplit:
    """A split at the recipe's size, from the cache, which may also be in a data folder that cannot be written.

    `verify` reads and compares every byte of it.
    """
    size = recipe.data.size
    return open_split(
        dataset,
        split,
        None if size is None else (size[0], size[1]),
        folder=cache_folder(root),
        also=data_root(root) / "cache",
        on_corrupt=recipe.data.on_corrupt,
        progress=None if progress is None else lambda done, total: progress(split, done, total),
        verify=verify,
    )


def open_material(
    recipe: Recipe,
    *,
    root: Path | None,
    progress: CachingProgress | None = None,
    findings: Mapping[str, Any] | None = None,
    counts: Counts | None = None,
    verify: bool = False,
) -> Material:
    """The splits of a recipe, and what its task finds and counts in the training set, unless that is known already.

    Raises DataError with every fault of a split, before anything is trained.
    """
    dataset = build_dataset(recipe, root)
    fatal = tuple(_fatal(recipe, dataset, root))
    if recipe.data.test and recipe.data.test not in dataset.splits() and (told := dataset.remarks()):
        hint = f"Leave it out, or add a split '{recipe.data.test}' beside {listing(dataset.splits())}."
        raise DataError(told[0], where=dataset.info.name, hint=hint)

    def opened(split: str) -> CachedSplit:
        return open_for(recipe, dataset, split, root=root, progress=progress, verify=verify)

    train, validation = opened(recipe.data.train), opened(recipe.data.validation)
    test = opened(recipe.data.test) if recipe.data.test else None
    if findings is None:
        task = build_task(recipe, dataset.info)
        findings = task.study(train if task.studied is None else ReadSplit(dataset, task.studied, train.size))
    task = build_task(recipe, dataset.info, findings)
    counts = task.counts(train) if counts is None else counts
    material = Material(dataset.info, train, validation, test, findings, counts)
    notes = (
        *fatal,
        *_left_out(dataset, material.splits),
        *_unused(recipe, dataset),
        *_never_seen(task.info.classes, counts),
    )
    return replace(material, notes=notes, fatal=fatal)


def _fatal(recipe: Recipe, dataset: Dataset, root: Path | None) -> Iterator[str]:
    """The fatal findings that `data check` kept of these files, about pictures that this recipe uses. Nothing is read again."""
    excluded = set(recipe.data.exclude)
    while isinstance(dataset, Excluding | Fitting):
        dataset = dataset.whole
    splits = [one for one in (recipe.data.train, recipe.data.validation, recipe.data.test) if one in dataset.splits()]
    for one in kept_findings(cache_folder(root), dataset, splits):
        files = [words for words in one["files"] if _concerns(words, splits, excluded)]
        if files or not one["files"]:
            some = f" Of these splits: {listing(files, 4)}." if files else ""
            yield f"data check, fatal, {one['check']}: {one['what']}{some} {one['cure']}".strip()


def _concerns(words: str, splits: Sequence[str], excluded: Collection[str]) -> bool:
    """Whether all pictures that an entry of a finding names are in these splits, and none is excluded."""
    names = names_in(words)
    return all(name.partition("/")[0] in splits and name not in excluded for name in names)


def _left_out(dataset: Dataset, splits: Sequence[CachedSplit]) -> Iterator[str]:
    """What `on_corrupt: skip` left out of each split."""
    for split in splits:
        if split.skipped:
            total = len(dataset.names(split.split))
            files = listing([f"{Path(one.where).name}: {one.what}" for one in split.skipped], 3)
            gone = total - len(split)
            verb = "is" if gone == 1 else "are"
            what = f"{len(split):,} of {total:,} pictures of '{split.split}' are used; {gone:,} {verb} left out"
            yield f"{what} (data.on_corrupt: skip): {files}"


def _never_seen(classes: Sequence[str], counts: Counts) -> Iterator[str]:
    """A warning about classes that do not occur in the training pictures; empty if all occur."""
    if isinstance(counts, Mapping) or len(counts) != len(classes):
        return
    if absent := [name for name, count in zip(classes, counts, strict=True) if not count]:
        one = len(absent) == 1
        yield (
            f"no training picture has the class{'' if one else 'es'} {listing(map(repr, absent), 6)}. The model cannot learn "
            f"{'it' if one else 'them'}: where {'it occurs' if one else 'they occur'} elsewhere, the score is 0. A loss that "
            f"weighs classes gives {'it' if one else 'them'} the weight of the rarest class that occurs."
        )


def _unused(recipe: Recipe, dataset: Dataset) -> Iterator[str]:
    """Notes: the data set's remarks on its options, what is excluded, and a test split that is not scored."""
    yield from dataset.remarks()
    yield from map(str, dataset.notices())
    if isinstance(dataset, Excluding):
        yield dataset.note()
    named = (recipe.data.train, recipe.data.validation, recipe.data.test)
    unnamed = not recipe.data.test and "test" in dataset.splits() and "test" not in named
    if unnamed and dataset.names("test") and dataset.sources("test", 0):
        yield "the split 'test' of the data set is not scored: data.test=test scores it once, at the end."


def build_task(recipe: Recipe, info: DatasetInfo, findings: Mapping[str, Any] | None = None) -> Task:
    """The recipe's task over a data set, with what was found before the first step, if it was already.

    The findings are what the task found in the training pictures, and how pretrained weights need pictures normalised.
    """
    task: Task = build("task", recipe.task, info, engine=recipe.engine)
    if findings is None:
        return task
    task, reads = task.informed(findings), findings.get(INPUT)
    if reads is None:
        return task
    # What the recipe does not state must have come with the weights. Earlier versions wrote down unstated options too.
    names = [name for name in NAMES if name in reads or name not in recipe.task.options]
    return task.normalising(**{name: reads[name] for name in names})


def build_losses(recipe: Recipe, task: Task, counts: Counts, phase: Phase | None = None) -> dict[str, Any]:
    """head → loss of a phase, else of the recipe, weighted by how often each class occurs in the training set.

    Empty if the model owns its losses.
    """
    wanted = recipe.losses_of(task.heads, phase)
    by_head = counts if isinstance(counts, Mapping) else dict.fromkeys(wanted, counts)
    none = np.zeros(0, np.int64)
    return {h: build("loss", item, by_head.get(h, none), engine=recipe.engine) for h, item in wanted.items()}


def build_metrics(recipe: Recipe, info: DatasetInfo) -> tuple[Metric, ...]:
    """The recipe's metrics over the classes of its task.

    A confusion matrix counts void as the task trains on it, unless the recipe says otherwise.
    """
    made: list[Metric] = [build("metric", item, info, engine=recipe.engine) for item in recipe.metrics]
    for item, metric in zip(recipe.metrics, made, strict=True):
        claims = shelves(recipe.engine)["metric"].declared(item.name)
        metric.name = item.name
        metric.counts, metric.needs = claims.get("counts", metric.counts), claims.get("needs", metric.needs)
    return tuple(made)


def check_kind(made: object, kind: type, where: str, name: str) -> None:
    """Raise RecipeError if a builder made something other than it should."""
    if not isinstance(made, kind):
        what = (
            f"'{name}' made {type(made).__name__}, which is not a {kind.__module__.partition('._')[0]}.{kind.__name__}."
        )
        raise RecipeError(what, where=where)
