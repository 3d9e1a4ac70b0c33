"""`pixelwise predict` with a run that colours grey pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from command_line import run_command
from pixelwise.imaging.files import read_image, read_mask
from pixelwise.run.folder import RunFolder


@pytest.mark.parametrize("scale", ["recipe", "own"])
def test_a_coloured_picture_is_its_mask_in_the_colours_of_the_palette(
    tiny_colours: Path, tmp_path: Path, scale: str
) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (44, 60), dtype=np.uint8)
    Pillow.fromarray(grey).save(tmp_path / "grey.png")
    Pillow.fromarray(np.dstack([grey, np.full_like(grey, 255)])).save(tmp_path / "opaque.png")  # LA: grey with alpha
    out = tmp_path / "out"
    assert run_command("predict", tiny_colours, tmp_path, "--out", out, "--scale", scale, "--device", "cpu") == 0
    palette = RunFolder.open(tiny_colours).read("setup")["data"]["colours"]
    indices = read_mask(out / "masks" / "grey.png")
    coloured = read_image(out / "colours" / "grey.png")
    assert indices.shape == (44, 60)
    assert np.array_equal(coloured, np.array(palette, np.uint8)[indices])
    assert np.array_equal(coloured, read_image(out / "colours" / "opaque.png"))
    record = json.loads((out / "records" / "grey.json").read_text())
    assert record["colours"] == "colours/grey.png"
    assert [row["pixels"] for row in record["classes"]] == np.bincount(indices.ravel(), minlength=6).tolist()
