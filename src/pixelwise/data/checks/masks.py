"""Checks of the content of masks and labels."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from pixelwise.data.checks.outlines import SMOOTH
from pixelwise.data.checks.survey import Finding, Survey
from pixelwise.data.pairing.values import advise
from pixelwise.errors import listing
from pixelwise.types import RGB, DatasetInfo

NEAREST = (
    "Make them again from the originals: resize by nearest neighbour and save as PNG. `pixelwise data repair` snaps values "
    "where the class is sure."
)
MOST_DRAWN = 8  # colours without a class that somebody may have drawn


def strange_values(survey: Survey) -> Iterator[Finding]:
    """Values and colours that are neither a class nor void, one finding for all."""
    info = survey.info
    pixels, where = Counter[int | RGB](), dict[int | RGB, list[str]]()
    for facts in survey.facts:
        classes = {value: count for value, count in (facts.values or {}).items() if _is_strange(value, info)}
        for value, count in (*classes.items(), *facts.unknown.items()):
            pixels[value] += count
            where.setdefault(value, []).append(facts.where)
    if not where:
        return
    files = tuple(dict.fromkeys(name for names in where.values() for name in names))
    colours = any(isinstance(value, tuple) for value in where)
    most = [value for value, _ in pixels.most_common()]
    most = most if colours else sorted(most, key=lambda value: value if isinstance(value, int) else -1)
    told = [_told(value, len(where[value]), pixels[value]) for value in most]
    names = "colours" if colours else "values"
    what = f"{len(files):,} {'mask has' if len(files) == 1 else 'masks have'} {names} that are not classes: {listing(told, 6)}."
    smooth = [facts for facts in survey.facts if facts.where in set(files) and facts.smooth >= SMOOTH]
    if len(smooth) * 2 > len(files):
        what += " They lie between two classes along outlines: the masks were resized smoothly or stored with loss."
        cure = NEAREST
    elif problem := next((facts.problem for facts in survey.facts if facts.unknown and facts.problem), None):
        cure = "Add the values to the option values, or correct the masks."
        if colours:
            cure = _cure_of([value for value in most if isinstance(value, tuple)], info.colours) or problem.hint
        what += f" Allowed: {problem.what.rpartition('; allowed: ')[2]}"
    else:
        void = f", and {info.void} for void" if info.void is not None else ""
        what += f" Allowed: 0 to {len(info.classes) - 1}{void}."
        present = {value for facts in survey.readable for value in facts.values or {}}
        cure = advise(present, info.classes, info.void)
    yield Finding("strange values", "fatal", what, files, cure)


def _cure_of(strange: Sequence[RGB], known: Sequence[RGB]) -> str:
    """What to do about colours that were drawn on purpose: there are few of them; empty for many."""
    if all(colour[::-1] in known for colour in strange):
        return "They are colours of classes with red and blue exchanged (BGR). Save the masks in the order red, green, blue."
    if len(strange) > MOST_DRAWN:
        return ""
    cure = "Write the name of a class and its colour for each into classes.txt."
    if len(strange) == 1:
        cure += f" If it means 'not labelled', set mask_values: colour and void_colour: {list(strange[0])}."
    return cure


def smooth_masks(survey: Survey) -> Iterator[Finding]:
    """Masks that were resized smoothly or stored with loss: along outlines they have values that mean other classes."""
    found = [facts for facts in survey.readable if facts.smooth >= SMOOTH]
    found = [
        facts for facts in found if not any(_is_strange(v, survey.info) for v in facts.values or ())
    ]  # said already
    if found:
        one = len(found) == 1
        what = f"{len(found):,} {'mask has' if one else 'masks have'} other classes between two classes along their outlines"
        what += f" (the first on {found[0].smooth:.0%} of them). {'It was' if one else 'They were'}"
        what += " resized smoothly or stored with loss."
        yield Finding("smooth masks", "fatal", what, tuple(facts.where for facts in found), NEAREST)


def _told(value: int | RGB, masks: int, pixels: int) -> str:
    word = list(value) if isinstance(value, tuple) else value
    return f"{word} ({masks:,} {'mask' if masks == 1 else 'masks'}, {pixels:,} {'pixel' if pixels == 1 else 'pixels'})"


def _is_strange(value: int, info: DatasetInfo) -> bool:
    return value >= len(info.classes) and value != info.void


def constant_masks(survey: Survey) -> Iterator[Finding]:
    """Masks that are all void, or all one class."""
    void = survey.info.void
    labelled = [(facts, set(facts.values) - {void}) for facts in survey.readable if facts.values]
    if empty := tuple(facts.where for facts, classes in labelled if not classes):
        cure = "Label them, or leave them out: nothing can be learnt from them."
        yield Finding(
            "empty masks",
            "warning",
            f"{len(empty)} {'mask is' if len(empty) == 1 else 'masks are'} entirely void.",
            empty,
            cure,
        )
    by_class: dict[int, list[str]] = defaultdict(list)
    for facts, classes in labelled:
        if len(classes) == 1:
            by_class[classes.pop()].append(facts.where)
    names = survey.info.classes
    for value, files in sorted(by_class.items()):
        if _is_strange(value, survey.info):  # said already
            continue
        only = f"'{names[value]}'"
        what = f"{len(files)} of {len(labelled)} masks contain only {only}."
        cure = "Look at them: does the picture show nothing else, or was its mask never drawn?"
        yield Finding("constant masks", "warning", what, tuple(files), cure)


def absent_classes(survey: Survey) -> Iterator[Finding]:
    """Classes of which a split has no pixel, or no picture where pictures have labels."""
    unit = "pixel" if "mask" in survey.info.knows else "picture"
    if any(facts.unknown or any(_is_strange(v, survey.info) for v in facts.values or ()) for facts in survey.facts):
        return  # a class is absent because its values are strange
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


def palettes(survey: Survey) -> Iterator[Finding]:
    """Palettes of masks that show one colour for two classes, or another class's colour of classes.txt."""
    known = (
        []
        if survey.by_colour
        else [
            (facts, facts.mask.palette)
            for facts in survey.readable
            if facts.mask is not None and facts.mask.palette and facts.values
        ]
    )
    shown: dict[RGB, dict[int, list[str]]] = {}
    for facts, palette in known:
        for value in facts.values or ():
            if value < len(palette):
                shown.setdefault(palette[value], {}).setdefault(value, []).append(facts.where)
    mixed = {colour: by_value for colour, by_value in shown.items() if len(by_value) > 1}
    cure = "If the colours are right, give each class its colour in classes.txt and set mask_values: colour."
    if len(mixed) > 1:  # one colour may stand for everything else; two that change places are another order
        colour, by_value = next(iter(mixed.items()))
        values = " and ".join(f"{value} in {files[0]}" for value, files in list(by_value.items())[:2])
        files = tuple(dict.fromkeys(name for of in mixed.values() for names in of.values() for name in names))
        what = f"Palettes of masks contradict each other: the colour {list(colour)} is the value {values}."
        yield Finding("palettes", "fatal", what, files, cure)
    by_colour = {colour: index for index, colour in enumerate(survey.info.colours)}
    if not survey.given_colours or mixed:
        return
    found: dict[str, str] = {}
    for facts, palette in known:
        for value in facts.values or ():
            other = by_colour.get(palette[value]) if value < len(palette) else None
            if other is not None and other != value and value < len(survey.info.classes):
                names = survey.info.classes
                found.setdefault(facts.where, f"the value {value} ('{names[value]}') in the colour of '{names[other]}'")
    if found:
        what = f"{len(found):,} palettes contradict the colours of classes.txt: they show {next(iter(found.values()))}."
        yield Finding("palettes", "warning", what, tuple(found), cure)
