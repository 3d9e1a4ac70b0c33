"""`pixelwise evaluate` and `pixelwise predict` for runs of the NumPy network, without torch."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from command_line import run_command
from pixelwise.engine.setup import open_learner
from pixelwise.imaging.files import read_image, read_mask, write_image
from pixelwise.predict import Predictor

BOTH = """
import sys
from pixelwise.cli import app
run, picture, out, data = sys.argv[1:]
for words in (["evaluate", run, "--split", "test", "--data", data], ["predict", run, picture, "--out", out]):
    try:
        app(words)
    except SystemExit as ended:
        assert not ended.code, ended.code
seen = {"torch", "torchvision"} & set(sys.modules)
assert not seen, seen
"""


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "one.png"
    write_image(path, np.random.default_rng(0).integers(0, 256, (45, 60, 3), dtype=np.uint8))
    return path


def test_torch_is_never_imported(pixels_run, picture, tmp_path, data):
    shutil.copytree(pixels_run.path, tmp_path / "run")
    words = [str(path) for path in (tmp_path / "run", picture, tmp_path / "out", data)]
    done = subprocess.run([sys.executable, "-c", BOTH, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "scores on test, best checkpoint, 4 pictures, counted at 32×32" in done.stdout
    assert "one.png  60×45" in done.stdout
    written = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*")}
    assert written == {"masks/one.png", "overlays/one.png", "records/one.json", "legend.png"}


def test_mask_and_record_are_what_is_predicted(pixels_run, picture, tmp_path):
    out = tmp_path / "out"
    assert run_command("predict", pixels_run.path, picture, "--out", out) == 0
    expected = Predictor(open_learner(pixels_run)).predict(read_image(picture))
    np.testing.assert_array_equal(read_mask(out / "masks/one.png"), expected.indices)
    record = json.loads((out / "records/one.json").read_text())
    assert [row["pixels"] for row in record["classes"]] == np.bincount(expected.indices.ravel(), minlength=7).tolist()
    assert record["settings"] == {"scale": "recipe", "size": [32, 32], "trained_at": [32, 32]}
    assert record["checkpoint"]["which"] == "best"


def test_whole_pictures_are_listed_with_their_probabilities(pictures_run, picture, capsys):
    assert run_command("predict", pictures_run.path, picture, "--top", 2, "--json") == 0
    ((told),) = json.loads(capsys.readouterr().out)["pictures"]
    trained = open_learner(pictures_run)
    expected = Predictor(trained).predict(read_image(picture))
    order = np.argsort(-expected.probabilities)[:2]
    assert [one["class"] for one in told["top"]] == [trained.info.classes[index] for index in order]
    assert told["label"] == told["top"][0]["class"]
    assert told["probability"] == pytest.approx(float(expected.probabilities[order[0]]), abs=1e-6)


def test_another_device_is_refused(pixels_run, picture, tmp_path, capsys):
    assert run_command("predict", pixels_run.path, picture, "--device", "cuda", "--out", tmp_path / "out") == 2
    assert "computes on the CPU" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
