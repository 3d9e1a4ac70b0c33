"""The report's tables as rows of words, and its opening sentence. Everything here is plain text; the template escapes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pixelwise.report.record import Json, Record, loss_name, scores_of
from pixelwise.run.words import (
    ABSENT,
    convention_label,
    counted,
    duration,
    interval_label,
    number,
    quantity,
    score_label,
)
from pixelwise.terminal.scores import beaten_by_guess, lacking, only_predicted, score_table
from pixelwise.terminal.table import Table
from pixelwise.types import Score, current_key

OPTIMIZERS = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD"}
WEIGHTINGS = {
    "inverse": "inverse frequency",
    "median": "median frequency",
    "effective": "effective number of samples",
    "rarity": "rarity, mixed with the uniform distribution",
    "class_balanced": "class-balanced: effective number of pictures",
    "given": "given in the recipe",
}


def opening(record: Record) -> str:
    """One sentence: which model was trained on which data, and on which data it was scored."""
    data, model = record.data, record.setup.get("model") or {}
    name = model.get("name") or _name(record.recipe.get("model"))
    parameters = model.get("parameters")
    size = f" ({parameters:,} parameters)" if parameters is not None else ""
    pictures = {split: told.get("pictures") for split, told in (data.get("splits") or {}).items()}
    train = record.split_name("train")
    what = f"{counted(pictures[train], 'picture')} of " if pictures.get(train) else ""
    at, resized = _sizes(record)
    sentence = f"{name or 'A model'}{size} was trained on {what}{data.get('name') or 'a data set'} ({train}){at}"
    done = record.summary.get("epochs") or (record.epochs[-1]["epoch"] if record.epochs else 0)
    if done:
        epochs = f"{done} epoch{'s' if done != 1 else ''}"
        in_epochs = record.length is None or record.length.is_whole
        updates = record.summary.get("steps") or record.epochs[-1]["step"]
        sentence += f" for {epochs}" if in_epochs else f" for {updates:,} updates ({epochs}, not all of them whole)"
    if weights := record.pretrained:
        of = f" of {weights['network']}" if weights.get("network") else ""
        sentence += f" from the pretrained weights '{weights.get('weights')}'{of}{' and' if record.origin else ''}"
    if record.origin:
        sentence += f" from the weights of {record.origin.get('run')}"
    extended = [told for told in record.changes if told.get("what") == "extended"]
    sentence += f", extended after epoch {' and '.join(str(t.get('epoch')) for t in extended)}," if extended else ""
    told = record.recipe.get("train") or {}
    optimizer = _name(told.get("optimizer"))
    optimizer = OPTIMIZERS.get(optimizer, optimizer)
    sentence += f" with {optimizer}" if optimizer and parameters != 0 else ""  # a baseline takes no step
    sentence += (
        f" and a moving average of its weights (decay {told['ema']:g}), which is scored" if told.get("ema") else ""
    )
    scored = [
        f"{counted(told['pictures'], 'picture')} ({split})" if told.get("pictures") is not None else split
        for split, told in (record.summary.get("splits") or {}).items()
    ]
    return sentence + (f", and scored on {' and '.join(scored)}." if scored else ".") + resized


def _sizes(record: Record) -> tuple[str, str]:
    """The size of the training pictures as the model saw them, and a sentence on what resizing did to their shapes."""
    trained, validated = record.seen["training"].get("size"), record.seen["validation"].get("size")
    if not validated:
        return "", ""
    resized = f"{validated[1]}×{validated[0]}"
    changed = record.seen["validation"].get("aspect") == "changed"
    note = f" Pictures were resized to {resized} without keeping their aspect ratio." if changed else ""
    if trained == validated:
        return f" at {resized} pixels", note
    at = f"{trained[1]}×{trained[0]} pixels" if trained else "sizes that vary"
    return f" at {at} (by augmentation; validated at {resized})", note


def tiles(record: Record) -> list[tuple[str, str, str]]:
    """The few numbers that a reader looks for first: (label, value, what was counted).

    The score that chose the best checkpoint comes first, and beside it the same score on every other split.
    """
    splits: dict[str, list[tuple[str, str, str]]] = {}
    for split, told, metric in record.metrics():
        if split in splits:
            continue
        scores = sorted(scores_of(metric), key=lambda score: score.key != record.main_score)
        first_of_name = {score.name: score for score in reversed(scores)}  # its own convention stands first
        names = list(dict.fromkeys(score.name for score in scores))[:3]
        splits[split] = [_tile(split, told, first_of_name[name]) for name in names]
    leading, *others = [found for found in splits.values() if found] or [[]]
    if not leading:
        return _tiles_so_far(record)
    found = [leading[0], *(other[0] for other in others), *leading[1:]]
    total, steps = (record.summary.get("seconds") or {}).get("total"), record.summary.get("steps")
    if total is not None:
        found.append(
            ("time", duration(total), f"{counted(steps, 'step')}, with validation" if steps else "with validation")
        )
    return found


def _tile(split: str, told: Json, score: Score) -> tuple[str, str, str]:
    pictures = told.get("pictures")
    interval = interval_label(score.interval) if score.interval is not None else ""
    interval = f"95 %: {interval}" if score.interval is not None and score.interval.low is not None else interval
    chose = f"{split} chose the epoch" if told.get("chose_epoch") else ""
    stands_on = [interval, split, counted(pictures, "picture") if pictures is not None else "", chose]
    note = ", ".join(filter(None, [*stands_on, convention_label(score.convention)]))
    return score_label(score.name), number(score.value), note


def _tiles_so_far(record: Record) -> list[tuple[str, str, str]]:
    """The same for a run without a summary, from its best epoch."""
    found: dict[str, tuple[str, str, str]] = {}
    for score in sorted(record.best_scores, key=lambda score: score.key != record.main_score):
        note = ", ".join(filter(None, [f"so far, epoch {record.best['epoch']}", convention_label(score.convention)]))
        label = score_label(score.name)
        found.setdefault(label, (label, number(score.value), note))
    return list(found.values())[:3]


def stated(record: Record) -> Table | None:
    """The numbers that a course or paper states, each beside the one that was measured here."""
    rows = []
    for entry in record.recipe.get("stated") or ():
        split, score = find_score(
            record, str(entry.get("metric") or entry.get("what") or ""), str(entry.get("split") or "")
        )
        measured = ABSENT if score is None else f"{number(score.value)} ({split})"
        convention = "" if score is None else convention_label(score.convention)
        value = entry.get("value")
        rows.append(
            (
                str(entry.get("what") or ""),
                f"{value:g}" if isinstance(value, int | float) else str(value),
                measured,
                convention or ABSENT,
                "; ".join(filter(None, [str(entry.get("source") or ""), str(entry.get("convention") or "")])),
            )
        )
    headings = ("what", "stated", "measured here", "convention of ours", "source and convention of the statement")
    return Table(headings, tuple(rows), frozenset({1, 2})) if rows else None


def find_score(record: Record, wanted: str, on: str = "") -> tuple[str, Score | None]:
    """(split, score) of that key, else the first of that name: the recipe's own convention comes first.

    on: the split to look at; empty: any

    A run without a summary has the scores of its best epoch; the split is then called "so far".
    """
    wanted = current_key(wanted)
    told = [(split, score) for split, _, metric in record.metrics() for score in scores_of(metric) if on in ("", split)]
    if not told and not on:
        told = [("so far", score) for score in record.best_scores]
    for whole in (True, False):
        for split, score in told:
            if wanted and wanted in (score.key if whole else score.name, score_label(score.name)):
                return split, score
    return "", None


def scores(record: Record) -> list[tuple[str, Table, str]]:
    """One table a split and metric: every score with its interval, convention, support, and what a constant would score.

    Beside it sentences on what is missing for an interval and on the scores that the constant reaches too.
    """
    tables = []
    for split, told, metric in record.metrics():
        if entries := scores_of(metric):
            strong = frozenset(place for place, score in enumerate(entries) if score.key == record.main_score)
            table = score_table(entries, metric.get("constant_guess"), ABSENT)
            beaten, _ = beaten_by_guess(metric, record.main_score) or ("", "")
            said = " ".join(filter(None, [lacking(metric), beaten]))
            tables.append((_caption(split, told), replace(table, strong=strong), said))
    return tables


def over_pictures(record: Record) -> str:
    """An explanation of intervals over pictures; empty if no score has one."""
    found = [score.interval for _, _, metric in record.metrics() for score in scores_of(metric) if score.interval]
    if not any(interval.low is not None for interval in found):
        return ""
    chose = any(told.get("chose_epoch") for _, told, _ in record.metrics())
    best = " If a split chose the epoch, its scores are a little too good." if chose else ""
    return (
        "“95 % over pictures” is the interval of scores to expect from the same weights on other pictures of this kind: a "
        f"score interval from the jackknife over pictures. It does not include the differences between seeds.{best}"
    )


def warning(record: Record) -> str:
    """For the head of the page: a warning if the main score of the first split is not better than a constant guess's."""
    for split, _, metric in record.metrics()[:1]:
        if (beaten := beaten_by_guess(metric, record.main_score)) and beaten[1]:
            return f"On {split}, {beaten[1]}"
    return ""


