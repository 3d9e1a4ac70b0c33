"""Building one entry of the cache: rows are appended to files in their own folder, which is then renamed.

Objects have a row each; the run lengths of all masks are one array:
objects.npy (M,) ROW    runs.npy (R,) uint32    object_ends.npy (N, 2) int64: where each sample ends in the other two
Pictures of different sizes, which only data sets with objects may have, are one array of pixels, one after another:
images.npy (P, C) uint8    masks.npy (P,)    sizes.npy (N, 2) int64: height and width of each
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zlib
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pixelwise.data.pairing.values import advise
from pixelwise.errors import DataError, listing
from pixelwise.imaging.draw import number_objects
from pixelwise.imaging.resize import resize_image, resize_mask, resize_object
from pixelwise.rle import RLE
from pixelwise.run.atomic import sync_folder
from pixelwise.run.lock import unfinished_folder
from pixelwise.types import DatasetInfo, IndexMap, Object, Sample

ROW = np.dtype([("label", "<i8"), ("box", "<f8", 4), ("score", "<f8"), ("crowd", "?"), ("runs", "<i8")])
BLOCK = 4 * 2**20  # bytes of an array that have their own checksum
OTHER_SIZE = "the pictures before it"
RAGGED = ("objects", "runs")  # arrays with any number of rows for a sample


class SizesDiffer(DataError):
    """A picture of another size than those before it, although no common size was asked for."""


def check_sample(sample: Sample, info: DatasetInfo) -> None:
    """Raise DataError if a sample lacks what its data set promises, or has values outside the classes."""
    for what, known in (("mask", sample.mask), ("objects", sample.objects), ("label", sample.label)):
        if what in info.knows and known is None:
            raise DataError(f"has no {what}, which every sample of '{info.name}' should have", where=sample.name)
    if (channels := sample.image.shape[2]) != info.channels:
        what = f"has {channels} channels; those of '{info.name}' have {info.channels}."
        raise DataError(what, where=sample.name, hint="Is it a file of another kind? The option channels chooses some.")
    classes = len(info.classes)
    if sample.label is not None and not 0 <= sample.label < classes:
        raise DataError(f"has the label {sample.label}; labels must be 0 to {classes - 1}", where=sample.name)
    if (largest := max((one.label for one in sample.objects or ()), default=0)) >= classes:
        raise DataError(f"has an object of class {largest}; classes must be 0 to {classes - 1}", where=sample.name)
    if sample.mask is None or int(sample.mask.max()) < classes:  # the common case costs one pass
        return
    if strange := [int(value) for value in np.unique(sample.mask) if value >= classes and value != info.void]:
        void = f", and {info.void} for void" if info.void is not None else ""
        plural = "value" if len(strange) == 1 else "values"
        what = f"its mask has the {plural} {listing(map(str, strange))}; allowed: 0 to {classes - 1}{void}."
        raise DataError(what, where=sample.name, hint=_advice(sample.mask, info))


def _advice(mask: IndexMap, info: DatasetInfo) -> str:
    """What to do about the values of one mask; a mask without an object does not show what they mean."""
    values = np.unique(mask).tolist()
    if any(0 < value < len(info.classes) for value in values):
        return advise(values, info.classes, info.void)
    return "`pixelwise data check` looks at all masks, and says what fits."


class Builder:
    """Appends samples to the arrays of a new entry and renames it into place.

    Rows are written, not mapped: a full disk is then an error that can be reported, where a mapped file would end the
    process by a signal. The folder is removed on the way out unless it was published, also those of dead processes.
    """

    def __init__(self, group: Path, info: DatasetInfo, split: str) -> None:
        self.group, self.info, self.split = group, info, split
        self.names: list[str] = []
        self.size: tuple[int, int] | None = None  # of the first one; of pictures of different sizes the largest sides
        self.ragged = False  # whether their sizes differ
        self.sizes = Counter[tuple[int, int]]()  # of all pictures, also of those that are refused for it
        self._own_sizes: set[tuple[int, int]] = set()
        self._columns: dict[str, _Column] = {}
        self._ends = np.zeros(2, np.int64)  # of objects and runs so far
        self._index_maps = hashlib.sha256()
        self._objects_say_more = False
        self._mask_type = np.uint8 if max(len(info.classes) - 1, info.void or 0) < 256 else np.uint16
        self._unfinished = unfinished_folder(group)

    def __enter__(self) -> Self:
        try:
            self._folder = self._unfinished.__enter__()
        except OSError as error:
            raise self._unwritable(error) from error
        return self

    def __exit__(self, *error: object) -> None:
        for column in self._columns.values():
            with suppress(OSError):
                column.file.close()
        self._unfinished.__exit__(None, None, None)

    def rows(self, sample: Sample, size: tuple[int, int] | None) -> dict[str, NDArray[Any]]:
        """The arrays of one sample, resized to `size`; with None at its own size, which only with objects may be another."""
        self.sizes[sample.size] += 1
        keeps, knows = size is None and "objects" in self.info.knows, self.info.knows
        if keeps and self.size is not None and sample.size != self.size:
            self.ragged = True
            self.size = (max(self.size[0], sample.size[0]), max(self.size[1], sample.size[1]))
        elif size is None and self.size is not None and sample.size != self.size:
            own, first = (f"{width}×{height}" for height, width in (sample.size, self.size))
            what = f"is {own}, {OTHER_SIZE} {first} (width × height)."
            hint = "Pictures of different sizes need data.size to be resized to."
            raise SizesDiffer(what, where=sample.name, hint=hint)
        size = size or sample.size
        self._own_sizes.add(sample.size)
        rows: dict[str, NDArray[Any]] = {"images": resize_image(sample.image, size)}
        if keeps:
            rows["sizes"] = np.array(size, np.int64)
        if "mask" in knows and sample.mask is not None:
            rows["masks"] = resize_mask(sample.mask, size).astype(self._mask_type)
        if "objects" in knows and sample.objects is not None:
            rows |= self._pack(sample, size, rows.get("masks"))
        if "label" in knows and sample.label is not None:
            rows["labels"] = np.array(sample.label, dtype=np.int64)
        return rows

    @property
    def aspect(self) -> str:
        """What became of the pictures' shapes: `own size`, `kept` (within a pixel), or `changed` by resizing."""
        height, width = self.size or (0, 0)
        if self.ragged or self._own_sizes <= {(height, width)}:
            return "own size"
        return "kept" if all(abs(h * width - w * height) <= max(h, w) for h, w in self._own_sizes) else "changed"

    def _pack(self, sample: Sample, size: tuple[int, int], mask: IndexMap | None) -> dict[str, NDArray[Any]]:
        """The arrays of the sample's objects; the index map goes into the key, as it did before objects were kept."""
        objects = [resize_object(one, sample.size, size) for one in sample.objects or ()]
        plane = number_objects(objects, size)
        self._index_maps.update(plane.tobytes())
        self._objects_say_more |= not says_all(plane, mask, self.info.void, objects)
        packed = pack(objects)
        self._ends += len(packed["objects"]), len(packed["runs"])
        return {**packed, "object_ends": self._ends.copy()}

    def append(self, name: str, rows: dict[str, NDArray[Any]], *, expected: int) -> None:
        """Write one sample; the first tells how much `expected` samples will need, and whether there is room."""
        try:
            if not self.names:
                self._begin(rows, expected)
            for column, row in rows.items():
                self._columns[column].append(row)
        except OSError as error:
            raise self._unwritable(error) from error
        self.names.append(name)

    def arrays(self) -> dict[str, str]:
        """Name → dtype of the arrays."""
        return {name: str(column.dtype) for name, column in self._used()}

    def checksums(self) -> dict[str, list[int]]:
        """Name → checksums of the array's blocks."""
        return {name: column.checksums for name, column in self._used()}

    def _used(self) -> list[tuple[str, _Column]]:
        """The columns by name; sizes only where they differ."""
        return [(name, column) for name, column in self._columns.items() if name != "sizes" or self.ragged]

    def content(self) -> list[Any]:
        """What the key is made of: name → dtype, and one digest an array.

        Objects count as their index map. If they contain more than it, e.g. because they overlap, their own arrays count too.
        """
        arrays, digests = self.arrays(), {name: column.digest for name, column in self._used()}
        if "objects" in arrays:
            own = {name: arrays.pop(name) for name in (*RAGGED, "object_ends")}
            arrays |= {"instances": "uint16"} | (own if self._objects_say_more else {})
            digests["instances"] = self._index_maps
        order = [
            name
            for name in ("images", "sizes", "masks", "instances", "labels", *RAGGED, "object_ends")
            if name in arrays
        ]
        return [arrays, [digests[name].hexdigest() for name in order]]

    def publish(self, entry: Path, about: dict[str, Any]) -> Path:
        """Flush everything and rename the folder to `entry`. Where another process was first, its entry is kept."""
        try:
            for name, column in self._columns.items():
                column.finish(self.ragged and name in ("images", "masks"))
            if not self.ragged:
                (self._folder / "sizes.npy").unlink(missing_ok=True)
            with open(self._folder / "about.json", "w", encoding="utf-8", errors="backslashreplace") as file:
                json.dump(about, file, ensure_ascii=False)  # half a character is then its escape in JSON
                file.flush()
                os.fsync(file.fileno())
            sync_folder(self._folder)
            try:
                os.rename(self._folder, entry)
            except OSError:
                if not (entry / "about.json").is_file():
                    raise
            sync_folder(self.group)
        except OSError as error:
            raise self._unwritable(error) from error
        return entry

    def _begin(self, rows: dict[str, NDArray[Any]], expected: int) -> None:
        needed = expected * sum(row.nbytes for row in rows.values())
        if (free := shutil.disk_usage(self.group).free) < needed:
            raise OSError(f"{needed / 2**20:,.0f} MiB are needed and {free / 2**20:,.0f} MiB are free")
        self.size = (rows["images"].shape[0], rows["images"].shape[1])
        for name, row in rows.items():
            self._columns[name] = _Column(self._folder / f"{name}.npy", row.shape, row.dtype, name in RAGGED)

    def _unwritable(self, error: OSError) -> DataError:
        what = f"the cache of '{self.info.name}' could not be written here: {error.strerror or error}."
        hint = "Make room, or choose another folder for the cache with --cache (or PIXELWISE_CACHE)."
        hint += " No incomplete files were left."
        return DataError(what, where=str(self.group), hint=hint)


