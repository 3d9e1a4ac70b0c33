"""CIFAR-10: 60,000 pictures of 32×32 in ten classes, in the publisher's batch files.

<data folder>/cifar-10-batches-py/{data_batch_1, ..., data_batch_5, test_batch}
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from annotated_types import Ge, Lt
from numpy.typing import NDArray

from pixelwise.data.base import Dataset
from pixelwise.data.splits import draw_splits
from pixelwise.errors import DataError, did_you_mean, shown
from pixelwise.imaging.palettes import distinct_colours
from pixelwise.shelf import declares
from pixelwise.types import DatasetInfo, Sample

FOLDER = "cifar-10-batches-py"
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SUMS = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}  # MD5
*TRAIN, TEST = SUMS
PIXELS = 3 * 32 * 32
HINT = "Only the publisher's own files can be read here, and no other pickle."
SOURCE = (
    "Krizhevsky: Learning Multiple Layers of Features from Tiny Images (2009), "
    "https://www.cs.toronto.edu/~kriz/cifar.html"
)


@dataclass(frozen=True)
class _Place:
    """Where a picture lies, and what it is. label: its class among the chosen ones."""

    name: str
    file: str
    row: int
    label: int


class Cifar10(Dataset):
    """The chosen classes: train and val drawn from the training files, test from the test file.

    Files are read, and their sums checked, when the first picture or name of theirs is asked for.
    """

    def __init__(
        self, folder: Path, *, classes: Sequence[str], count: int | None, validation: float, seed: int
    ) -> None:
        self.folder, self.chosen = folder, tuple(classes)
        self.count, self.validation, self.seed = count, validation, seed
        self._batches: dict[str, PictureBatch] = {}
        self._places: dict[str, tuple[_Place, ...]] = self._draw()
        train = Counter(place.label for place in self._places["train"])
        self.info = DatasetInfo(
            name="cifar10",
            classes=self.chosen,
            colours=distinct_colours(len(self.chosen)),
            knows=frozenset({"label"}),
            source=SOURCE,
            frequencies=tuple(train[label] for label in range(len(self.chosen))),
        )

    def splits(self) -> tuple[str, ...]:
        return ("train", "val", "test") if self.validation else ("train", "test")

    def names(self, split: str) -> tuple[str, ...]:
        return tuple(place.name for place in self._of(split))

    def labels(self, split: str) -> tuple[int, ...]:
        return tuple(place.label for place in self._of(split))

    def sources(self, split: str, index: int) -> tuple[Path, ...]:
        return (self.folder / self._of(split)[index].file,)

    def read(self, split: str, index: int) -> Sample:
        place = self._of(split)[index]
        image = np.ascontiguousarray(self._batch(place.file).images[place.row])
        return Sample(place.name, image, label=place.label)

    def settings(self) -> dict[str, object]:
        return {"classes": self.chosen, "count": self.count, "validation": self.validation, "seed": self.seed}

    def _of(self, split: str) -> tuple[_Place, ...]:
        if split == "test" and split not in self._places:  # its file is not needed before
            self._places[split] = self._read([TEST])
        return self._places[split]

    def _draw(self) -> dict[str, tuple[_Place, ...]]:
        """train and val: the same share of every class is held out, ordered by SHA-256 of seed and name."""
        places = self._read(TRAIN)
        if not self.validation:
            return {"train": self._first(places)}
        shares = {"val": self.validation}
        held = {name for names in self._by_class(places) for name in draw_splits(names, shares, seed=self.seed)["val"]}
        left = tuple(place for place in places if place.name not in held)
        return {"train": self._first(left), "val": tuple(place for place in places if place.name in held)}

    def _by_class(self, places: Sequence[_Place]) -> list[list[str]]:
        return [[place.name for place in places if place.label == label] for label in range(len(self.chosen))]

    def _first(self, places: tuple[_Place, ...]) -> tuple[_Place, ...]:
        """`count` pictures, as many of every class as of any other (the first classes take what is left over)."""
        if self.count is None:
            return places
        kept: set[str] = set()
        for label, names in enumerate(self._by_class(places)):
            wanted = self.count // len(self.chosen) + (label < self.count % len(self.chosen))
            if wanted > len(names) or not wanted:
                what = f"{self.count} training pictures would be {wanted} of class '{self.chosen[label]}'; it has"
                raise DataError(f"{what} {len(names)}, and needs at least 1.", where="cifar10: count")
            order = sorted(names, key=lambda name: hashlib.sha256(f"{self.seed}:{name}".encode()).digest())
            kept.update(order[:wanted])
        return tuple(place for place in places if place.name in kept)

    def _read(self, files: Iterable[str]) -> tuple[_Place, ...]:
        label_of = {CLASSES.index(name): label for label, name in enumerate(self.chosen)}
        places = []
        for file in files:
            batch = self._batch(file)
            for row, (name, label) in enumerate(zip(batch.names, batch.labels.tolist(), strict=True)):
                if label in label_of:
                    places.append(_Place(f"{file}/{name}", file, row, label_of[label]))
        return tuple(places)

    def _batch(self, file: str) -> PictureBatch:
        if file not in self._batches:
            self._batches[file] = _open(self.folder / file, SUMS[file])
        return self._batches[file]


@declares(knows=("label",))
def cifar10(
    root: Path,
    *,
    classes: tuple[str, ...] = CLASSES,
    count: Annotated[int, Ge(1)] | None = None,
    validation: Annotated[float, Ge(0), Lt(1)] = 0.1,
    seed: Annotated[int, Ge(0)] = 0,
) -> Dataset:
    """CIFAR-10, 50,000 training and 10,000 test pictures of 32×32 in ten classes.

    classes:     only these, in this order
    count:       train on that many pictures, equally many of each class; none: on all
    validation:  share of every class's training pictures that becomes the split val; the test split is left alone
    seed:        seed of that draw, independent of the training's seed
    """
    for name in classes:
        if name not in CLASSES:
            what = f"has no class '{name}'; it has {', '.join(CLASSES)}."
            raise DataError(what, where="cifar10: classes", hint=did_you_mean(name, CLASSES))
    if not classes or len(set(classes)) != len(classes):
        raise DataError(f"read {list(classes)}; name one class or more, each once.", where="cifar10: classes")
    return Cifar10(root / FOLDER, classes=classes, count=count, validation=validation, seed=seed)


def _open(file: Path, md5: str) -> PictureBatch:
    """A batch file whose sum is right; that is checked before a byte of it is interpreted."""
    try:
        content = file.read_bytes()
    except FileNotFoundError as error:
        elsewhere = f"if you have it elsewhere, name the folder that holds {FOLDER} with --data or PIXELWISE_DATA."
        hint = f"Run `pixelwise data fetch cifar10` to download it; {elsewhere}"
        raise DataError("is missing.", where=str(file), hint=hint) from error
    except OSError as error:
        raise DataError(f"could not be read: {error.strerror or error}.", where=str(file)) from error
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != md5:
        hint = "It is damaged or another file: fetch it again (`pixelwise data fetch cifar10`)."
        raise DataError(f"has the MD5 sum {found}; the publisher's file has {md5}.", where=str(file), hint=hint)
    return read_batch(content, str(file))


# -- batch files, read without pickle ---------------------------------------------------------------------------------
#
# The publisher's "python version" is a pickle of protocol 2, and unpickling a file runs whatever code the file names. These
# files all have the same four entries in the same form. This reader compares a file with that form, opcode by opcode, takes
# the numbers and texts from it, and refuses everything else. The opcodes are those of PEP 307 and of `Lib/pickletools.py`
# in Python's sources.


@dataclass(frozen=True, eq=False)
class PictureBatch:
    """What one file holds.

    images:  (N, 32, 32, 3) uint8, RGB, a view of planes
    labels:  (N,) int64
    names:   the pictures' file names before they were collected
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    names: tuple[str, ...]


