"""A split, decoded and resized once, kept on the disk as plain arrays that are mapped into memory.

    <folder>/<data set>/<split>-<size>-<settings>/<fingerprint>/
        images.npy (N, H, W, C) uint8    masks.npy (N, H, W)    labels.npy (N,)    objects (building.py)   about.json

The fingerprint is made of the settings and of path, size and time of change of every source file. So no picture is decoded
to check whether a cache is current. The key, which runs record, is made of the pixels themselves. It is the same on every
machine that has the same data. An entry is built under another name and renamed into place, so it is never incomplete.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import re
import shutil
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pixelwise.data.base import Dataset
from pixelwise.data.cache.building import BLOCK, OTHER_SIZE, RAGGED, Builder, SizesDiffer, check_sample, unpack
from pixelwise.deferred import Deferred
from pixelwise.errors import DataError, Problem, RunError
from pixelwise.imaging.files import MAX_PIXELS, pixel_limit
from pixelwise.imaging.fit import extremes, proposal
from pixelwise.imaging.resize import resize_image
from pixelwise.run.lock import remove_abandoned
from pixelwise.run.records.json_text import read_json
from pixelwise.run.records.plain import is_plain_file, open_plain, plain_folder
from pixelwise.types import DatasetInfo, Object, Sample

FORMAT = 1  # raised when what a cache holds changes its meaning
OBJECTS = (*RAGGED, "object_ends")
SHOWN = 20  # faults that are listed one by one; `pixelwise data check` lists them all
Progress = Callable[[int, int], None]


class CachedSplit:
    """The samples of a split as read-only arrays; `split[i]` is a Sample of views, nothing is copied.

    names:      of the samples that are there, in order
    skipped:    the samples left out (`on_corrupt="skip"`), with the reason
    size:       (H, W) of every picture; of pictures of different sizes the largest height and width
    ragged:     whether the pictures have different sizes; images and masks are then `Ragged`
    aspect:     what resizing did to their shapes: `own size`, `kept` or `changed`; empty in a cache of version 0.1
    key:        SHA-256 of the pixels, labels, names and classes
    images:     (N, H, W, C) uint8
    masks:      (N, H, W) uint8 or uint16, or None; so is labels (N,) int64
    """

    def __init__(self, entry: Path, info: DatasetInfo, about: Mapping[str, Any]) -> None:
        self.entry = entry
        self.info = info
        self.split: str = about["split"]
        self.names: tuple[str, ...] = tuple(about["names"])
        self.skipped: tuple[Problem, ...] = tuple(Problem(*problem) for problem in about["skipped"])
        self.size: tuple[int, int] = (about["size"][0], about["size"][1])
        self.aspect: str = about.get("aspect", "")
        self.key: str = about["key"]
        self._about = dict(about)
        files = {name: entry / f"{name}.npy" for name in about["arrays"]}
        if not all(map(is_plain_file, files.values())):
            raise FileNotFoundError("an array of the cache is missing")
        arrays = {name: np.load(file, mmap_mode="r", allow_pickle=False) for name, file in files.items()}
        # plain views: indexing a memmap costs several times as much
        arrays = {name: np.asarray(array) for name, array in arrays.items()}
        self._mapped, self.ragged = tuple(arrays.values()), "sizes" in arrays
        if self.ragged:
            for name in ("images", "masks"):
                if name in arrays:
                    arrays[name] = Ragged(arrays[name], arrays["sizes"])
        self.images, self.masks, self.labels = arrays["images"], arrays.get("masks"), arrays.get("labels")
        self._objects = {name: arrays[name] for name in OBJECTS if name in arrays}
        counted = (self.images, self.masks, self.labels, self._objects.get("object_ends"))
        if any(len(array) != len(self.names) for array in counted if array is not None):
            raise ValueError("the arrays of the cache do not have one entry per name")
        if (not self.ragged and self.images.shape[1:] != (*self.size, info.channels)) or any(
            str(arrays[n].dtype) != t for n, t in about["arrays"].items()
        ):
            raise ValueError("the arrays of the cache are not of the sizes and types on record")

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        return Sample(
            self.names[index],
            self.images[index],
            None if self.masks is None else self.masks[index],
            Deferred(lambda: self.objects(index)) if self._objects else None,
            None if self.labels is None else int(self.labels[index]),
        )

    def objects(self, index: int) -> list[Object]:
        """The objects of a sample. Raises KeyError if the data set has none."""
        rows, runs, ends = (self._objects[name] for name in OBJECTS)
        (row, run), (last_row, last_run) = (ends[index - 1] if index else (0, 0)), ends[index]
        return unpack(rows[row:last_row], runs[run:last_run], self.images[index].shape[:2])

    def damaged(self) -> tuple[str, ...]:
        """The files of the entry whose bytes are no longer those that were written; all where it has no checksums."""
        known = self._about.get("checksums") or {}
        return tuple(
            f"{name}.npy" for name in self._about["arrays"] if not _is_sound(self.entry, name, known.get(name))
        )

    def release(self) -> None:
        """Give back the memory of what was read so far. The pages stay in the kernel's cache, but no longer in this process.

        Otherwise a pass over a large split would end with all of it in the process's memory.
        """
        advice = getattr(mmap, "MADV_DONTNEED", None)  # Windows has none
        for array in self._mapped:
            if (mapping := _mapping(array)) is not None and advice is not None:
                mapping.madvise(advice)

    def __reduce__(self) -> tuple[Any, ...]:  # to another process goes the path, not the pixels
        return (CachedSplit, (self.entry, self.info, self._about))


class Ragged(Sequence[NDArray[Any]]):
    """Pictures or masks of different sizes in one array of pixels; each is a view of it.

    pixels:  (P, ...) all of them, one after another
    sizes:   (N, 2) int64, height and width of each
    """

    def __init__(self, pixels: NDArray[Any], sizes: NDArray[np.int64]) -> None:
        self.pixels, self.sizes, self.dtype = pixels, sizes, pixels.dtype
        self.ends = np.cumsum(sizes.reshape(-1, 2).prod(axis=1))
        if sizes.ndim != 2 or (sizes < 1).any() or int(self.ends[-1]) != len(pixels):
            raise ValueError("the sizes of the pictures do not add up to their pixels")

    def __getitem__(self, index: Any) -> Any:
        end, (height, width) = int(self.ends[index]), self.sizes[index].tolist()
        return self.pixels[end - height * width : end].reshape(height, width, *self.pixels.shape[1:])

    def __len__(self) -> int:
        return len(self.sizes)


@dataclass(frozen=True)
class ReadSplit:
    """The pictures of a split at `size` (H, W), each read and resized when it is asked for; without masks.

    Use it for a single pass, for which a cache would not pay.
    """

    dataset: Dataset
    split: str
    size: tuple[int, int]

    def __post_init__(self) -> None:
        self.dataset.check_split(self.split)

    def __len__(self) -> int:
        return len(self.dataset.names(self.split))

    def __getitem__(self, index: int) -> Sample:
        sample = self.dataset.read(self.split, index)
        return replace(sample, image=resize_image(sample.image, self.size), mask=None, objects=None)


def open_split(
    dataset: Dataset, split: str, size: tuple[int, int] | None, *, folder: Path, also: Path | None = None,
    on_corrupt: Literal["fail", "skip"] = "fail", progress: Progress | None = None, verify: bool = False,
) -> CachedSplit:  # fmt: skip
    """The split at `size` (height, width) from the cache under `folder`, which is built first if necessary.

    Pictures are resized bilinearly with antialias, masks by nearest neighbour. With `size` None nothing is resized: all
    pictures must then have one size, unless the data set knows objects, whose pictures are kept at their own sizes. A cache
    that is complete under the folder `also` is used, too; nothing is built there.
    `progress(done, total)` is called while the cache is built, and never otherwise.

    Raises DataError with every fault of the split at once: files that are missing or damaged, masks with values outside
    the classes or of another size than their picture. With `on_corrupt="skip"` such samples are left out and listed
    in `.skipped`; a split without any good sample is still refused. With `verify` every byte is read and compared with
    its checksum, and a damaged entry is built again.
    """
    dataset.check_split(split)
    settings, fingerprint = _fingerprint(dataset, split, size, on_corrupt)
    named = Path(
        plain_name(dataset.info.name),
        f"{plain_name(split)}-{'x'.join(map(str, size)) if size else 'own'}-{settings[:12]}",
    )
    group = folder / named
    remove_abandoned(group)
    for place in dict.fromkeys((folder, also or folder)):
        entry = place / named / fingerprint[:24]
        if (found := _open_entry(entry, dataset.info)) is not None:
            if not (verify and found.damaged()):
                return found
            shutil.rmtree(entry, ignore_errors=True)
    entry = group / fingerprint[:24]
    with Builder(group, dataset.info, split) as builder:
        faults = _fill(builder, dataset, split, size, progress)
        if faults and on_corrupt == "fail":
            faults = _sizes_as_one(faults, builder, dataset.info.name, split)
        if faults and (on_corrupt == "fail" or not builder.names):
            rest = f"and {len(faults) - SHOWN} more faults in the split '{split}'."
            more = [Problem("", rest, "`pixelwise data check` lists them all.")] if len(faults) > SHOWN else []
            raise DataError.all(faults[:SHOWN] + more)
        built = builder.publish(entry, _about(builder, dataset.info, split, faults))
    if (found := _open_entry(built, dataset.info)) is None:
        raise DataError("was built, but it is already damaged or missing.", where=str(built), hint="Check the disk.")
    for other in group.iterdir():
        if other != entry and not other.name.startswith("."):
            shutil.rmtree(other, ignore_errors=True)  # of earlier sources; processes that map them keep their pages
    return found


def _fingerprint(dataset: Dataset, split: str, size: tuple[int, int] | None, on_corrupt: str) -> tuple[str, str]:
    """(settings, fingerprint): what was asked for, and that together with the state of every source file."""
    info = dataset.info
    names = dataset.names(split)
    files = [dataset.sources(split, index) for index in range(len(names))]
    sources = [list(map(str, some)) for some in files]
    states = {file: _state(file) for file in dict.fromkeys(chain.from_iterable(files))}
    asked = [FORMAT, info.name, info.classes, info.void, dataset.settings(), split, size, on_corrupt]
    asked += (
        [pixel_limit()] if on_corrupt == "skip" and pixel_limit() != MAX_PIXELS else []
    )  # it decides what is skipped
    asked.append(str(next(iter(states)).parent) if states else "")
    asked += [["without", *excluded]] if (excluded := dataset.excluded(split)) else []
    asked += ["objects as run lengths"] if "objects" in info.knows else []  # version 0.1 kept them as index maps
    settings = _digest(asked)
    return settings, _digest([settings, names, sources, [[str(file), *state] for file, state in states.items()]])


def plain_name(name: str) -> str:
    """A name as that of one folder, so that no name of a data set or split leads out of the cache."""
    safe = re.sub(r"[/\\\0]", "_", name)
    return safe if safe.strip(".") else f"_{safe}"


def digest_of_settings(dataset: Dataset) -> str:
    """A digest of the options of a data set that decide what is read."""
    return _digest([dataset.info.name, dataset.info.classes, dataset.info.void, dataset.settings()])


def digest_of_sources(dataset: Dataset, split: str) -> str:
    """Names and files of a split, with the size and the time of change of every file."""
    names = dataset.names(split)
    files = [dataset.sources(split, index) for index in range(len(names))]
    states = {file: _state(file) for file in dict.fromkeys(chain.from_iterable(files))}
    return _digest([names, [[str(file), *state] for file, state in states.items()]])


def _state(file: Path) -> list[object]:
    try:
        status = os.stat(file)
    except OSError:
        return ["missing"]  # reading it will say so with its name
    return [status.st_size, status.st_mtime_ns]


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, default=str, sort_keys=True).encode()).hexdigest()


def _fill(
    builder: Builder, dataset: Dataset, split: str, size: tuple[int, int] | None, progress: Progress | None
) -> list[Problem]:
    names = dataset.names(split)
    faults: list[Problem] = []
    for index, name in enumerate(names):
        try:
            sample = dataset.read(split, index)
            check_sample(sample, dataset.info)
            rows = builder.rows(sample, size)
        except SizesDiffer as error:
            image = str((*dataset.sources(split, index), name)[0])
            faults.extend(replace(problem, where=image) for problem in error.problems)
        except DataError as error:
            files = dataset.sources(split, index)
            place = str(files[-1]) if files else name  # a fault of the sample as a whole shows in its mask
            faults.extend(Problem(place if p.where in ("", name) else p.where, p.what, p.hint) for p in error.problems)
        else:
            builder.append(name, rows, expected=len(names))
        if progress is not None:
            progress(index + 1, len(names))
    return faults


def _sizes_as_one(faults: list[Problem], builder: Builder, name: str, split: str) -> list[Problem]:
    """The faults, with one in place of those of pictures that have different sizes."""
    rest = [fault for fault in faults if OTHER_SIZE not in fault.what]
    if len(rest) == len(faults):
        return faults
    what = f"the pictures of '{split}' have {len(builder.sizes):,} sizes, {extremes(builder.sizes)} (width × height)."
    return [Problem(name, what, proposal(builder.sizes)), *rest]


def _about(builder: Builder, info: DatasetInfo, split: str, faults: list[Problem]) -> dict[str, Any]:
    content = [FORMAT, info.classes, info.void, builder.names, builder.size, *builder.content()]
    skipped = [[fault.where, fault.what, fault.hint] for fault in faults]
    about = {"format": FORMAT, "split": split, "size": builder.size, "aspect": builder.aspect, "key": _digest(content)}
    arrays = {"arrays": builder.arrays(), "checksums": builder.checksums()}
    return {**about, **arrays, "names": builder.names, "skipped": skipped}


def _is_sound(entry: Path, name: str, checksums: Sequence[int] | None) -> bool:
    """Whether an array's file contains the bytes that were written."""
    with open_plain(entry / f"{name}.npy") as file:
        np.lib.format.read_magic(file)
        np.lib.format.read_array_header_1_0(file)
        return [zlib.crc32(block) for block in iter(lambda: file.read(BLOCK), b"")] == checksums


