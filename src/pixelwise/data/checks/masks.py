"""Checks of what masks and labels hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from pixelwise.data.checks.survey import Finding, Survey
from pixelwise.errors import listing


def strange_values(survey: Survey) -> Iterator[Finding]:
    """Values that are neither a class nor void."""
    info = survey.info
    where: dict[int, list[str]] = defaultdict(list)
    for facts in survey.readable:
        for value in facts.values or {}:
            if value >= len(info.classes) and value != info.void:
                where[value].append(facts.where)
    if not where:
        return
    void = f", and {info.void} for void" if info.void is not None else ""
    files = tuple(dict.fromkeys(name for names in where.values() for name in names))
    values = listing(map(str, sorted(where)))
    what = f"Masks have the values {values}; allowed are 0 to {len(info.classes) - 1}{void}."
    cure = "Mend the masks, or name the missing classes."
    if 255 in where and info.void is None:
        cure += " If 255 means 'not labelled', set void: 255."
    yield Finding("strange values", "fatal", what, files, cure)


def constant_masks(survey: Survey) -> Iterator[Finding]:
    """Masks that are all void, or all one class."""
    void = survey.info.void
    labelled = [(facts, set(facts.values) - {void}) for facts in survey.readable if facts.values]
    if empty := tuple(facts.where for facts, classes in labelled if not classes):
        cure = "Label them, or leave them out: nothing can be learnt from them."
        yield Finding("empty masks", "warning", f"{len(empty)} masks are void all over.", empty, cure)
    by_class: dict[int, list[str]] = defaultdict(list)
    for facts, classes in labelled:
        if len(classes) == 1:
            by_class[classes.pop()].append(facts.where)
    names = survey.info.classes
    for value, files in sorted(by_class.items()):
        only = f"'{names[value]}'" if value < len(names) else f"the value {value}"
        what = f"{len(files)} of {len(labelled)} masks hold nothing but {only}."
        cure = "Look at them: is the picture so, or was its mask never drawn?"
        yield Finding("constant masks", "warning", what, tuple(files), cure)


def absent_classes(survey: Survey) -> Iterator[Finding]:
    """Classes of which a split has no pixel, or no picture where pictures have labels."""
    unit = "pixel" if "mask" in survey.info.knows else "picture"
    for split in survey.splits:
        found = survey.of(split)
        present = set().union(*(facts.values or () for facts in found))
        present |= {facts.label for facts in found if facts.label is not None and unit == "picture"}
        absent = [name for index, name in enumerate(survey.info.classes) if index not in present]
        if present and absent:
            end = "it cannot be learnt." if split == "train" else "it cannot be scored there."
            what = f"The split '{split}' has no {unit} of {listing(absent)}: {end}"
            cure = "Move pictures with it to this split, or leave the class out."
            yield Finding("absent classes", "warning", what, (), cure)
