"""Accepted findings, in a file beside the data. They are counted and shown separately, and do not fail the check.

- kind: copies                        accepted.yaml: a list of entries
  pictures: [train/a, val/b]          as `data check` names them; without it, every finding of the kind
  reason: one scene on two days
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pixelwise.data.base import Dataset
from pixelwise.data.cache.checked import names_in
from pixelwise.data.checks.survey import Finding
from pixelwise.errors import DataError, shown
from pixelwise.yaml_text import parse_text, read_file

FILE = "accepted.yaml"
KEYS = ("kind", "pictures", "reason")


@dataclass(frozen=True)
class Entry:
    """What is accepted: findings of a kind about these pictures (none named: all), and why."""

    kind: str
    pictures: tuple[str, ...]
    reason: str

    def accepts(self, finding: Finding, words: str) -> bool:
        return finding.check == self.kind and self.names(words)

    def names(self, words: str) -> bool:
        """Whether a finding's entry is about pictures that are accepted."""
        return not self.pictures or words in self.pictures or set(names_in(words)) <= set(self.pictures)


def accepted_file(dataset: Dataset) -> Path | None:
    """`accepted.yaml` in the data set's folder; None if the file does not exist."""
    place = Path(str(dataset.settings().get("path") or ""))
    file = (place if place.is_dir() else place.parent) / FILE  # beside an export that is one file
    return file if place.name and file.is_file() else None


def accepted_entries(dataset: Dataset, file: Path | None = None) -> tuple[tuple[Entry, ...], str]:
    """The entries of a file, else of the one in the data set's folder, and its name; none if the file does not exist."""
    file = file or accepted_file(dataset)
    return ((), FILE) if file is None else (read_accepted(file), file.name)


def read_accepted(file: Path) -> tuple[Entry, ...]:
    """The entries of a file. Raises DataError for anything else than a list of kind, pictures and reason."""
    content = parse_text(read_file(file, DataError), str(file))
    if not isinstance(content, list):
        hint = "Write a list: - kind: copies, then pictures: [...] and reason: ... below it."
        raise DataError(f"read {shown(content)}; a list of entries was expected.", where=str(file), hint=hint)
    return tuple(_entry(one, f"{file}, entry {number}") for number, one in enumerate(content, 1))


def _entry(one: object, where: str) -> Entry:
    if not isinstance(one, dict) or not set(one) <= set(KEYS):
        raise DataError(f"read {shown(one)}; an entry has kind, pictures and reason.", where=where)
    for key in ("kind", "reason"):
        if not isinstance(one.get(key), str) or not one[key].strip():
            raise DataError(f"has no {key}.", where=where, hint="Say in a few words why it is right.")
    pictures = one.get("pictures", [])
    if not isinstance(pictures, list) or not all(isinstance(name, str) for name in pictures):
        raise DataError(f"read pictures {shown(pictures)}; a list of names was expected.", where=where)
    return Entry(one["kind"], tuple(pictures), one["reason"].strip())


def set_apart(
    findings: Sequence[Finding], entries: Sequence[Entry], where: str = FILE
) -> tuple[list[Finding], list[tuple[Finding, str]]]:
    """(findings that are left, those that are accepted with the reason). An entry that matches no finding is a finding."""
    left, accepted, used = [], [], set()
    for finding in findings:
        for entry in entries:
            taken = tuple(words for words in finding.files if entry.accepts(finding, words))
            if not taken and (finding.files or entry.pictures or entry.kind != finding.check):
                continue
            used.add(entry)
            some = f" ({len(taken):,} of {len(finding.files):,}.)" if len(taken) < len(finding.files) else ""
            accepted.append((replace(finding, files=taken, what=f"{finding.what}{some}"), entry.reason))
            rest = tuple(words for words in finding.files if words not in taken)
            told = f"{finding.what} ({len(taken):,} of them are accepted.)" if rest else finding.what
            finding = replace(finding, files=rest, what=told)
            if not rest:
                break
        else:
            left.append(finding)
    if idle := [entry for entry in entries if entry not in used]:
        kinds = ", ".join(dict.fromkeys(entry.kind for entry in idle))
        what = f"{len(idle)} {'entry' if len(idle) == 1 else 'entries'} of {where} accept nothing: {kinds}."
        left.append(Finding("accepted", "warning", what, (), "Remove them, or correct their names."))
    return left, accepted