def per_class(record: Record, metrics: Sequence[Json]) -> Table | None:
    """One row per class: share of training, weight, and every score of the class that a metric of the first split has."""
    rows = _joined([metric.get("per_class") or () for metric in metrics])
    names = [str(row.get("class", "")) for row in rows] or record.classes
    if not names or not (rows or record.weights):
        return None  # the plot of shares says it all
    values = list(dict.fromkeys(key for row in rows for key in row if key not in ("class", "support", "index", "name")))
    counts, weights = record.counts, record.weights
    total = sum(counts) if counts else 0
    told = [f"training {record.unit}s", *(["share"] if record.unit != "pixel" else [])] if counts else []
    headings = ["class", *told, *(["weight"] if weights else [])]
    headings += [score_label(value) for value in values] + ([f"{record.unit}s in truth"] if rows else [])
    table = []
    for place, name in enumerate(names):
        line = [name]
        if counts:
            count = counts[place] if place < len(counts) else None
            share = ABSENT if count is None else f"{100 * count / max(1, total):.3g} %"
            line += [quantity(count), share] if record.unit != "pixel" else [share]
        if weights:
            line.append(f"{weights[place]:.4g}" if place < len(weights) else ABSENT)
        if rows:
            line += [number(rows[place].get(value), 3) for value in values]
            line.append(quantity(rows[place].get("support")) + " *" * only_predicted(rows[place]))
        table.append(tuple(line))
    return Table(tuple(headings), tuple(table), frozenset(range(1, len(headings))))


