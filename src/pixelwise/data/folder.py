"""Your own pictures: images and masks paired by name, classes from a text file, splits as folders, lists or drawn."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, Literal

from annotated_types import Ge, Lt

from pixelwise.data.base import Dataset, with_home
from pixelwise.data.splits import MOST_BYTES, SPLITS, Paired, drawing_remark, find_splits
from pixelwise.errors import DataError
from pixelwise.imaging.palettes import distinct_colours
from pixelwise.shelf import declares
from pixelwise.types import RGB, DatasetInfo
from pixelwise.yaml_text import read_file

RED_GREEN_BLUE = re.compile(r"^(.*?)[\s,;]+(\d{1,3})[\s,;]+(\d{1,3})[\s,;]+(\d{1,3})$")


class Folder(Paired):
    """Pairs of an image and a mask. What does not pair is in `problems`; `folder` refuses it, `data check` lists it.

    `options` are those of `folder`, with its defaults. Raises DataError where there is no such folder.
    """

    def __init__(self, path: Path, **options: Any) -> None:
        if not path.is_dir():
            hint = "A relative path is looked up under the data folder (--data). Have a run's data moved? Add --path."
            raise DataError("there is no such folder.", where=str(path), hint=hint)
        self.path, self.options = path, {**(folder.__kwdefaults__ or {}), **options}
        layout = SimpleNamespace(**self.options)
        names, colours = _classes(path, layout)
        void = layout.void
        if void is None and layout.void_colour is not None:
            void = 255 if len(names) <= 255 else 65535
        self.info = DatasetInfo(
            name=path.name,
            classes=names,
            colours=colours or distinct_colours(len(names)),
            knows=frozenset({"mask"}),
            void=void,
            source=f"the folder {path.name}",
        )
        if layout.mask_values == "colour":
            self._colours = _colour_table(self.info, layout, colours is not None)
        places = (layout.images, layout.masks, layout.mask_suffix, layout.lists)
        self._pairs, self.problems, self.drawn = find_splits(path, *places, _drawing(layout))

    def remarks(self) -> tuple[str, ...]:
        """Shares, seed and groups are for splits that are drawn: neither folders nor lists may say which picture is where."""
        defaults = folder.__kwdefaults__ or {}
        given = {name: self.options[name] for name in ("val", "test", "seed", "group")}
        reason = "the folder has subfolders or lists that say which picture is in which split"
        return () if self.drawn else drawing_remark(given, defaults, reason)

    def settings(self) -> dict[str, object]:
        return {**self.options, "path": str(self.path)}


@declares(knows=("mask",), draws=("val", "test"), only_with={"void_colour": "mask_values=colour"})
def folder(
    root: Path,
    *,
    path: str,
    images: str = "images",
    masks: str = "masks",
    mask_suffix: str = "",
    lists: str = "splits",
    classes: list[str] | None = None,
    colours: list[list[int]] | None = None,
    mask_values: Literal["index", "colour"] = "index",
    void: Annotated[int, Ge(1), Lt(65536)] | None = None,
    void_colour: list[int] | None = None,
    val: Annotated[float, Ge(0), Lt(1)] = 0.2,
    test: Annotated[float, Ge(0), Lt(1)] = 0.0,
    seed: Annotated[int, Ge(0)] = 0,
    group: str = "",
) -> Dataset:
    """Pictures of your own: every image has a mask of the same name in another folder.

    path:         the folder, absolute or under the data folder
    images:       folder of the images (PNG, JPEG, TIFF, WebP, BMP), or a pattern such as `*.jpg`
    masks:        folder of the masks, or a pattern; palette, grey of 8 or 16 bits, or RGB
    mask_suffix:  what mask names have more than image names, e.g. `_mask`
    lists:        folder of the lists `train.txt`, `val.txt`, ... (a name a line), if there are any
    classes:      their names in the order of the mask's values; without it `classes.txt` (a name a line, then
                  optionally its red, green and blue)
    colours:      one [red, green, blue] a class, for drawings and for masks in colour
    mask_values:  `index`: a pixel holds the number of its class; `colour`: it has the colour of its class
    void:         the value that means "not labelled", if there is one
    void_colour:  the colour that means "not labelled"
    val, test:    shares of the pictures that are drawn for these splits where there are neither folders `train/`,
                  `val/`, `test/` nor lists
    seed:         of that draw
    group:        pattern with one group, e.g. `^(scene\\d+)_`: pictures for which it finds the same are never torn apart
    """
    options = {name: value for name, value in locals().items() if name not in ("root", "path")}
    dataset = Folder(root / with_home(Path(path)), **options)
    if dataset.problems:
        raise DataError.all(dataset.problems)
    return dataset


# -- classes ---------------------------------------------------------------------------------------------------------


def _classes(path: Path, layout: SimpleNamespace) -> tuple[tuple[str, ...], tuple[RGB, ...] | None]:
    """Names, and colours where they are given: by option, else from classes.txt."""
    given = None if layout.colours is None else tuple(_colour(c, path) for c in layout.colours)
    if layout.classes is not None:
        return tuple(layout.classes), given
    file = path / "classes.txt"
    if not file.is_file():
        hint = "Write one name a line, in the order of the mask's values (0 first), or give the option `classes`."
        raise DataError("the classes are not known: there is no classes.txt.", where=str(path), hint=hint)
    names, read = read_classes(file)
    return names, given or read


def read_classes(file: Path) -> tuple[tuple[str, ...], tuple[RGB, ...] | None]:
    """Names and, where every line ends in `red green blue`, colours."""
    lines = [line.strip() for line in read_file(file, DataError, MOST_BYTES).splitlines() if line.strip()]
    matches = [RED_GREEN_BLUE.match(line) for line in lines]
    coloured = [match.groups() for match in matches if match]
    if not lines:
        raise DataError("has no class; write one name a line.", where=str(file))
    if len(coloured) < len(lines):
        return tuple(lines), None
    return tuple(name for name, *_ in coloured), tuple(_colour([*map(int, rgb)], file) for _, *rgb in coloured)


def _colour(value: Sequence[int], where: Path) -> RGB:
    if len(value) != 3 or not all(0 <= channel <= 255 for channel in value):
        raise DataError(f"read the colour {list(value)}; a colour is [red, green, blue], 0 to 255.", where=str(where))
    red, green, blue = value
    return red, green, blue


def _colour_table(info: DatasetInfo, layout: SimpleNamespace, known: bool) -> dict[RGB, int]:
    if not known:
        hint = "Give `colours`, or write red, green and blue behind each name in classes.txt."
        raise DataError("masks in colour need to be told which colour is which class.", where=info.name, hint=hint)
    table = {colour: index for index, colour in enumerate(info.colours)}
    if layout.void_colour is not None and info.void is not None:
        table[_colour(layout.void_colour, Path(info.name))] = info.void
    if len(table) < len(info.colours) + (layout.void_colour is not None):
        raise DataError("two classes have the same colour, so masks in colour cannot be read.", where=info.name)
    return table


def _drawing(layout: SimpleNamespace) -> tuple[dict[str, float], int, Callable[[str], str] | None]:
    """Shares, seed and grouping for splits that are drawn."""
    shares = {split: share for split, share in zip(SPLITS[1:], (layout.val, layout.test), strict=True) if share}
    if not layout.group:
        return shares, layout.seed, None
    try:
        pattern = re.compile(layout.group)
    except (re.error, OverflowError, RecursionError) as error:
        raise DataError(f"read {layout.group!r}, which is not a regular expression: {error}.", where="group") from error

    def group_of(name: str) -> str:
        match = pattern.search(name)
        found = None if match is None else match.group(1 if pattern.groups else 0)
        return name if found is None else found

    return shares, layout.seed, group_of