def _form(*opcodes: bytes) -> re.Pattern[bytes]:
    """Opcodes in order. After each there may be a `q` or `r`: it numbers a value for later use, which never comes."""
    return re.compile(b"".join(opcode + rb"(?:q.|r.{4})?" for opcode in opcodes), re.DOTALL)


# U: a text, its length before it.  K M J: a number.  ] ( e: a list.  \x85 \x87 ( t: a tuple.  c R b: a name, its call, a state.
_PROTOCOL, _BEGIN = re.compile(rb"\x80\x02"), _form(rb"}", rb"\(")
_BATCH_LABEL = _form(rb"U\x0bbatch_label")
_LABELS = _form(rb"U\x06labels", rb"\]", rb"(?P<labels>(?:\((?:K.)*+e)*+)")
_DATA = _form(
    *(rb"U\x04data", rb"cnumpy\.core\.multiarray\n_reconstruct\n", rb"cnumpy\nndarray\n", rb"K\x00", rb"\x85"),
    *(rb"U\x01b", rb"\x87", rb"R", rb"\(K\x01M(?P<rows>..)M\x00\x0c", rb"\x86"),
    *(rb"cnumpy\ndtype\n", rb"U\x02u1", rb"K\x00K\x01", rb"\x87", rb"R", rb"\(K\x03U\x01\|"),
    *(rb"NNNJ\xff{4}J\xff{4}K\x00", rb"t", rb"b", rb"\x89T(?P<length>.{4})"),
)
_END_OF_DATA = _form(rb"", rb"t", rb"b")
_NAMES = _form(rb"U\x09filenames", rb"\]")
_TEXT = re.compile(rb"U(.)", re.DOTALL)
_OPEN, _CLOSE, _NOTE, _END = _form(rb"\("), _form(rb"e"), _form(rb""), re.compile(rb"u\.\Z")


