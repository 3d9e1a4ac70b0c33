"""Your own pictures without labels: for colourization."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le, Lt

from pixelwise.data.base import Dataset, find_folder
from pixelwise.data.pairing.files import find_files
from pixelwise.data.pairing.lists import SPELLINGS, SPLITS
from pixelwise.data.splits import draw_splits, drawing_remark, group_by
from pixelwise.errors import DataError, Problem, listing
from pixelwise.imaging.channels import Reading, without_usual
from pixelwise.imaging.files import read_image
from pixelwise.shelf import declares
from pixelwise.types import DatasetInfo, Sample


class Pictures(Dataset):
    """Pictures alone. `options` are those of `pictures`, with its defaults."""

    def __init__(self, path: Path, **options: Any) -> None:
        self.path, self.options = path, {**(pictures.__kwdefaults__ or {}), **options}
        source = f"the folder {path.name}"
        self._reading = Reading.of(self.options)
        name, depth = path.name or "pictures", self._reading.depth
        self.info = DatasetInfo(name, ("picture",), ((0, 0, 0),), frozenset(), source=source, channels=depth)
        found = find_files(path, self.options["images"])
        files, self._unread = dict(found.files), [file.name for file in found.unread]
        if not files:
            raise DataError("no pictures that can be read were found.", where=str(path))
        given = {name: SPELLINGS.get(name.partition("/")[0].lower(), "") for name in files if "/" in name}
        told = set(given.values()) - {""}
        self.drawn = () if {"train", "val"} <= told else tuple(split for split in SPLITS if split not in told)
        if self.drawn and told:  # what is not there yet is drawn from `train`, or from what is in no split
            drawn = self._told(files, given)
        elif self.drawn:
            shares = {split: self.options[split] for split in SPLITS[1:] if self.options[split]}
            drawn = draw_splits(files, shares, seed=self.options["seed"], group=group_by(self.options["group"]))
        else:
            drawn = {split: tuple(name for name in files if given.get(name) == split) for split in SPLITS}
        self._splits = {split: tuple((name, files[name]) for name in names) for split, names in drawn.items() if names}

    def _told(self, files: Mapping[str, Path], given: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
        """The splits that folders say, and those that are drawn because they are missing."""
        splits = {split: tuple(name for name in files if given.get(name) == split) for split in SPLITS}
        rest = splits["train"] or tuple(name for name in files if not given.get(name))
        shares = {split: self.options[split] for split in SPLITS[1:] if self.options[split] and not splits[split]}
        if splits["val"] or not rest or not shares:
            return {**splits, "train": rest}
        drawn = draw_splits(rest, shares, seed=self.options["seed"], group=group_by(self.options["group"]))
        return {**splits, **drawn}

    def splits(self) -> tuple[str, ...]:
        return tuple(self._splits)

    def names(self, split: str) -> tuple[str, ...]:
        return tuple(name for name, _ in self._splits[split])

    def sources(self, split: str, index: int) -> tuple[Path, ...]:
        return (self._splits[split][index][1],)

    def read(self, split: str, index: int) -> Sample:
        name, file = self._splits[split][index]
        return Sample(name, read_image(file, reading=self._reading))

    def settings(self) -> dict[str, object]:
        return {**without_usual(self.options), "path": str(self.path)}

    def reading(self) -> Reading:
        return self._reading

    def notices(self) -> tuple[Problem, ...]:
        what = f"files of kinds that are not read are left out: {listing(self._unread, 5)}."
        return (Problem(str(self.path), what),) if self._unread else ()

    def remarks(self) -> tuple[str, ...]:
        given = {name: self.options[name] for name in ("val", "test", "seed", "group")}
        reason = "folders say which picture is in which split"
        return () if self.drawn else drawing_remark(given, pictures.__kwdefaults__ or {}, reason)


@declares(knows=(), draws=("val", "test"))
def pictures(
    root: Path,
    *,
    path: str,
    images: str = "",
    val: Annotated[float, Ge(0), Lt(1)] = 0.2,
    test: Annotated[float, Ge(0), Lt(1)] = 0.0,
    seed: Annotated[int, Ge(0)] = 0,
    group: str = "",
    stretch: Annotated[int, Ge(8), Le(16)] = 16,
    alpha: Literal["transparency", "ignore"] = "transparency",
    channels: list[int] | None = None,
) -> Dataset:
    """Pictures of your own without labels, e.g. for the task colourize.

    path:       the folder, absolute, in the working folder, or else in the data folder
    images:     a folder in it, or a pattern such as `*.jpg`; empty: every picture below it
    val, test:  shares of the pictures that are drawn for these splits where there are no folders `train/` and `val/`
    seed:       seed of that draw
    group:      pattern with one group, e.g. `^(scene\\d+)_`: pictures with the same match stay in one split
    stretch:    bits that 16-bit pictures use, e.g. 12 for a camera
    alpha:      `ignore`: the fourth channel is not transparency, and is not used
    channels:   the one or three channels of a TIFF or PNG that are read, counted from 0
    """
    options = {name: value for name, value in locals().items() if name not in ("root", "path")}
    return Pictures(find_folder(path, root), **options)
