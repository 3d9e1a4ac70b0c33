import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from pixelwise.data.folder import Folder
from pixelwise.imaging.files import write_mask
from pixelwise.imaging.palettes import voc_colours


class Pictures:
    """A folder of small pictures with masks, and ways to spoil it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.classes("ground", "cat", "dog")

    def classes(self, *names: str) -> None:
        (self.path / "classes.txt").write_text("\n".join(names) + "\n")

    def add(self, name: str, *, split: str = "", values=(0, 1, 2), size=(8, 10), seed: int | None = None) -> None:
        place = self.path / split
        image = place / "images" / f"{name}.png"
        image.parent.mkdir(parents=True, exist_ok=True)
        number = seed if seed is not None else sum(map(ord, split + name)) * 7919 + len(name)
        pixels = np.random.default_rng(number).integers(0, 256, (*size, 3)).astype(np.uint8)
        Pillow.fromarray(pixels).save(image)
        self.mask(place / "masks" / f"{name}.png", values, size)

    def mask(self, file: Path, values, size=(8, 10)) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_mask(file, np.resize(np.array(values, np.uint8), size), voc_colours(21))

    def truncate(self, name: str) -> Path:
        file = self.path / name
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        return file

    def open(self, **layout) -> Folder:
        return Folder(self.path, **layout)


@pytest.fixture
def pictures(tmp_path) -> Pictures:
    """Six good pairs, three of them for training by folder."""
    folder = Pictures(tmp_path / "zoo")
    for split, count in (("train", 4), ("val", 2)):
        for index in range(count):
            folder.add(f"p{index}", split=split)
    return folder


def encode_batch(images, labels, names) -> bytes:
    """A batch file as the publisher's are: opcodes of a pickle of protocol 2, written out by hand."""
    planes = np.ascontiguousarray(images.transpose(0, 3, 1, 2)).tobytes()

    def text(word: bytes) -> bytes:
        return b"U" + struct.pack("<B", len(word)) + word

    array = (
        b"cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nK\x00\x85" + text(b"b") + b"\x87R"
        b"(K\x01M" + struct.pack("<H", len(images)) + b"M" + struct.pack("<H", 3072) + b"\x86"
        b"cnumpy\ndtype\n"
        + text(b"u1")
        + b"K\x00K\x01\x87R(K\x03"
        + text(b"|")
        + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89T" + struct.pack("<i", len(planes)) + planes + b"tb"
    )
    pairs = [
        text(b"batch_label") + text(b"a batch for tests"),
        text(b"labels") + b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e",
        text(b"data") + array,
        text(b"filenames") + b"](" + b"".join(text(name.encode()) + b"r\x00\x01\x00\x00" for name in names) + b"e",
    ]
    return b"\x80\x02}q\x01(" + b"".join(pairs) + b"u."


class SmallCifar:
    """Six batch files of `rows` pictures each, labels in turn, with the sums that belong to them."""

    def __init__(self, root: Path, rows: int = 40) -> None:
        from pixelwise.data.published import cifar10

        self.root, self.folder, self.sums = root, root / cifar10.FOLDER, {}
        self.folder.mkdir(parents=True)
        for number, file in enumerate((*cifar10.TRAIN, cifar10.TEST)):
            drawn = np.random.default_rng(number)
            images = drawn.integers(0, 256, (rows, 32, 32, 3)).astype(np.uint8)
            content = encode_batch(images, [row % 10 for row in range(rows)], [f"p{row}.png" for row in range(rows)])
            (self.folder / file).write_bytes(content)
            self.sums[file] = hashlib.md5(content).hexdigest()


@pytest.fixture
def small_cifar(tmp_path, monkeypatch) -> SmallCifar:
    """CIFAR-10 with 200 training and 40 test pictures under `small_cifar.root`, its sums in the place of the real ones."""
    small = SmallCifar(tmp_path / "data")
    monkeypatch.setattr("pixelwise.data.published.cifar10.SUMS", small.sums)
    return small


@pytest.fixture
def encode():
    """`encode(images, labels, names)`: a batch file as bytes."""
    return encode_batch