def weighting(record: Record) -> str:
    """How the weights of the classes were made, in words."""
    told = str(record.setup.get("weighting") or "")
    return WEIGHTINGS.get(told, told)


def balance_caption(record: Record) -> str:
    """What the plot of the classes' shares shows, and how the loss of each phase weighs them."""
    told = "How much of the training set each class is"
    if record.setup.get("weights"):
        made = weighting(record)
        return f"{told}, and the weight that the loss gives it{f' ({made})' if made else ''}."
    phases = (record.recipe.get("train") or {}).get("phases") or ()
    later = [(number, loss_name(phase["loss"])) for number, phase in enumerate(phases, start=1) if phase.get("loss")]
    if not later:
        return f"{told}; the loss weighs every class the same."
    return f"{told}. The loss weighs every class the same, but {' and '.join(f'{name} in phase {n}' for n, name in later)}."


def architecture(record: Record) -> str:
    """One sentence above the table of layers: `fpn: 3,200,000 parameters, 500 multiply-adds for one picture of 3×224×224.`"""
    model = record.setup.get("model") or {}
    counted = [("parameters", "parameters"), ("macs", "multiply-adds for one picture")]
    told = ", ".join(f"{model[key]:,} {words}" for key, words in counted if model.get(key))
    of = f" of {'×'.join(map(str, model['input']))}" if model.get("macs") and model.get("input") else ""
    return f"{model.get('name') or 'The model'}: {told or 'its size is not known'}{of}."


