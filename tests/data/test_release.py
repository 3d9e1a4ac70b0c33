"""Reading a split and giving its memory back changes nothing that is read."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from pixelwise.data.cache import open_split
from pixelwise.data.scenes import scenes


def resident_files() -> int:
    """KiB of mapped files in this process's memory (Linux)."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssFile"))


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_release_gives_pages_back_and_keeps_every_pixel(tmp_path: Path) -> None:
    dataset = scenes(tmp_path, size=256, test=12)
    split = open_split(dataset, "test", None, folder=tmp_path)
    views = [split[index] for index in range(len(split))]
    split.release()
    empty = resident_files()
    before = [(int(one.image.sum()), int(one.mask.sum())) for one in views]
    full = resident_files()
    split.release()
    assert full - empty > split.images.nbytes / 1024 * 0.9
    assert resident_files() - empty < split.images.nbytes / 1024 * 0.1
    assert before == [(int(one.image.sum()), int(one.mask.sum())) for one in views]
    assert np.array_equal(split[3].image, dataset.read("test", 3).image)