def _open_entry(entry: Path, info: DatasetInfo) -> CachedSplit | None:
    """The entry, or None if the cache does not have it. A damaged one (cut short by a full disk) is removed."""
    from pixelwise.run.records.array_schema import CacheEntry
    from pixelwise.run.records.values import check_record

    plain_folder(entry)
    try:
        if not is_plain_file(entry / "about.json"):
            raise FileNotFoundError
        return CachedSplit(entry, info, check_record(read_json(entry / "about.json"), CacheEntry, "cache"))
    except (RunError, FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError, EOFError):
        shutil.rmtree(entry, ignore_errors=True)
        return None
    except OSError as error:
        raise DataError(f"could not be read: {error.strerror or error}.", where=str(entry)) from error


def damaged_entries(folder: Path, info: DatasetInfo) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """The entries of a data set in the cache under `folder` that are damaged, with the files that are."""
    for file in sorted((folder / plain_name(info.name)).glob("*/*/about.json")):
        with suppress(RunError, OSError, ValueError, KeyError, TypeError):  # it is built again when it is opened
            about = read_json(file)
            if about["checksums"] and (damaged := CachedSplit(file.parent, info, about).damaged()):
                yield file.parent, damaged


def _mapping(array: Any) -> mmap.mmap | None:
    """The memory map of the file that an array is a view of; None if it is a view of another memory."""
    while array is not None and not isinstance(array, mmap.mmap):
        array = getattr(array, "base", None)
    return array