def layers(record: Record) -> Table | None:
    """The architecture, a row per layer."""
    rows = (record.setup.get("model") or {}).get("layers") or ()
    keys = {
        "layer": "layer",
        "kind": "kind",
        "in_channels": "in",
        "out_channels": "out",
        "kernel": "kernel",
        "stride": "stride",
        "padding": "padding",
        "activation": "activation",
        "output": "output size",
        "parameters": "parameters",
        "macs": "multiply-adds",
    }
    table = tuple(tuple(_cell(row.get(key)) for key in keys) for row in rows)
    return Table(tuple(keys.values()), table, frozenset({2, 3, 4, 5, 6, 8, 9, 10})) if table else None


def environment(record: Record) -> list[tuple[str, str]]:
    """Machine, versions and what was chosen by trying, as names and values."""
    told = record.environment
    pairs = [(name, told.get(name)) for name in ("processor", "cores", "gpu", "system", "python", "commit")]
    pairs.insert(2, ("memory", f"{told['memory_gib']} GiB" if told.get("memory_gib") else None))
    pairs += [(name, version) for name, version in (told.get("packages") or {}).items()]
    choices = record.setup.get("choices") or {}
    pairs += [(f"chosen {name}", value) for name, value in choices.items() if name != "notes"]
    pairs.append(("command", " ".join(map(str, told.get("command") or ()))))
    return [(name, _cell(value)) for name, value in pairs if value not in (None, "")]


def times(record: Record) -> list[tuple[str, str]]:
    """The time of each part of the training."""
    seconds: dict[str, float] = dict(record.summary.get("seconds") or {})
    if not seconds:  # interrupted: what the epochs say
        for epoch in record.epochs:
            for name, value in (epoch.get("seconds") or {}).items():
                seconds[name] = seconds.get(name, 0.0) + value
    names: dict[str, str] = {"train": "training", "conclusion": "final scores and pictures"}
    rows = [(names.get(name, name), duration(value)) for name, value in seconds.items()]
    pictures = sum(epoch.get("pictures") or 0 for epoch in record.epochs)
    if pictures and seconds.get("train"):
        rows.append(("training speed", f"{pictures / seconds['train']:.1f} pictures/s"))
    if record.epochs and seconds.get("train"):
        rows.append(("training, per epoch", duration(seconds["train"] / len(record.epochs))))
    return rows


def notes(record: Record) -> list[str]:
    """What a person should know: choices, things that were skipped, pictures left out."""
    told = record.history
    told += [str(note) for note in (record.setup.get("choices") or {}).get("notes") or ()]
    told += [str(note) for note in record.setup.get("notes") or ()]
    told += [str(event.get("text", "")) for event in record.events if event.get("event") == "note"]
    for split, entry in (record.data.get("splits") or {}).items():
        for problem in entry.get("skipped") or ():
            told.append(f"left out of {split}: {problem.get('where', '')}: {problem.get('what', '')}")
    return list(dict.fromkeys(told))


def _joined(tables: Sequence[Sequence[Json]]) -> list[dict[str, Any]]:
    """The rows of the classes with the columns of every table that has the same classes as the first one."""
    first, *others = tables or [[]]
    joined = [dict(row) for row in first]
    for rows in others:
        if [row.get("class") for row in rows] == [row.get("class") for row in joined]:
            for into, row in zip(joined, rows, strict=True):
                into.update({key: value for key, value in row.items() if key not in into})
    return joined


def _caption(split: str, told: Mapping[str, Any]) -> str:
    parts = [f"Scores on the split “{split}”"]
    if told.get("pictures") is not None:
        parts.append(counted(told["pictures"], "picture"))
    if told.get("resolution"):
        parts.append(f"counted at {told['resolution']}")
    if told.get("checkpoint"):
        parts.append(f"{told['checkpoint']} checkpoint")
    if told.get("chose_epoch"):
        parts.append(f"{split} chose the epoch")
    return ", ".join(parts) + "."


def _name(item: Any) -> str:
    """The name of a shelf's item, written short or with its options."""
    return str(item.get("name", "")) if isinstance(item, Mapping) else str(item or "")


def _cell(value: Any) -> str:
    """A value of a record in a table: pairs as 3×3, counts with thousands, nothing as a dash."""
    if value is None or value == "":
        return ABSENT
    if isinstance(value, list | tuple):
        return "×".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)
