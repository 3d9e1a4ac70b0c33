"""The columns of a comparison: numbers that mean the same, and the columns that share a table."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pixelwise.report.record import Json, Record, loss_function, scores_of
from pixelwise.run.words import convention_label, counted, score_label
from pixelwise.types import Score


@dataclass(frozen=True)
class Column:
    """One score in one convention, over the same pictures at the same resolution; or one loss function.

    score:    without a value
    classes:  how many there are, and the beginning of the SHA-256 of their names; empty for a score against the original
              picture, which does not depend on them: PSNR and ΔE of two palettes may be compared, accuracy may not
    content:  SHA-256 of the pictures, where they were counted at the recipe's size
    loss:     names of the loss functions that were minimised, and the beginning of the SHA-256 of their options; empty
              for what does not depend on them
    """

    score: Score
    split: str
    resolution: str
    checkpoint: str
    pictures: int
    data: str
    classes: str
    content: str
    loss: str = ""

    @property
    def key(self) -> str:
        return self.score.key

    @property
    def name(self) -> str:
        return score_label(self.score.name)

    @property
    def variant(self) -> str:
        """The palette of a score of colours, or the loss function and its classes; two variants are never compared."""
        classes = self.classes.rpartition(" ")[2]
        if self.loss:
            return f"{self.loss} over classes {classes}"
        return f"palette {classes}" if "palette" in self.score.convention else ""

    @property
    def stands_on(self) -> str:
        """E.g. `val of scenes, 80 pictures at 96×96`."""
        at = f" at {self.resolution}" if self.resolution else ""
        elsewhere = self.checkpoint != "best" and "epoch" not in self.score.convention  # the key says the epoch
        weights = f", {self.checkpoint} checkpoint" if elsewhere else ""
        return f"{self.split} of {self.data}, {counted(self.pictures, 'picture')}{at}{weights}"


def columns_of(record: Record, scored: Json, split: str) -> dict[Column, Score]:
    """The scores in the record of a split that was scored; of a split that is not validated on, its loss too."""
    resolution = str(scored.get("resolution") or "")
    content = str(scored.get("key") or _split(record, split).get("key") or "") if resolution[:1].isdigit() else ""
    base = _column(record, split, resolution, scored, content)
    found: dict[Column, Score] = {}
    for score in (score for metric in scored.get("metrics") or () for score in scores_of(metric)):
        classes = "" if score.convention.get("reference") == "original" else base.classes
        found[replace(base, score=replace(score, value=None, interval=None), classes=classes)] = score
    if split != record.split_name("validation"):
        base = replace(base, loss=loss_function(record.setup.get("recipe") or {}))
        for name, value in (scored.get("losses") or {}).items():
            loss = _loss_score("loss", name)
            found[replace(base, score=loss)] = replace(loss, value=value)
    return found


def loss_values(record: Record) -> dict[Column, float | None]:
    """Training and validation losses of a finished run, of its best and of its last epoch."""
    values: dict[Column, float | None] = {}
    for which, told in record.losses.items() if record.summary else ():
        for part in ("train", "validation"):
            height, width = record.seen["training" if part == "train" else part].get("size") or ("", "")
            split = record.split_name(part)
            there = _split(record, split)
            column = _column(record, split, f"{width}×{height}" if width else "", there, str(there.get("key") or ""))
            column = replace(column, checkpoint=which, loss=loss_function(record.setup.get("recipe") or {}))
            label = "evaluated" if part == "validation" and record.validates_on_training else part
            for name, value in ((told or {}).get(part) or {}).items():
                values[replace(column, score=_loss_score(f"{label}_loss", name, {"epoch": which}))] = value
    return values


def _column(record: Record, split: str, resolution: str, told: Json, content: str) -> Column:
    """A column without a score. told: the record of the pictures that were scored."""
    names = json.dumps(record.classes, ensure_ascii=False)
    classes = f"{len(record.classes)} {hashlib.sha256(names.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
    checkpoint, pictures = str(told.get("checkpoint") or "best"), int(told.get("pictures") or 0)
    data = str(record.data.get("name") or "")
    return Column(Score(""), split, resolution, checkpoint, pictures, data, classes, content)


def column_sets(columns: Sequence[Column]) -> list[tuple[str, tuple[Column, ...]]]:
    """Columns that share a table, with its caption: of one split, resolution, palette, loss, and one treatment of void.

    All means of a table are over classes by one rule; scores that are not such means are in the first table.
    """
    several = len({column.variant for column in columns if column.variant and not column.loss}) > 1
    sets: dict[tuple[tuple[str, str, str], str], list[Column]] = {}
    first: dict[tuple[str, str, str], str] = {}  # the rule of the first table
    places = [
        ("", "", column.variant)
        if "epoch" in column.score.convention
        else (
            column.stands_on,
            column.score.convention.get("void", ""),
            column.variant if several and not column.loss else "",
        )
        for column in columns
    ]
    for place, column in zip(places, columns, strict=True):
        if rule := column.score.convention.get("classes"):
            first.setdefault(place, rule)
    for place, column in zip(places, columns, strict=True):
        rule = column.score.convention.get("classes") or first.get(place, "")
        sets.setdefault((place, rule), []).append(column)
    return [(_caption(*place, found), tuple(found)) for (place, _), found in sets.items()]


def headings(columns: Sequence[Column]) -> list[str]:
    """A short name for each column of a table; with its convention, then with what was scored, where two are alike."""
    named = [column.name for column in columns]
    exact = [f"{c.name} ({convention_label(c.score.convention)})" if c.score.convention else c.name for c in columns]
    whole = [f"{name}, {column.stands_on}" for name, column in zip(exact, columns, strict=True)]
    told = [exact[n] if named.count(name) > 1 else name for n, name in enumerate(named)]
    return [whole[n] if told.count(name) > 1 else name for n, name in enumerate(told)]


def full_names(columns: Sequence[Column]) -> list[str]:
    """The key of each column, with what distinguishes it from the other columns."""
    several = len({column.stands_on for column in columns if "epoch" not in column.score.convention}) > 1
    return [
        column.key
        + (f", {column.variant}" if any(o.key == column.key and o.variant != column.variant for o in columns) else "")
        + (f" on {column.stands_on}" if several or "epoch" in column.score.convention else "")
        for column in columns
    ]


def _caption(stands_on: str, void: str, variant: str, columns: Sequence[Column]) -> str:
    """What was scored, and the conventions of the scores."""
    if not stands_on:
        places = "; ".join(dict.fromkeys(column.stands_on for column in columns))
        return f"losses ({columns[0].loss.rpartition(' ')[0]}): {places}."
    words = (column.score.convention.items() for column in columns)
    told = dict.fromkeys(convention_label({name: value}) for items in words for name, value in items)
    return ", ".join(filter(None, [stands_on, variant, *told])) + "."


def _loss_score(label: str, name: str, convention: Mapping[str, str] = {}) -> Score:
    term = {} if name == "loss" else {"term": name}
    return Score(label, convention={**convention, **term}, higher_is_better=False)


def _split(record: Record, split: str) -> Json:
    found: Json = (record.data.get("splits") or {}).get(split) or {}
    return found