def read_batch(content: bytes, where: str) -> PictureBatch:
    """The pictures of a batch file. Raises DataError for any other file.

    content:  the whole file
    where:    its name, for messages
    """
    file = _Cursor(content, where)
    data, labels, names = None, None, None
    file.expect(_PROTOCOL)
    file.expect(_BEGIN)
    while not file.found(_END):
        if file.found(_BATCH_LABEL):
            file.text()
        elif entry := file.found(_LABELS):
            labels = np.frombuffer(b"".join(re.findall(rb"(?s)K(.)", entry["labels"])), np.uint8)
        elif entry := file.found(_DATA):
            data = np.frombuffer(file.take(int.from_bytes(entry["length"], "little")), np.uint8)
            if len(data) != PIXELS * int.from_bytes(entry["rows"], "little"):
                raise file.refusal("has an array of another size than it says")
            file.expect(_END_OF_DATA)
        else:
            file.expect(_NAMES)
            names = file.texts()
    if data is None or labels is None or names is None:
        raise DataError("does not hold data, labels and filenames.", where=where, hint=HINT)
    if not len(data) == PIXELS * len(labels) == PIXELS * len(names):
        what = f"holds {len(data) // PIXELS} pictures, {len(labels)} labels and {len(names)} names"
        raise DataError(what, where=where, hint=HINT)
    images = data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)  # stored plane by plane: red, green, blue
    return PictureBatch(images, labels.astype(np.int64), tuple(name.decode("latin-1") for name in names))


class _Cursor:
    """A place in a file, which moves on over what it finds there."""

    def __init__(self, content: bytes, where: str) -> None:
        self.content, self.where = content, where
        self.place = 0

    def found(self, form: re.Pattern[bytes]) -> re.Match[bytes] | None:
        """The form, where the file continues with it."""
        match = form.match(self.content, self.place)
        self.place = self.place if match is None else match.end()
        return match

    def expect(self, form: re.Pattern[bytes]) -> re.Match[bytes]:
        """The same; raises DataError if the file does not continue with it."""
        if (match := self.found(form)) is not None:
            return match
        if name := re.compile(rb"c(.{1,80})\n(.{1,80})\n").match(self.content, self.place):
            words = b" ".join(name.groups()).decode("latin-1")
            raise self.refusal(f"wants to use {shown(words)}, which reading pictures does not need")
        raise self.refusal("does not have the form of a batch file of CIFAR")

    def take(self, count: int) -> bytes:
        part = self.content[self.place : self.place + count]
        if len(part) < count:
            raise DataError("is cut short.", where=self.where, hint="Fetch it again.")
        self.place += count
        return part

    def text(self) -> bytes:
        text = self.take(self.expect(_TEXT)[1][0])
        self.found(_NOTE)
        return text

    def texts(self) -> list[bytes]:
        """The texts of a list, up to its end."""
        texts: list[bytes] = []
        while self.found(_OPEN):
            while not self.found(_CLOSE):
                texts.append(self.text())
        return texts

    def refusal(self, what: str) -> DataError:
        return DataError(f"{what} (at byte {self.place:,}).", where=self.where, hint=HINT)
