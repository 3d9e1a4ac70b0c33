from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from pixelwise.data.folder import Folder, Layout, open_folder
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
        return open_folder(self.path, Layout(**layout))


@pytest.fixture
def pictures(tmp_path) -> Pictures:
    """Six good pairs, three of them for training by folder."""
    folder = Pictures(tmp_path / "zoo")
    for split, count in (("train", 4), ("val", 2)):
        for index in range(count):
            folder.add(f"p{index}", split=split)
    return folder
