"""What a data set is: named splits of samples, read one at a time. Also: where data sets are on this machine."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from pixelwise.errors import DataError, Problem, did_you_mean
from pixelwise.imaging.channels import USUAL, Reading
from pixelwise.types import DatasetInfo, Sample

CACHE = "PIXELWISE_CACHE"


class Dataset(ABC):
    """Named splits of samples, read one at a time, by index. Making one reads lists, never pictures.

    Builders on the shelf have the form `def voc(root: Path, *, year: int = 2007) -> Dataset`, where `root` is the data folder
    (`--data`, `PIXELWISE_DATA`, else `~/.cache/pixelwise`) and keyword-only parameters are the recipe's options.
    """

    info: DatasetInfo

    @abstractmethod
    def splits(self) -> tuple[str, ...]:
        """Names of the splits, `train` first."""

    @abstractmethod
    def names(self, split: str) -> tuple[str, ...]:
        """Names of the samples of a split, in order."""

    @abstractmethod
    def read(self, split: str, index: int) -> Sample:
        """One sample at its own size. Raises DataError with the file's name where it cannot be read."""

    @abstractmethod
    def sources(self, split: str, index: int) -> tuple[Path, ...]:
        """The files behind a sample, its mask last; empty if it is drawn. A cache is rebuilt when one of them changes."""

    @abstractmethod
    def settings(self) -> dict[str, object]:
        """The options, as JSON values, that decide what `read` returns (part of the cache's key)."""

    def remarks(self) -> tuple[str, ...]:
        """One line for each option that has no effect on these files."""
        return ()

    def reading(self) -> Reading:
        """How pictures become (H, W, 3) uint8, if there is a choice."""
        return USUAL

    def notices(self) -> tuple[Problem, ...]:
        """Files that no split uses, and choices that the files leave open, one problem for each."""
        return ()

    def absent(self) -> tuple[str, ...]:
        """Splits that the publisher's data set has and that are not on this disk."""
        return ()

    def excluded(self, split: str) -> tuple[str, ...]:
        """Names that were left out of a split by `data.exclude` (part of the cache's key)."""
        return ()

    def oddities(self, split: str, index: int) -> tuple[str, ...]:
        """What is odd about the objects of a sample as its file has them, once for each: `no area`, `outside` the picture."""
        return ()

    def labels(self, split: str) -> tuple[int, ...]:
        """The label of every sample of a split, in order. Reads them all, unless the data set knows a shorter way."""
        if "label" not in self.info.knows:
            raise DataError("its pictures have no labels.", where=self.info.name)
        labels = [self.read(split, index).label for index in range(len(self.names(split)))]
        return tuple(-1 if label is None else label for label in labels)

    def check_split(self, split: str) -> None:
        """Raise DataError for a split that does not exist or is empty."""
        known = self.splits()
        if split in self.absent():
            what = f"the split '{split}' is not on this disk; the splits on it are {', '.join(known)}."
            raise DataError(what, where=self.info.name)
        if split not in known:
            what = f"unknown split '{split}'; it has {', '.join(known)}."
            raise DataError(what, where=self.info.name, hint=did_you_mean(split, known))
        if not self.names(split):
            raise DataError(f"the split '{split}' is empty", where=self.info.name)


def data_root(given: Path | None = None) -> Path:
    """The data folder: `given` (from `--data`), else the variable PIXELWISE_DATA, else `~/.cache/pixelwise`.

    The folder need not exist: built-in data sets need none.
    """
    return with_home(Path(given or os.environ.get("PIXELWISE_DATA") or "~/.cache/pixelwise")).absolute()


def find_folder(path: Path | str, root: Path) -> Path:
    """The folder that a path means: absolute, in the working folder, or else in the data folder `root`.

    Raises DataError with both places if the folder does not exist.
    """
    return _find(path, root, Path.is_dir, "folder")


def find_place(path: Path | str, root: Path, *, of_a_run: bool = True) -> Path:
    """The folder or file that a path means, in the same way. of_a_run: whether a run may have recorded it."""
    return _find(path, root, Path.exists, "folder or file", of_a_run)


def _find(path: Path | str, root: Path, is_there: Callable[[Path], bool], kind: str, of_a_run: bool = True) -> Path:
    given = with_home(Path(path))
    places = list(dict.fromkeys((given.absolute(), root / given)))
    found = next((place for place in places if is_there(place)), None)
    if found is None:
        hint = "" if len(places) == 1 else "The data folder is named by --data or PIXELWISE_DATA."
        what = f"this {kind} does not exist."
        if len(places) > 1:
            what = f"this {kind} does not exist: neither {places[0]} (working folder) nor {places[1]} (data folder)."
        if of_a_run:
            hint = f"{hint} Have a run's data moved? Add --path.".strip()
        raise DataError(what, where=str(path), hint=hint)
    return found


def cache_folder(given: Path | None = None) -> Path:
    """Where decoded pictures, and what was found out about this machine, are kept.

    The variable PIXELWISE_CACHE (set by `--cache`), else `cache` in the data folder, else, where that cannot be written,
    `~/.cache/pixelwise/cache`. `given`: as for `data_root`.
    """
    if chosen := os.environ.get(CACHE):
        return with_home(Path(chosen)).absolute()
    beside, own = data_root(given) / "cache", with_home(Path("~/.cache/pixelwise/cache"))
    return own if not _can_write(beside) and _can_write(own) else beside


def use_cache(folder: Path) -> None:
    """Keep decoded pictures in a folder from now on, in this process and in those that it starts."""
    os.environ[CACHE] = str(with_home(folder).absolute())


def _can_write(folder: Path) -> bool:
    """Whether files can be made in a folder, which need not be there yet."""
    there = next((place for place in (folder, *folder.parents) if os.path.lexists(place)), folder)
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def with_home(path: Path) -> Path:
    """The path with `~` and `~name` replaced by that person's home folder."""
    try:
        return path.expanduser()
    except RuntimeError as error:
        hint = "Name the data folder with --data or PIXELWISE_DATA, without '~'."
        raise DataError("the home folder that '~' means is not known.", where=str(path), hint=hint) from error
