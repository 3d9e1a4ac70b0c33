"""Predictions of a drawn GeoTIFF lie where it does."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from command_line import run_command
from pixelwise.imaging.files import read_mask

tifffile = pytest.importorskip("tifffile")
PLACE: dict[int, tuple[int, Any]] = {  # code → type (TIFF 6: 12 double, 3 short, 2 text), value
    33550: (12, (0.5, 0.5, 0.0)),
    33922: (12, (0.0, 0.0, 0.0, 440720.0, 3751320.0, 0.0)),
    34735: (3, (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32633)),
    34737: (2, "WGS 84 / UTM zone 33N|"),
}


def draw(file: Path, place: dict[int, tuple[int, Any]], orientation: int = 1) -> Path:
    values = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    tags = [(code, kind, len(value), value, True) for code, (kind, value) in place.items()]
    tags += [(274, 3, 1, orientation, True)] if orientation != 1 else []
    tifffile.imwrite(file, values, photometric="rgb", extratags=tags, metadata=None)
    return file


@pytest.mark.parametrize("code", [None, 34264])
def test_the_mask_has_the_tags_of_the_picture(tiny_run: Path, tmp_path: Path, code: int | None) -> None:
    place = PLACE
    if code is not None:  # a rotated raster has a matrix in place of scale and tie point
        matrix = (0.5, 0.1, 0.0, 440720.0, 0.1, -0.5, 0.0, 3751320.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)
        place = {code: (12, matrix), 34735: PLACE[34735]}
    file, out = draw(tmp_path / "field.tif", place), tmp_path / "out"
    assert run_command("predict", tiny_run, file, "--out", out, "--device", "cpu") == 0
    with tifffile.TiffFile(out / "masks/field.tif") as mask:
        page = mask.pages[0]
        assert {tag: page.tags[tag].value for tag in place} == {tag: value for tag, (_, value) in place.items()}
        assert np.array_equal(page.asarray(), read_mask(out / "masks/field.png"))
    assert np.array_equal(read_mask(out / "masks/field.tif"), read_mask(out / "masks/field.png"))
    assert run_command("predict", tiny_run, file, "--out", out, "--device", "cpu") == 2  # it is in the way
    assert run_command("predict", tiny_run, file, "--out", out, "--device", "cpu", "--overwrite") == 0


def test_a_turned_picture_has_no_georeference_and_it_says_so(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw(tmp_path / "in.tif", PLACE, orientation=6)
    draw(tmp_path / "plain.tif", {})
    out = tmp_path / "out"
    assert run_command("predict", tiny_run, tmp_path / "in.tif", tmp_path / "plain.tif", "--out", out) == 0
    assert not (out / "masks/in.tif").exists()
    assert not (out / "masks/plain.tif").exists()
    assert "no georeference in masks, the orientation in the file turns the picture: in.tif" in capsys.readouterr().out
