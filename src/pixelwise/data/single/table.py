"""A table of labels: a CSV or TSV file with a line per picture, its file first found, its class in another column."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pixelwise.data.pairing.lists import MOST_BYTES, SPELLINGS
from pixelwise.errors import DataError, listing
from pixelwise.imaging.files import SUFFIXES
from pixelwise.yaml_text import read_file

SUFFIXES_OF_TABLES = (".csv", ".tsv")
FILE = ("file", "filename", "file_name", "image", "image_name", "picture", "path", "name", "id", "image_id")
LABEL = ("label", "class", "category", "target", "species", "kind", "y")
SPLIT = ("split", "set", "subset", "partition", "fold")

HELD_OUT = ("is_valid", "is_val")  # fastai's columns: True for pictures of `val`


@dataclass(frozen=True)
class Row:
    """A line of a table. split: empty if the table does not say it."""

    file: str
    label: str
    split: str = ""


def read_table(file: Path) -> tuple[Row, ...]:
    """The rows of a table with or without a header, separated by commas, semicolons or tabs.

    The file is in the column with a name such as `file`, else in the first whose values end in a picture's suffix, else in
    the first. The label is in the column with a name such as `label`, else in the first that is left. One column per class
    with a single 1 in each line is read too. Raises DataError with the line if a row has no file or no label.
    """
    text = read_file(file, DataError, MOST_BYTES).lstrip("\ufeff")
    first = text.partition("\n")[0]
    separator = max("\t,;", key=first.count)
    lines = [[cell.strip() for cell in line] for line in csv.reader(io.StringIO(text), delimiter=separator)]
    lines = [line for line in lines if any(line)]
    if not lines or len(lines[0]) < 2:
        raise DataError("is not a table of files and labels: it has fewer than two columns.", where=str(file))
    header = [cell.lower() for cell in lines[0]] if _is_header(lines) else []
    rows = lines[1:] if header else lines
    if not rows:
        raise DataError("has a header and no line below it.", where=str(file))
    width = len(lines[0])
    for number, row in enumerate(rows, 2 if header else 1):
        if len(row) != width:
            raise DataError(f"line {number} has {len(row)} columns, and the first has {width}.", where=str(file))
    name = _named(header, FILE)
    if name is None:
        name = next((at for at, cell in enumerate(rows[0]) if _is_picture(cell)), 0)
    split, held_out = _named(header, SPLIT), _named(header, HELD_OUT)
    label = _named([word if at != name else "" for at, word in enumerate(header)], LABEL)
    rest = [at for at in range(width) if at not in (name, split, held_out)]
    if label is None and header and len(rest) > 1 and all(_is_one_hot([row[at] for at in rest]) for row in rows):
        labels = [lines[0][next(at for at in rest if float(row[at]) == 1)] for row in rows]
    elif label is None and not rest:
        raise DataError("has no column of labels.", where=str(file), hint="Name it `label` in a first line.")
    else:
        label = rest[0] if label is None else label
        labels = [row[label] for row in rows]
    if "" in labels:
        at = labels.index("") + (2 if header else 1)
        raise DataError(f"line {at} has no label.", where=str(file))
    if split is None and held_out is not None:
        splits = ["val" if row[held_out].lower() in ("true", "1", "1.0", "yes") else "train" for row in rows]
    else:
        splits = ["" if split is None else SPELLINGS.get(row[split].lower(), row[split]) for row in rows]
    return tuple(Row(row[name], word, part) for row, word, part in zip(rows, labels, splits, strict=True))


def find_file(name: str, known: Sequence[Path], base: Path) -> Path | None:
    """The picture that a table means: by its path from the table's folder, else by the end of its path, suffix or not."""
    direct = base / name
    if direct in known:
        return direct
    parts = PurePosixPath(name.replace("\\", "/")).parts
    bare = [*parts[:-1], PurePosixPath(parts[-1]).stem if _is_picture(parts[-1]) else parts[-1]] if parts else []
    for length in range(len(bare), 0, -1):
        ends = [one for one in known if [*one.parts[:-1], one.stem][-length:] == bare[-length:]]
        if len(ends) == 1:
            return ends[0]
    return None


def _is_picture(cell: str) -> bool:
    return PurePosixPath(cell).suffix.lower() in SUFFIXES


def _is_header(lines: Sequence[Sequence[str]]) -> bool:
    """Whether the first line names the columns: it has no picture, and a known word, or the next line has a picture.

    A word as part of a cell, such as `id_code`, counts if digits begin below it.
    """
    words = {cell.lower() for cell in lines[0]}
    pictures = [any(map(_is_picture, line)) for line in lines[:2]]
    parts = {part for word in words for part in word.split("_")}
    above, below = ("".join(line) for line in (lines[0], lines[min(1, len(lines) - 1)]))
    digits_begin = not re.search(r"\d", above) and bool(re.search(r"\d", below))
    known = {*FILE, *LABEL}
    return not pictures[0] and (bool(words & known) or pictures[-1] or (digits_begin and bool(parts & known)))


def _named(header: Sequence[str], words: Sequence[str]) -> int | None:
    return next((header.index(word) for word in words if word in header), None)


def _is_one_hot(cells: Sequence[str]) -> bool:
    try:
        numbers = sorted(float(cell) for cell in cells)
    except ValueError:
        return False
    return numbers[-1] == 1 and not any(numbers[:-1])


def missing_files(names: Sequence[str], file: Path) -> DataError:
    """The refusal of a table that names pictures that are not there."""
    count = f"{len(names)} {'line names a picture' if len(names) == 1 else 'lines name pictures'}"
    return DataError(f"{count} that cannot be found: {listing(names)}.", where=str(file))
