"""`pixelwise predict` with a run that labels whole pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from command_line import run_command
from pixelwise.engine.setup import open_learner
from pixelwise.imaging.files import read_image
from pixelwise.imaging.resize import resize_image
from pixelwise.run.folder import RunFolder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one picture as colour, grey, transparent and 16-bit grey, one of another shape, and a text."""
    folder = tmp_path_factory.mktemp("pictures")
    colour = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Pillow.fromarray(colour).save(folder / "colour.png")
    Pillow.fromarray(np.dstack([colour, np.full((32, 32), 90, np.uint8)])).save(folder / "glass.png")
    grey = np.random.default_rng(1).integers(0, 256, (32, 32), dtype=np.uint8)
    Pillow.fromarray(grey).save(folder / "grey.png")
    Pillow.fromarray(grey.astype(np.uint16) * 257).save(folder / "deep.png")
    Pillow.fromarray(np.repeat(grey[:, :, None], 3, axis=2)).resize((75, 40)).save(folder / "wide.png")
    (folder / "notes.txt").write_text("no picture")
    return folder


def test_labels_are_the_softmax_of_the_model_at_the_size_of_training(
    tiny_classifier: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    out = tmp_path / "out"
    assert run_command("predict", tiny_classifier, pictures, "--out", out, "--top", 2, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    records = json.loads((out / "labels.json").read_text())
    assert records == told["pictures"]
    assert [Path(path).name for path in told["skipped"]] == ["notes.txt"]
    trained = open_learner(RunFolder.open(tiny_classifier), device="cpu")
    mean, std = torch.tensor(trained.task.input.mean), torch.tensor(trained.task.input.std)
    for record in records:
        image = resize_image(read_image(Path(record["file"])), (32, 32))
        x = ((torch.tensor(np.array(image)).float() / 255 - mean) / std).permute(2, 0, 1)[None]
        with torch.inference_mode():
            probabilities = trained.learner.model.eval()(x).softmax(dim=1)[0]
        assert record["label"] == trained.info.classes[int(probabilities.argmax())]
        shares = [one["probability"] for one in record["top"]]
        assert shares == pytest.approx(probabilities.topk(2).values.tolist(), abs=1e-5)
        assert record["resized"] == record["file"].endswith("wide.png")
    by_name = {Path(record["file"]).stem: record["top"] for record in records}
    assert by_name["grey"] == by_name["deep"], "16 bits and 8 bits of the same picture"
    assert by_name["glass"] != by_name["colour"], "transparent pixels lie over white"


def test_the_table(tiny_classifier: Path, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("predict", tiny_classifier, pictures) == 0
    told = capsys.readouterr().out
    assert [line.split()[0] for line in told.splitlines()[:6]] == [
        "picture", "colour.png", "deep.png", "glass.png", "grey.png", "wide.png",
    ]  # fmt: skip
    assert "1 picture was resized to 32×32" in told
    assert "skipped, not pictures: notes.txt" in told


def test_a_damaged_picture_does_not_stop_the_others(
    tiny_classifier: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.png").write_bytes((pictures / "colour.png").read_bytes()[:200])
    out = tmp_path / "out"
    assert run_command("predict", tiny_classifier, tmp_path / "bad.png", pictures, "--out", out) == 1
    assert len(json.loads((out / "labels.json").read_text())) == 5
    assert "bad.png: is damaged or cut short" in capsys.readouterr().err


def test_nothing_is_overwritten_without_a_word(
    tiny_classifier: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "labels.json").write_text("precious")
    words = ("predict", tiny_classifier, pictures / "grey.png", "--out", tmp_path)
    assert run_command(*words) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert (tmp_path / "labels.json").read_text() == "precious"
    assert run_command(*words, "--overwrite") == 2, "not an earlier prediction"
    assert (tmp_path / "labels.json").read_text() == "precious"
    (tmp_path / "labels.json").unlink()
    assert run_command(*words) == 0
    assert run_command(*words, "--overwrite") == 0


def test_what_belongs_to_other_runs_is_refused(
    tiny_run: Path, tiny_classifier: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command("predict", tiny_classifier, pictures, "--scale", "own") == 2
    assert "labels whole pictures, at the size that the run was validated at" in capsys.readouterr().err
    assert run_command("predict", tiny_run, pictures, "--top", 3) == 2
    told = capsys.readouterr().err
    assert "Leave out --top" in told
    assert "with --out" in told
