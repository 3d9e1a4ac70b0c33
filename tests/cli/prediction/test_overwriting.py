"""`pixelwise predict` and files that are there already, that cannot be written, and Ctrl-C between two of them."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from pixelwise.cli import app


def run_command(*words: object) -> int:
    """The exit code of `pixelwise WORDS`."""
    with pytest.raises(SystemExit) as end:
        app([str(word) for word in words])
    return int(end.value.code or 0)


def draw(path: Path, side: int = 16) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(np.random.default_rng(side).integers(0, 256, (side, side, 3), dtype=np.uint8)).save(path)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_masks_of_a_data_set_are_not_overwritten(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pets = tmp_path / "pets"
    draw(pets / "images/a.png")
    draw(pets / "masks/a.png")
    before = contents(pets)
    for pictures in (pets / "images", draw(tmp_path / "elsewhere/a.png")):
        assert run_command("predict", tiny_run, pictures, "--out", pets, "--overwrite") == 2
        assert "1 of the files to replace have no record of `pixelwise predict`" in capsys.readouterr().err
        assert contents(pets) == before


def test_earlier_predictions_are_overwritten(tiny_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    draw(tmp_path / "a.png", 16)
    assert run_command("predict", tiny_run, tmp_path / "a.png", "--out", out) == 0
    draw(tmp_path / "a.png", 24)
    assert run_command("predict", tiny_run, tmp_path / "a.png", "--out", out) == 2
    assert run_command("predict", tiny_run, tmp_path / "a.png", "--out", out, "--overwrite") == 0
    assert json.loads((out / "records/a.json").read_text())["size"] == {"height": 24, "width": 24}


def test_a_picture_that_is_read_is_not_overwritten(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run_command("predict", tiny_run, draw(tmp_path / "a.png"), "--out", out) == 0
    before = contents(out)
    for given in ("masks/a.png", "legend.png"):
        assert run_command("predict", tiny_run, out / given, "--out", out, "--overwrite") == 2
        assert "are pictures or masks that are read" in capsys.readouterr().err
        assert contents(out) == before


def test_the_masks_that_the_run_was_trained_on_are_not_overwritten(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They may be predictions themselves, with records."""
    pets = tmp_path / "pets"
    for name in ("a", "b"):
        draw(pets / f"images/{name}.png")
    assert run_command("predict", tiny_run, pets / "images", "--out", pets) == 0
    (pets / "classes.txt").write_text("\n".join(f"class {number}" for number in range(7)))
    run = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    recipe = (run / "recipe.yaml").read_text()
    head, _, rest = recipe.partition("  dataset:\n")
    kept = rest[rest.index("\n  train:") :]
    (run / "recipe.yaml").write_text(f"{head}  dataset:\n    name: folder\n    path: {pets}\n    val: 0.5{kept}")
    capsys.readouterr()
    assert run_command("predict", run, pets / "images", "--out", pets, "--overwrite") == 2
    assert "2 of the files to replace are pictures or masks that are read" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="Windows has other limits")
def test_a_name_that_is_too_long_stops_that_picture_only(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "pictures", tmp_path / "out"
    fits, long = "m" * 240, "n" * 251  # n….png is a name, n….json is one letter too long
    for name in ("a", fits, long, "z"):
        draw(folder / f"{name}.png")
    assert run_command("predict", tiny_run, folder, "--out", out) == 1
    told = capsys.readouterr().err
    assert "1 could not be read or written:" in told
    assert f"records/{long}.json: could not be written: File name too long." in told
    assert "disk" not in told
    for kind in ("masks", "overlays", "records"):
        assert sorted(path.stem for path in (out / kind).iterdir()) == ["a", fits, "z"], kind


def test_a_folder_in_the_place_of_a_mask_stops_that_picture_only(tiny_run: Path, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        draw(tmp_path / f"pictures/{name}.png")
    out = tmp_path / "out"
    assert run_command("predict", tiny_run, tmp_path / "pictures", "--out", out) == 0
    (out / "overlays/b.png").unlink()
    (out / "overlays/b.png").mkdir()
    assert run_command("predict", tiny_run, tmp_path / "pictures", "--out", out, "--overwrite") == 1
    assert sorted(path.stem for path in (out / "masks").iterdir()) == ["a", "c"], "no mask without its record"
    assert sorted(path.stem for path in (out / "records").iterdir()) == ["a", "c"]


def test_a_full_disk_stops_everything_and_leaves_no_half_picture(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b", "c"):
        draw(tmp_path / f"pictures/{name}.png")
    replace, out = os.replace, tmp_path / "out"

    def full(source: Path, target: Path) -> None:
        if target.name == "b.json":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    assert run_command("predict", tiny_run, tmp_path / "pictures", "--out", out) == 2
    assert "Is the disk full or read-only?" in capsys.readouterr().err
    assert sorted(contents(out)) == ["masks/a.png", "overlays/a.png", "records/a.json"]


def test_ctrl_c_leaves_no_half_picture(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b", "c"):
        draw(tmp_path / f"pictures/{name}.png")
    replace, out = os.replace, tmp_path / "out"

    def interrupted(source: Path, target: Path) -> None:
        if target.name == "b.json":
            signal.raise_signal(signal.SIGINT)
        replace(source, target)

    monkeypatch.setattr(os, "replace", interrupted)
    assert run_command("predict", tiny_run, tmp_path / "pictures", "--out", out) == 130
    assert capsys.readouterr().err == "Interrupted. No file is half-written.\n"
    assert sorted(contents(out)) == ["masks/a.png", "overlays/a.png", "records/a.json"]
