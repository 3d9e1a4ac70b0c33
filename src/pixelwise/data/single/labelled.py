"""Your own pictures with a class each: a folder for every class, or a table of labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le, Lt

from pixelwise.data.alike import find_groups
from pixelwise.data.base import Dataset, find_folder
from pixelwise.data.pairing.files import find_files
from pixelwise.data.pairing.lists import SPELLINGS, SPLITS
from pixelwise.data.single.table import find_file, missing_files, read_table
from pixelwise.data.splits import draw_stratified, drawing_remark, group_by
from pixelwise.errors import DataError, Problem, listing
from pixelwise.imaging.channels import Reading, without_usual
from pixelwise.imaging.files import read_image
from pixelwise.imaging.palettes import distinct_colours
from pixelwise.shelf import declares
from pixelwise.types import DatasetInfo, Sample


@dataclass(frozen=True)
class One:
    """A picture: its name in the data set, its file, its class, and the split that the files say, or an empty word."""

    name: str
    file: Path
    label: str
    split: str = ""


class Labelled(Dataset):
    """Pictures with a class each. `options` are those of `labelled`, with its defaults."""

    def __init__(self, path: Path, root: Path, **options: Any) -> None:
        self.path, self.options = path, {**(labelled.__kwdefaults__ or {}), **options}
        self._notices: list[Problem] = []
        self._reading = Reading.of(self.options)
        table = self.options["table"]
        ones = list(_from_table(path, path / table) if table else self._from_folders())
        if not ones:
            what = f"no pictures were found in folders named after classes in {self.options['images'] or 'it'}."
            raise DataError(what, where=str(path), hint="Make a folder for each class, or name a table of labels.")
        classes = self.options["classes"] or sorted({one.label for one in ones}, key=_natural)
        if unknown := sorted({one.label for one in ones} - set(classes)):
            raise DataError(f"the option `classes` does not have {listing(unknown)}.", where=str(path))
        self._splits = self._divide(ones, root)
        self._labels = {name: number for number, name in enumerate(classes)}
        count = [sum(one.label == name for one in self._splits["train"]) for name in classes]
        self.info = DatasetInfo(
            name=path.name or "labelled",
            classes=tuple(classes),
            colours=distinct_colours(len(classes)),
            knows=frozenset({"label"}),
            source=f"the folder {path.name}",
            frequencies=tuple(count),
            channels=self._reading.depth,
        )

    def _from_folders(self) -> Iterator[One]:
        """Pictures below folders of classes, which may lie in folders of splits."""
        images = self.options["images"]
        found = find_files(self.path, images)
        if found.unread:
            names = listing([file.name for file in found.unread], 5)
            self._notices.append(Problem(str(self.path), f"files of kinds that are not read are left out: {names}."))
        loose = []
        for name, file in found.files:
            parts = name.split("/")
            split = SPELLINGS.get(parts[0].lower(), "") if len(parts) > 2 else ""
            inner = parts[1:] if split else parts
            if len(inner) < 2:
                loose.append(name)
                continue
            yield One("/".join(inner), file, inner[0], split)
        if loose:
            what = f"{len(loose)} {'picture is' if len(loose) == 1 else 'pictures are'} in no folder of a class and left out"
            self._notices.append(Problem(str(self.path), f"{what}: {listing(loose)}.", "Move them into one."))

    def _divide(self, ones: Sequence[One], root: Path) -> dict[str, tuple[One, ...]]:
        """The splits that the files say; those that are missing are drawn from `train`, evenly over classes."""
        splits: dict[str, tuple[One, ...]] = {}
        for split in sorted({one.split for one in ones if one.split}, key=_order):
            splits[split] = tuple(one for one in ones if one.split == split)
        loose = {one.name: one for one in ones if not one.split}
        rest = {one.name: one for one in splits["train"]} if "train" in splits else loose
        if loose and rest is not loose:
            what = f"{len(loose)} {'picture is' if len(loose) == 1 else 'pictures are'} in no split and not used"
            self._notices.append(Problem(str(self.path), f"{what}: {listing(loose)}.", "Move them into a split."))
        shares = {split: self.options[split] for split in SPLITS[1:] if self.options[split] and split not in splits}
        if "val" in splits or not rest:
            shares = {}
        self.drawn = tuple(shares)
        if shares:
            by_name = {name: one.label for name, one in rest.items()}
            groups = self._groups(rest, root)
            drawn = draw_stratified(by_name, shares, seed=self.options["seed"], groups=groups)
            splits |= {split: tuple(rest[name] for name in names) for split, names in drawn.items()}
        elif rest and "train" not in splits:
            splits["train"] = tuple(rest.values())
        if "train" not in splits:
            raise DataError("the split 'train' is missing.", where=str(self.path))
        return {split: splits[split] for split in sorted(splits, key=_order)}

    def _groups(self, ones: Mapping[str, One], root: Path) -> Mapping[str, str]:
        """Name → the first name of its group: by the option `group`, else by likeness."""
        if not self.options["group"]:
            return find_groups({name: one.file for name, one in ones.items()}, root, self._reading)
        group_of, first = group_by(self.options["group"]) or str, dict[str, str]()
        return {name: first.setdefault(group_of(name), name) for name in ones}

    def splits(self) -> tuple[str, ...]:
        return tuple(self._splits)

    def names(self, split: str) -> tuple[str, ...]:
        return tuple(one.name for one in self._splits[split])

    def labels(self, split: str) -> tuple[int, ...]:
        return tuple(self._labels[one.label] for one in self._splits[split])

    def sources(self, split: str, index: int) -> tuple[Path, ...]:
        return (self._splits[split][index].file,)

    def read(self, split: str, index: int) -> Sample:
        one = self._splits[split][index]
        return Sample(one.name, read_image(one.file, reading=self._reading), label=self._labels[one.label])

    def settings(self) -> dict[str, object]:
        return {**without_usual(self.options), "path": str(self.path), "labels": [*self._labels]}

    def reading(self) -> Reading:
        return self._reading

    def notices(self) -> tuple[Problem, ...]:
        return tuple(self._notices)

    def remarks(self) -> tuple[str, ...]:
        given = {name: self.options[name] for name in ("val", "test", "seed", "group")}
        reason = "the files say which picture is in which split"
        return () if self.drawn else drawing_remark(given, labelled.__kwdefaults__ or {}, reason)


@declares(knows=("label",), draws=("val", "test"))
def labelled(
    root: Path,
    *,
    path: str,
    images: str = "",
    table: str = "",
    classes: list[str] | None = None,
    val: Annotated[float, Ge(0), Lt(1)] = 0.2,
    test: Annotated[float, Ge(0), Lt(1)] = 0.0,
    seed: Annotated[int, Ge(0)] = 0,
    group: str = "",
    stretch: Annotated[int, Ge(8), Le(16)] = 16,
    alpha: Literal["transparency", "ignore"] = "transparency",
    channels: Annotated[int, Ge(1), Le(1024)] | list[int] | None = None,
) -> Dataset:
    """Pictures of your own with a class each: a folder per class, also within `train/`, `val/`, `test/`, or a table.

    path:       the folder, absolute, in the working folder, or else in the data folder
    images:     folder with the folders of the classes; empty: the folder itself
    table:      a CSV or TSV file in the folder, with a line per picture: its file and its class, and maybe its split
    classes:    their names in order; by default the classes that are found, sorted by name
    val, test:  shares of the pictures that are drawn for these splits, evenly over the classes, where the files do not say them
    seed:       seed of that draw
    group:      pattern with one group, e.g. `(plant\\d+)_`: pictures with the same match stay in one split.
                Without it pictures that look alike stay in one split
    stretch:    bits that 16-bit pictures use, e.g. 12 for a camera
    alpha:      `ignore`: the fourth channel is not transparency, and is not used
    channels:   the channels of a TIFF or PNG that the model reads, counted from 0, or how many from the first on
    """
    options = {name: value for name, value in locals().items() if name not in ("root", "path")}
    return Labelled(find_folder(path, root), root, **options)


def _from_table(path: Path, file: Path) -> list[One]:
    """The pictures that a table names. Without a column of splits, the folders `train` and `val` that all are in say them."""
    if not file.is_file():
        raise DataError("this table does not exist.", where=str(file))
    known = {found: name for name, found in find_files(path, "").files}
    files = [*known]
    missing, seen, ones = [], dict[Path, str](), list[One]()
    for row in read_table(file):
        found = find_file(row.file, files, file.parent)
        if found is None:
            missing.append(row.file)
        elif seen.setdefault(found, row.label) != row.label:
            what = f"gives {row.file} two classes, '{seen[found]}' and '{row.label}'; a picture has one."
            raise DataError(what, where=str(file))
        else:
            ones.append(One(known[found], found, row.label, row.split))
    if missing:
        raise missing_files(missing, file)
    folders = [SPELLINGS.get(one.name.partition("/")[0].lower(), "") for one in ones]
    if not any(one.split for one in ones) and all(folders) and {"train", "val"} <= set(folders):
        ones = [replace(one, split=split) for one, split in zip(ones, folders, strict=True)]
    return ones


def _order(split: str) -> tuple[int, str]:
    return (SPLITS.index(split) if split in SPLITS else len(SPLITS), split)


def _natural(name: str) -> tuple[int, str]:
    """Numbers by their value, before words."""
    return (int(name), "") if name.isascii() and name.isdigit() and len(name) < 10 else (1 << 40, name)
