"""Checking a data set for mistakes before training. One check is one function; a new one is one line in the list.

Every sample is read once: one pass collects the facts that the checks look at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from pixelwise.data.base import Dataset
from pixelwise.data.cache import damaged_entries
from pixelwise.data.checks.files import different_sizes, empty_splits, partners, unreadable
from pixelwise.data.checks.masks import absent_classes, constant_masks, palettes, smooth_masks, strange_values
from pixelwise.data.checks.objects import odd_objects, touching_objects
from pixelwise.data.checks.pictures import (
    blurred_pictures,
    channels,
    dark_pictures,
    deep_pictures,
    pages,
    plain_pictures,
    rotations,
    sizes,
)
from pixelwise.data.checks.repeats import alike, copies
from pixelwise.data.checks.shares import rare_classes
from pixelwise.data.checks.similar import near_duplicates, torn_groups
from pixelwise.data.checks.survey import Finding, Survey, survey

CHECKS: tuple[Callable[[Survey], Iterator[Finding]], ...] = (
    partners, empty_splits, unreadable, different_sizes, rotations, strange_values, smooth_masks, palettes, copies, alike,
    near_duplicates, torn_groups, constant_masks, absent_classes, rare_classes, deep_pictures, pages, channels, sizes,
    dark_pictures, plain_pictures, blurred_pictures,
    odd_objects, touching_objects,
)  # fmt: skip


def check_dataset(dataset: Dataset, progress: Callable[[int, int], None] | None = None) -> list[Finding]:
    """Every finding of every check, fatal ones first. Each sample is read once."""
    return findings_of(dataset, survey(dataset, progress))


def findings_of(dataset: Dataset, seen: Survey) -> list[Finding]:
    """The same of samples that were read already."""
    findings = [finding for check in CHECKS for finding in check(seen)]
    findings += [Finding("options", "warning", remark, (), "Leave them out.") for remark in dataset.remarks()]
    findings += [Finding("layout", "warning", n.what, (n.where,), n.hint) for n in dataset.notices()]
    return sorted(findings, key=lambda finding: finding.severity != "fatal")


def check_cache(dataset: Dataset, folder: Path) -> list[Finding]:
    """A finding for each entry of the cache whose bytes have changed since they were written."""
    cure = "Remove the folder. It is built again when it is needed."
    what = "The cached pictures have damaged bytes: training would use them."
    return [
        Finding("cache", "fatal", what, tuple(str(entry / name) for name in names), cure)
        for entry, names in damaged_entries(folder, dataset.info)
    ]
