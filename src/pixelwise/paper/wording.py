"""Sentences and captions of a report that are made of measured numbers."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from pixelwise.compare.columns import Column
from pixelwise.compare.gather import Comparison, Group
from pixelwise.compare.judge import Verdict
from pixelwise.paper import discussion, methods
from pixelwise.paper.figures import Gallery
from pixelwise.paper.results import constant_guess, main_columns
from pixelwise.paper.sources import kind_of
from pixelwise.paper.tex import TeX, escape, prose
from pixelwise.run.environment import machine_of
from pixelwise.run.words import convention_label, counted, listed, number

LONGEST_TITLE = 90  # letters
TASKS = {
    "class_map": ("Semantic segmentation", "assigns a class to every pixel of a picture."),
    "labels": ("Image classification", "assigns a class to a whole picture."),
    "colours": (
        "Colourization",
        "assigns a colour to every pixel of a grey picture; several colours may be plausible.",
    ),
    "instances": ("Instance segmentation", "finds every object in a picture, each separately."),
}


def first_upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _task(comparison: Comparison) -> tuple[str, str]:
    kind = kind_of(comparison.groups[0].runs[0].record)
    return TASKS.get(kind, (comparison.task, "is the task."))


def task(comparison: Comparison) -> str:
    return " ".join(_task(comparison))


def title(comparison: Comparison) -> str:
    """`Semantic segmentation of voc2007: fpn and linear_probe`"""
    names = list(dict.fromkeys(network.name for network in methods.networks(comparison)))
    data = comparison.groups[0].runs[0].record.data.get("name") or "pictures"
    told = f"{_task(comparison)[0]} of {data}: {listed(names)}"
    return told if len(told) <= LONGEST_TITLE else f"{_task(comparison)[0]} of {data}: {len(names)} networks compared"


def abstract(comparison: Comparison, verdicts: Sequence[Verdict]) -> list[TeX]:
    """The runs and their data, the baseline, the best group, their difference, and the score of a constant guess."""
    found = discussion.roles(comparison)
    record = found.baseline.runs[0].record
    runs, pictures = len(comparison.runs), record.data.get("splits") or {}
    counts = listed([f"{counted(told.get('pictures', 0), 'picture')} ({split})" for split, told in pictures.items()])
    data = str(record.data.get("name") or "pictures")
    many = f"{counted(runs, 'run')} of {counted(len(comparison.groups), 'kind')}"
    told = [escape(f"{_task(comparison)[0]} of {data}, with {counts}: this report compares {many}.")]
    for column in main_columns(comparison)[:1]:
        told.append(TeX(f"{discussion.score_sentence(found.baseline, column)}; it is the baseline."))
        best = _best(comparison, column, found)
        if best is not None and best is not found.baseline:
            told.append(TeX(f"{discussion.score_sentence(best, column)}, the best mean of all."))
            told += [_difference(one) for one in verdicts
                     if (one.first, one.second) == (found.baseline, best) and one.column == column]  # fmt: skip
        guess = constant_guess(found.baseline, column)
        told += [escape(f"A constant guess scores {number(guess)}.")] if guess is not None else []
    return told


def _best(comparison: Comparison, column: Column, found: discussion.Roles) -> Group | None:
    sign = 1 if column.score.higher_is_better else -1
    means = {g.letter: mean for g in comparison.groups if g not in found.references
             and (mean := g.spread(column).mean) is not None}  # fmt: skip
    return max((g for g in comparison.groups if g.letter in means), key=lambda g: sign * means[g.letter], default=None)


def _difference(verdict: Verdict) -> TeX:
    row = discussion.difference_row(verdict)
    told = [f"95 % over {what}: {words}" for what, words in (("seeds", row[3]), ("pictures", row[4])) if "…" in words]
    between = f" ({'; '.join(told)})" if told else ""
    return TeX(f"{escape(f'The difference is {row[2]}{between}.')} {discussion.verdict_words(verdict)}")


def main_caption(column: Column, leaders: Collection[str] = ()) -> TeX:
    convention = convention_label(column.score.convention)
    better = "higher" if column.score.higher_is_better else "lower"
    told = f"{first_upper(column.name)}{f' ({convention})' if convention else ''} on {column.stands_on}; {better} is better."
    bold = (
        " Bold rows have the best mean, or do not differ clearly from it (an interval of the difference contains 0, or there "
        "is none)."
        if leaders
        else ""
    )
    return escape(f"{told} The last column is the score of the best constant guess.{bold}")


def losses(comparison: Comparison) -> str:
    """What the curves are."""
    again = all(run.record.validates_on_training for run in comparison.runs)
    return "the loss on the training pictures" if again else "training and validation loss"


def gallery(shown: Gallery) -> TeX:
    """The caption of a figure of pictures."""
    letters = listed([group.letter for group in shown.groups])
    drawn = any(panel.above in {group.letter for group in shown.groups} for row in shown.rows for panel in row)
    split = f" of the split “{shown.split}”" if shown.split else ""
    if not drawn:
        return escape(f"Pictures{split}, with the truth and the predictions of the first run of {letters}.")
    numbers = (
        " Below a prediction is the score of that picture alone." if any(p.below for r in shown.rows for p in r) else ""
    )
    red = (
        " Missed objects are outlined in red in the truth, invented ones in the prediction."
        if shown.has_objects
        else ""
    )
    return escape(f"Pictures{split}, the truth, and the predictions of the first run of {letters}.{red}{numbers}")


def notes(comparison: Comparison) -> list[TeX]:
    """Notes that a reader needs before comparing, with the letters of the groups in place of folders."""
    letters = {str(run.path): group.letter for group in comparison.groups for run in group.runs}
    whose: dict[str, list[str]] = {}
    for note in comparison.notes:
        path = next((path for path in sorted(letters, key=len, reverse=True) if note.startswith(path)), "")
        letter, said = letters.get(path, ""), note.removeprefix(path)
        key = said if said.startswith(":") else f": {letter}{said}"
        whose.setdefault(key, []).extend([letter] if said.startswith(":") else [])
    told = [f"{listed(list(dict.fromkeys(names)))}{note}".removeprefix(": ") for note, names in whose.items()]
    return [prose(first_upper(note)) for note in told]


def relabelled(comparison: Comparison) -> Comparison:
    """The groups without the common parts of their runs' names, such as a data set before and a seed after them."""
    names = [re.sub(r"[-_.,](?:s|seed=?)\d+$", "", group.label) for group in comparison.groups]
    while all("." in name for name in names) and len({name.partition(".")[0] for name in names}) == 1:
        names = [name.partition(".")[2] for name in names]
    if len(set(names)) < len(names) or not all(names):
        return comparison
    groups = tuple(replace(group, label=name) for group, name in zip(comparison.groups, names, strict=True))
    return replace(comparison, groups=groups)


def machine(comparison: Comparison) -> TeX:
    """The machines and versions, in a sentence or two."""
    told: list[str] = []
    for run in comparison.runs:
        known: dict[str, Any] = dict(run.record.environment)
        packages = ", ".join(f"{name} {version}" for name, version in (known.get("packages") or {}).items())
        parts = [machine_of(known), f"Python {known['python']}" if known.get("python") else "", packages,
                 f"commit {known['commit']}" if known.get("commit") else ""]  # fmt: skip
        told.append(", ".join(str(part) for part in parts if part))
    return escape(f"Machine and versions: {'; '.join(dict.fromkeys(told))}.")
