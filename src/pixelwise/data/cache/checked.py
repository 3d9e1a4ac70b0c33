"""What `data check` found, kept in the cache, so that a training on the same files can repeat what is fatal.

    <folder>/<data set>/checked-<settings>.json

The record contains the state of every source file of every split. It is used only while none of them has changed. Without a
record, a training repeats nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pixelwise.data.base import Dataset
from pixelwise.data.cache import digest_of_settings, digest_of_sources, plain_name
from pixelwise.errors import PixelwiseError
from pixelwise.run.atomic import write_json
from pixelwise.run.records.json_text import read_json

FORMAT = 1
PAIR = re.compile(" [=~] ")  # between the names of pictures that one finding puts together


def keep_findings(folder: Path, dataset: Dataset, fatal: Sequence[Mapping[str, Any]]) -> None:
    """Keep the fatal findings of a check, each with what, files and cure; nothing if the cache cannot be written."""
    sources = {split: digest_of_sources(dataset, split) for split in dataset.splits()}
    record = {"format": FORMAT, "sources": sources, "fatal": [dict(one) for one in fatal]}
    file = _file(folder, dataset)
    with suppress(OSError, PixelwiseError):
        if fatal:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_json(file, record)
        else:
            file.unlink(missing_ok=True)


def kept_findings(folder: Path, dataset: Dataset, splits: Sequence[str]) -> list[dict[str, Any]]:
    """The fatal findings that a check of the same files kept; empty if a file of the splits has changed since."""
    file = _file(folder, dataset)
    with suppress(OSError, PixelwiseError, KeyError, TypeError, ValueError):
        if file.is_file():
            record = read_json(file)
            known = record["sources"]
            if record["format"] == FORMAT and all(known[one] == digest_of_sources(dataset, one) for one in splits):
                return [
                    {"check": str(one["check"]), "what": str(one["what"]), "cure": str(one["cure"]),
                     "files": [str(name) for name in one["files"]]}
                    for one in record["fatal"]
                ]  # fmt: skip
    return []


def names_in(words: str) -> list[str]:
    """The names in a finding's entry: one, or those of a pair.

    >>> names_in("train/a = val/b")
    ['train/a', 'val/b']
    """
    return PAIR.split(words)


def _file(folder: Path, dataset: Dataset) -> Path:
    return folder / plain_name(dataset.info.name) / f"checked-{digest_of_settings(dataset)[:12]}.json"
