"""The data set of a folder, every sample read once, and the options that its pictures ask for."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pixelwise.data import DATASETS
from pixelwise.data.base import Dataset
from pixelwise.data.cache.checked import names_in
from pixelwise.data.checks import findings_of
from pixelwise.data.checks.accepted import accepted_entries, set_apart
from pixelwise.data.checks.repeats import alike_groups
from pixelwise.data.checks.survey import Finding, Survey, survey
from pixelwise.data.exclude import excluding
from pixelwise.data.folder import Folder
from pixelwise.data.pairing.groups import FEWEST, MOST_SHARE, are_classes, suggested_groups
from pixelwise.errors import listing
from pixelwise.recipe.override import apply_overrides
from pixelwise.start.leaks import typed_exclude, without_leaks
from pixelwise.start.recognise import Found

OF_DATA = "data.dataset."
CURE = re.compile(r"^Set (stretch|exif|alpha|channels|unpaired|case): (\w+)")  # of a finding that an option cures
WHAT_FOR = {
    "unpaired": "refuse files without a partner, or skip them",
    "case": "whether the case of letters in names counts",
}
TOO_FEW = (
    "Pictures of two drawn splits look alike. There are too few groups of such pictures to keep each in one split, so scores "
    "on them are too good."
)
CARED_FOR = ("sizes",)  # findings that the recipe takes care of


def typed_options(changes: Sequence[str]) -> dict[str, Any]:
    """The options of the data set that were typed, `data.dataset.void=255`."""
    words = [word for word in changes if word.startswith(OF_DATA)]
    typed: Mapping[str, Any] = apply_overrides({"data": {"dataset": {}}}, words)["data"]["dataset"]
    return dict(typed)


def look(
    found: Found, place: Path, root: Path, changes: Sequence[str], progress: Callable[[str, int, int], None]
) -> tuple[Dataset, Survey, list[Finding], list[tuple[Finding, str]]]:
    """Read every sample. Faults with a certain cure are corrected by options and exclusions, which are added to `found`.

    place: the folder;  root: the data folder

    The last part are the findings that `accepted.yaml` accepts, with the reason: nothing is done about them.
    """
    typed = typed_options(changes)
    found.dataset |= typed
    found.said += [f"As you set: {word}." for word in changes if word.startswith(OF_DATA)]
    found.exclude = typed_exclude(changes)
    while True:
        dataset = excluding(_opened(found, place, root), found.exclude)
        seen = survey(dataset, partial(progress, dataset.info.name))
        entries, file = accepted_entries(dataset)
        findings, accepted = set_apart(findings_of(dataset, seen), entries, file)
        cures = {key: one for one in findings for key in _cure(one) if key not in found.dataset}
        cures = {key: one for key, one in cures.items() if key in DATASETS.signature(found.dataset["name"]).options}
        if not (cures or _without_wrong_group(found, dataset, seen) or _keep_together(found, dataset, seen, findings)):
            break
        for key, finding in cures.items():
            value = _cure(finding)[key]
            found.dataset[key] = value
            found.said.append(f"{finding.what} The recipe sets {key}: {value}.")
            found.keys[f"data.dataset.{key}"] = WHAT_FOR.get(key, "how pictures are read")
    if not any(word.startswith("data.exclude") for word in changes):
        dataset, seen, found.exclude = without_leaks(dataset, seen, entries)
        if found.exclude:
            found.said.append(_left_out(found.exclude))
            found.keys["data.exclude=[]"] = "keep them in"
            findings, accepted = set_apart(findings_of(dataset, seen), entries, file)
    found.said.append(_splits(dataset))
    return dataset, seen, [finding for finding in findings if finding.check not in CARED_FOR], accepted


def _opened(found: Found, place: Path, root: Path) -> Dataset:
    """The data set. A folder of images and masks may have faults: they become findings."""
    options = {key: value for key, value in found.dataset.items() if key != "name"}
    if found.dataset["name"] != "folder":
        made: Dataset = DATASETS.build(found.dataset["name"], root, **options)
        return made
    converted = DATASETS.convert("folder", {**options, "path": ""}, where="data.dataset")
    return Folder(place, root, **{key: converted[key] for key in options if key != "path"})


def _cure(finding: Finding) -> dict[str, Any]:
    """The option that cures a finding, and its value; empty if no option is certain to cure it."""
    match = CURE.match(finding.cure)
    return {} if match is None else {match[1]: int(match[2]) if match[2].isdigit() else match[2]}


def _drawn(dataset: Dataset) -> tuple[str, ...]:
    """The splits that are drawn; data sets that cannot say so are taken as given by their files."""
    return tuple(getattr(getattr(dataset, "whole", dataset), "drawn", ()))


def _without_wrong_group(found: Found, dataset: Dataset, seen: Survey) -> bool:
    """Take back the groups that names suggest where nothing is drawn, or where they are the classes; whether there were any."""
    if "group" not in found.suggested:
        return False
    known = seen.readable
    suggested = suggested_groups([facts.name for facts in known], [found.dataset["group"]])
    classes = suggested is not None and are_classes(suggested.groups.values(), [facts.label for facts in known])
    if _drawn(dataset) and not classes:
        return False
    del found.dataset["group"], found.keys["data.dataset.group=''"]
    found.said.remove(found.suggested.pop("group"))
    return True


def _keep_together(found: Found, dataset: Dataset, seen: Survey, findings: Sequence[Finding]) -> bool:
    """Draw the splits so that pictures that look alike are in one, where they are not yet and there are groups enough."""
    possible = "alike" in DATASETS.signature(found.dataset["name"]).options and "alike" not in found.dataset
    if not possible:
        return False
    among = {"train", *_drawn(dataset)}
    pairs = [names_in(words) for one in findings if one.check in ("alike", "copies") for words in one.files]
    splits = [{name.partition("/")[0] for name in names} for names in pairs]
    if not any(len(two) > 1 and two <= among for two in splits):
        return False
    groups, total = alike_groups(seen), len(seen.readable)
    sizes = [count + 1 for count in Counter(groups.values()).values()]
    if max(sizes, default=0) > MOST_SHARE * total or total - len(groups) < FEWEST:
        found.said += [TOO_FEW] if TOO_FEW not in found.said else []
        return False
    found.dataset["alike"] = "together"
    alike = f"{sum(sizes)} pictures look alike in {len(sizes)} {'group' if len(sizes) == 1 else 'groups'}"
    found.said.append(f"{alike}: pictures of one group stay in one split.")
    found.keys["data.dataset.alike=anywhere"] = "draw the splits picture by picture"
    return True


def _left_out(names: Sequence[str]) -> str:
    one = len(names) == 1
    what = (
        "1 picture is in a later split too and is"
        if one
        else f"{len(names):,} pictures are in a later split too and are"
    )
    return f"{what} left out, or its scores would be too good: {listing(names, 4)}."


def _splits(dataset: Dataset) -> str:
    counts = ", ".join(f"{split} {len(dataset.names(split)):,}" for split in dataset.splits())
    how = " (drawn)" if _drawn(dataset) else " (as the files say)"
    return f"Splits{how}: {counts}."
