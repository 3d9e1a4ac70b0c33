"""The files of a YOLO export: data.yaml or classes.txt, and the texts with labels."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any

from pixelwise.data.formats.source import Source
from pixelwise.errors import DataError, shown
from pixelwise.yaml_text import parse_map, read_file

NAMES = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
LINE = re.compile(r"\d+(\s+[-+.\deE]+){4,}\s*")
KEY = re.compile(r"(^\s*|[{,]\s*)(\d+)\s*:", re.M)  # a number before a name


def find_config(source: Source) -> Path | None:
    """The yaml with `names` and `train`."""
    if source.file is not None:
        return source.file if source.file.suffix in (".yaml", ".yml") else None
    found = [
        file
        for file in source.files
        if file.suffix in (".yaml", ".yml") and len(file.relative_to(source.root).parts) < 3
    ]
    for file in sorted(found, key=lambda file: (len(file.parts), file.name not in NAMES)):
        text = file.read_text(encoding="utf-8", errors="replace")[: 1 << 16]
        if re.search(r"^names\s*:", text, re.M) and re.search(r"^(train|val|nc)\s*:", text, re.M):
            return file
    return None


def read_config(file: Path) -> tuple[dict[str, Any], list[str]]:
    """What the yaml says, and the names of the classes. Raises DataError if there are none."""
    text = KEY.sub(r'\1"\2":', read_file(file, DataError))  # YAML as pixelwise reads it has texts as keys
    told = parse_map(text, str(file))
    return told, _names(told.get("names"), file)


def _names(told: Any, file: Path) -> list[str]:
    """The classes in order, of a list or of a map number → name."""
    if isinstance(told, dict) and sorted(map(str, told)) == sorted(map(str, range(len(told)))):
        told = [told[str(index)] for index in range(len(told))]
    if not isinstance(told, list) or not told or not all(isinstance(one, str | int) for one in told):
        what = f"read {shown(told)} for names; it must be a list of the classes, or a map from 0, 1, 2, … to them."
        raise DataError(what, where=str(file))
    return [str(one) for one in told]


def place_of(source: Source, config: Path, path: str, word: str) -> Path:
    """The folder or list that the yaml means: the path itself, else its end, because it often is a path on another machine."""
    parts = [part for part in PurePosixPath(word.replace("\\", "/")).parts if part not in ("..", ".", "/")]
    inner = [part for part in PurePosixPath(path.replace("\\", "/")).parts if part not in ("..", ".", "/")]
    tries = [config.parent.joinpath(*inner, *parts)] + [config.parent.joinpath(*parts[at:]) for at in range(len(parts))]
    folders = {file.parent for file in source.files}
    for place in tries:
        if place in source.files or any(folder.is_relative_to(place) for folder in folders):
            return place
    what = f"names {shown(word)}, but no such folder or list exists below {source.root}."
    raise DataError(what, where=str(config), hint="Correct train, val and test in it, or put the pictures there.")


def find_classes(source: Source) -> Path | None:
    return next((file for file in source.files if file.name == "classes.txt" and source.file is None), None)


def is_labels(file: Path) -> bool:
    try:
        with open(file, encoding="utf-8") as text:
            return LINE.fullmatch(text.readline(1 << 16)) is not None
    except (OSError, ValueError):
        return False


def find_texts(source: Source) -> set[Path]:
    """The texts in folders of labels."""
    return {file for file in source.files if file.suffix == ".txt" and "labels" in file.parts and is_labels(file)}