class _Column:
    """One .npy file that grows by a row (ragged: any number of rows) a sample; its length is written at the end."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: DTypeLike, ragged: bool) -> None:
        self.file: BinaryIO = open(path, "wb")  # noqa: SIM115 - closed by finish, or by the builder
        self.shape, self.dtype, self.ragged = shape[1:] if ragged else shape, np.dtype(dtype), ragged
        self.count = 0
        self.digest = hashlib.sha256()
        self._sums, self._sum, self._summed, self._bytes = list[int](), 0, 0, 0
        self._write_header()

    @property
    def checksums(self) -> list[int]:
        """CRC-32 of every `BLOCK` bytes."""
        return [*self._sums, self._sum] if self._summed else self._sums

    def append(self, row: NDArray[Any]) -> None:
        content = np.ascontiguousarray(row).tobytes()
        self.file.write(content)
        self.digest.update(content)
        self._bytes += len(content)
        rest = memoryview(content)
        while rest:
            part, rest = rest[: BLOCK - self._summed], rest[BLOCK - self._summed :]
            self._sum, self._summed = zlib.crc32(part, self._sum), self._summed + len(part)
            if self._summed == BLOCK:
                self._sums, self._sum, self._summed = [*self._sums, self._sum], 0, 0
        self.count += len(row) if self.ragged else 1

    def finish(self, as_pixels: bool = False) -> None:
        """Write the length; `as_pixels`: pictures (H, W, ...) of any size become one row of pixels (P, ...)."""
        if as_pixels:
            self.shape = self.shape[2:]
            self.count = self._bytes // (self.dtype.itemsize * (self.shape[0] if self.shape else 1))
        self.file.seek(0)
        self._write_header()  # of the same length: NumPy leaves room for the first axis to grow to 21 digits
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()

    def _write_header(self) -> None:
        descr, shape = np.lib.format.dtype_to_descr(self.dtype), (self.count, *self.shape)
        np.lib.format.write_array_header_1_0(self.file, {"descr": descr, "fortran_order": False, "shape": shape})


def pack(objects: Sequence[Object]) -> dict[str, NDArray[Any]]:
    """The rows and runs of one sample; an object whose mask has no pixel is left out."""
    kept = [one for one in objects if one.mask is None or one.mask.area]
    runs = [np.zeros(0, np.uint32) if one.mask is None else one.mask.counts for one in kept]
    rows = [(one.label, one.box, one.score, one.crowd, len(own)) for one, own in zip(kept, runs, strict=True)]
    return {"objects": np.array(rows, ROW), "runs": np.concatenate([np.zeros(0, np.uint32), *runs])}


def unpack(rows: NDArray[Any], runs: NDArray[np.uint32], size: tuple[int, int]) -> list[Object]:
    """The objects that `pack` was given, of a picture of `size` (H, W)."""
    ends = np.cumsum(rows["runs"]).tolist()
    return [
        Object(label, RLE(size, runs[end - count : end]) if count else None, tuple(box), score, crowd)
        for (label, box, score, crowd, count), end in zip(rows.tolist(), ends, strict=True)
    ]


def says_all(plane: NDArray[np.uint16], mask: IndexMap | None, void: int | None, objects: Sequence[Object]) -> bool:
    """Whether the index map, with the class of each pixel, says as much as the objects do."""
    for number, one in enumerate(objects, start=1):
        if one.mask is None or one.crowd or one.score != 1 or mask is None:
            return False
        own = plane == number
        if int(own.sum()) != one.mask.area or not np.isin(mask[own], [one.label, -1 if void is None else void]).all():
            return False
    return True
