"""`pixelwise predict`: what is written, what is refused, and that one bad picture does not stop the rest."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from command_line import run_command
from pixelwise.engine.setup import open_learner
from pixelwise.errors import DataError
from pixelwise.imaging.files import read_image, read_mask, write_image
from pixelwise.predict import Predictor, Tiles
from pixelwise.predict.inputs import plan, unique_names
from pixelwise.run.folder import RunFolder


def draw(path: Path, height: int, width: int) -> Path:
    write_image(path, np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8))
    return path


def files_under(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_mask_overlay_and_record_of_a_picture(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = draw(tmp_path / "cat.png", 60, 80)
    assert run_command("predict", tiny_run, file, "--out", tmp_path / "out", "--device", "cpu") == 0
    out = tmp_path / "out"
    assert files_under(out) == {"masks/cat.png", "overlays/cat.png", "records/cat.json", "legend.png"}

    trained = open_learner(RunFolder.open(tiny_run), device="cpu")
    expected = Predictor(trained).predict(read_image(file))
    assert np.array_equal(read_mask(out / "masks/cat.png"), expected.indices)
    assert read_image(out / "overlays/cat.png").shape == (60, 80, 3)
    with Pillow.open(out / "masks/cat.png") as mask:
        assert tuple(mask.getpalette()[3:6]) == trained.info.colours[1]

    record = json.loads((out / "records/cat.json").read_text())
    assert record["size"] == {"height": 60, "width": 80}
    counts = [row["pixels"] for row in record["classes"]]
    assert counts == np.bincount(expected.indices.ravel(), minlength=7).tolist()
    assert record["confidence"] == pytest.approx(float(expected.confidence.mean()), abs=1e-6)
    assert record["settings"] == {"scale": "recipe", "size": [32, 32], "trained_at": [32, 32]}
    assert record["checkpoint"]["which"] == "best"
    shown = capsys.readouterr().out
    assert "cat.png  80×60" in shown
    assert "1 picture in" in shown


def test_own_scale_goes_by_tiles(tiny_run: Path, tmp_path: Path) -> None:
    file, out = draw(tmp_path / "wide.png", 70, 150), tmp_path / "out"
    options = ["--scale", "own", "--tile", 64, "--overlap", 32, "--device", "cpu"]
    assert run_command("predict", tiny_run, file, "--out", out, *options) == 0
    trained = open_learner(RunFolder.open(tiny_run), device="cpu")
    expected = Predictor(trained).predict(read_image(file), Tiles(64, 32))
    assert np.array_equal(read_mask(out / "masks/wide.png"), expected.indices)
    assert json.loads((out / "records/wide.json").read_text())["settings"]["tile"] == 64


def test_a_turned_photograph_is_labelled_upright(tiny_run: Path, tmp_path: Path) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Pillow.new("RGB", (90, 40), (200, 30, 30)).save(tmp_path / "turned.jpg", exif=exif)
    assert run_command("predict", tiny_run, tmp_path / "turned.jpg", "--out", tmp_path / "out") == 0
    assert read_mask(tmp_path / "out/masks/turned.png").shape == (90, 40)


def test_a_folder_with_a_damaged_picture_and_other_files(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "pictures"
    draw(folder / "a.png", 20, 30)
    draw(folder / "z.png", 30, 20)
    draw(folder / "inside" / "not-searched.png", 8, 8)
    (folder / "m.jpg").write_bytes(draw(tmp_path / "whole.jpg", 50, 50).read_bytes()[:400])
    (folder / "notes.txt").write_text("no picture")
    code = run_command("predict", tiny_run, folder, "--out", tmp_path / "out", "--json")
    assert code == 1
    record = json.loads(capsys.readouterr().out)
    assert [Path(one["file"]).name for one in record["pictures"]] == ["a.png", "z.png"]
    ((failed),) = record["failed"]
    assert failed["where"].endswith("m.jpg")
    assert "damaged or cut short" in failed["what"]
    assert [Path(path).name for path in record["skipped"]] == ["notes.txt"]
    assert files_under(tmp_path / "out" / "masks") == {"a.png", "z.png"}


def test_damaged_pictures_are_listed_at_the_end(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.png").touch()
    assert run_command("predict", tiny_run, tmp_path / "empty.png", "--out", tmp_path / "out") == 1
    told = capsys.readouterr().err
    assert "1 could not be read:" in told
    assert "empty.png" in told
    assert not (tmp_path / "out").exists()


def test_nothing_is_overwritten_without_a_word(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = draw(tmp_path / "cat.png", 20, 20), tmp_path / "out"
    (out / "masks").mkdir(parents=True)
    (out / "masks" / "cat.png").write_bytes(b"precious")
    assert run_command("predict", tiny_run, file, "--out", out) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert files_under(out) == {"masks/cat.png"}
    assert (out / "masks/cat.png").read_bytes() == b"precious"
    assert run_command("predict", tiny_run, file, "--out", out, "--overwrite") == 2, "not an earlier prediction"
    assert (out / "masks/cat.png").read_bytes() == b"precious"


def test_a_second_batch_into_the_same_folder(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "pictures"
    draw(folder / "a.png", 20, 20)
    assert run_command("predict", tiny_run, folder, "--out", folder) == 0
    jobs, _ = plan([folder], folder)
    assert [job.name for job in jobs] == ["a"], "its own legend is no picture to label"
    draw(tmp_path / "b.png", 20, 20)
    assert run_command("predict", tiny_run, tmp_path / "b.png", "--out", folder) == 0
    before = draw(folder / "legend.png", 9, 9).read_bytes()
    draw(tmp_path / "c.png", 20, 20)
    assert run_command("predict", tiny_run, tmp_path / "c.png", "--out", folder) == 2
    assert "not the legend of this run's classes" in capsys.readouterr().err
    assert (folder / "legend.png").read_bytes() == before
    assert files_under(folder / "masks") == {"a.png", "b.png"}


def test_tiles_that_cannot_work_are_refused(tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = draw(tmp_path / "cat.png", 20, 20)
    options = ["--scale", "own", "--tile", 64, "--overlap", 60]
    assert run_command("predict", tiny_run, file, "--out", tmp_path / "out", *options) == 2
    assert "tiles of 64 pixels cannot overlap by 60" in capsys.readouterr().err


def test_what_is_missing_is_said_at_once_without_torch(tiny_run: Path, tmp_path: Path) -> None:
    words = ["predict", str(tiny_run), str(tmp_path / "a.png"), str(tmp_path / "b"), "--out", str(tmp_path / "out")]
    program = (
        "import sys; from pixelwise.cli import app\n"
        f"try: app({words!r})\n"
        "finally: assert not {'torch', 'torchvision', 'matplotlib'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("2 errors:\n")
    assert done.stderr.count("this file or folder does not exist") == 2


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(DataError, match="contains no picture"):
        plan([tmp_path], tmp_path / "out")


def test_a_picture_named_twice_is_labelled_once(tmp_path: Path) -> None:
    file = draw(tmp_path / "pictures" / "a.png", 8, 8)
    jobs, skipped = plan([file, file.parent], tmp_path / "out")
    assert [(job.file, job.name) for job in jobs] == [(file, "a")]
    assert skipped == []


def test_pictures_of_one_stem_get_names_of_their_own() -> None:
    files = [Path("/in/a/x.jpg"), Path("/in/b/X.png"), Path("/in/a/y.png"), Path("/in/c/a/x.jpg")]
    assert unique_names(files) == ["a-x.jpg", "b-X.png", "y", "a-x.jpg-2"]


PARTS = st.sampled_from(["a", "b", "A", "a-a", "x", "a-x.png"])


@given(st.lists(st.builds(lambda f, s, e: Path(f"/{f}/{s}{e}"), PARTS, PARTS, st.sampled_from([".png", ".jpg"]))))
def test_names_never_collide(files: list[Path]) -> None:
    files = list(dict.fromkeys(files))
    names = unique_names(files)
    assert len({name.lower() for name in names}) == len(files)
