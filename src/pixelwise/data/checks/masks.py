"""Checks of masks: values that are no class, masks without content, classes that a split lacks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from pixelwise.data.checks.survey import Facts, Finding, Survey
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
    what = (
        f"Masks have the values {listing([str(value) for value in sorted(where)])}; allowed are 0 to "
        f"{len(info.classes) - 1}{void}."
    )
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
    by_class: dict[int, list[Facts]] = defaultdict(list)
    for facts, classes in labelled:
        if len(classes) == 1:
            by_class[classes.pop()].append(facts)
    for value, members in sorted(by_class.items()):
        files = tuple(facts.where for facts in members)
        yield Finding(
            "constant masks",
            "warning",
            f"{len(files)} of {len(labelled)} masks hold nothing but {_name(survey, value)}.",
            files,
            "Look at them: is the picture so, or was its mask never drawn?",
        )


def absent_classes(survey: Survey) -> Iterator[Finding]:
    """Classes of which a split has no pixel."""
    for split in survey.splits:
        masks = [facts.values for facts in survey.of(split) if facts.values]
        if not masks:
            continue
        present = set().union(*masks)
        absent = [name for index, name in enumerate(survey.info.classes) if index not in present]
        if absent:
            end = "it cannot be learnt." if split == "train" else "it cannot be scored there."
            what = f"The split '{split}' has no pixel of {listing(absent)}: {end}"
            cure = "Move pictures with it to this split, or leave the class out."
            yield Finding("absent classes", "warning", what, (), cure)


def _name(survey: Survey, value: int) -> str:
    classes = survey.info.classes
    return f"'{classes[value]}'" if value < len(classes) else f"the value {value}"
