"""Checking a data set for mistakes before training. One check = one function; a new one is one line in the list."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pixelwise.data.base import Dataset
from pixelwise.data.checks.copies import copies
from pixelwise.data.checks.files import different_sizes, empty_splits, partners, unreadable
from pixelwise.data.checks.masks import absent_classes, constant_masks, strange_values
from pixelwise.data.checks.survey import Finding, Survey, survey

CHECKS: tuple[Callable[[Survey], Iterator[Finding]], ...] = (
    partners,
    empty_splits,
    unreadable,
    different_sizes,
    strange_values,
    copies,
    constant_masks,
    absent_classes,
)

__all__ = ["CHECKS", "Finding", "Survey", "check_dataset", "survey"]


def check_dataset(dataset: Dataset, progress: Callable[[int, int], None] | None = None) -> list[Finding]:
    """Every finding of every check, fatal ones first. Each sample is read once."""
    seen = survey(dataset, progress)
    findings = [finding for check in CHECKS for finding in check(seen)]
    return sorted(findings, key=lambda finding: finding.severity != "fatal")
