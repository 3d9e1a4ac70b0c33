"""Checks of files: partners, splits, damage, sizes."""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pixelwise.data.checks.survey import Facts, Finding, Survey
from pixelwise.errors import Problem
from pixelwise.imaging.files import SUFFIXES

NUMBERS = re.compile(r"-?\d[\d.,]*")  # that differ from file to file where the cause is the same


def partners(survey: Survey) -> Iterator[Finding]:
    """Images without a mask, masks without an image, names in a list that are not in the folder."""
    for problem in survey.unpaired:
        files = problem.files or (problem.where,)
        if survey.path:
            files = tuple(os.path.relpath(file, survey.path) for file in problem.files) or files
        yield Finding("partners", "fatal", problem.what, files, problem.hint)


def empty_splits(survey: Survey) -> Iterator[Finding]:
    """Splits without pictures. If no picture has a mask at all, the check `partners` says so."""
    if not survey.facts and survey.unpaired:
        return
    for split in survey.splits:
        if not survey.of(split):
            cure = "Add pictures, or remove its list or folder."
            yield Finding("empty splits", "fatal", f"The split '{split}' is empty.", (), cure)


def unreadable(survey: Survey) -> Iterator[Finding]:
    """Files that are missing, damaged or cut short, of too many pixels, or of a kind that is not read: one finding a cause."""
    by_cause: dict[str, list[tuple[Facts, Problem]]] = {}
    for facts in survey.facts:
        if facts.problem is not None and not facts.unknown and not _sizes_differ(facts):
            by_cause.setdefault(NUMBERS.sub("#", facts.problem.what.partition(":")[0]), []).append(
                (facts, facts.problem)
            )
    for found in by_cause.values():
        _, first = found[0]
        what = str(replace(first, hint=""))
        what = what if len(found) == 1 else f"{len(found):,} files have one fault. The first is {what}"
        files = tuple(facts.where for facts, _ in found)
        yield Finding("unreadable", "fatal", what, files, first.hint or _cure(first))


def _cure(problem: Problem) -> str:
    """What to do about a file; a place in annotations is not a file to replace."""
    place = Path(problem.where)
    if place.suffix.lower() not in SUFFIXES:
        return "Correct it there, or name the picture in data.exclude."
    return "Replace the file." if place.is_file() else "Bring it back, or name the picture in data.exclude."


def different_sizes(survey: Survey) -> Iterator[Finding]:
    """Pictures and masks that do not have the same size."""
    found = [facts for facts in survey.facts if facts.problem is not None and _sizes_differ(facts)]
    if found:
        files = tuple(facts.where for facts in found)
        (height, width), (mask_height, mask_width) = found[0].sizes[:2]
        sizes = f"{width}×{height} and {mask_width}×{mask_height}"
        many = f"{len(files):,} pictures and their masks differ in size; the first:"
        what = f"{many if len(files) > 1 else '1 picture and its mask differ in size:'} {sizes} (width × height)."
        cure = "Make the mask for the picture at its own size; resize masks by nearest neighbour only."
        if all(_fits_stored(facts) for facts in found):
            what += " The pictures have an EXIF orientation, and the masks fit the pixels as they are stored."
            cure = "Set exif: ignore, or turn the masks too."
        yield Finding("different sizes", "fatal", what, files, cure)


def _fits_stored(facts: Facts) -> bool:
    image, mask = facts.image, facts.mask
    return image is not None and mask is not None and image.orientation > 1 and image.size == mask.size


def _sizes_differ(facts: Facts) -> bool:
    return len(set(facts.sizes)) > 1
