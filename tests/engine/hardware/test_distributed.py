"""Two processes under torchrun train and score as one does."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from pixelwise.engine.build import build_metrics, build_task, open_material
from pixelwise.engine.evaluate import evaluate
from pixelwise.engine.hardware.device import Choices
from pixelwise.engine.torch.learner import TorchLearner
from pixelwise.engine.train import train
from pixelwise.recipe.load import as_yaml
from pixelwise.recipe.schema import Recipe
from pixelwise.run.checkpoint import load_checkpoint

Tiny = Callable[..., Recipe]


def launch(recipe: Recipe, run: Path, data: Path) -> subprocess.Popen[str]:
    file = run.with_suffix(".yaml")
    file.write_text(as_yaml(recipe))
    torchrun = ["-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone", "--local-addr=127.0.0.1"]
    command = [sys.executable, *torchrun, "-m", "pixelwise", "train", str(file), "--out", str(run), "--data", str(data)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, start_new_session=True
    )


def weights(run: Path) -> dict[str, np.ndarray]:
    (file,) = (run / "last").glob("model-*.safetensors")
    return load_file(file)


def test_two_processes_give_the_weights_and_scores_of_one(tiny: Tiny, data: Path, tmp_path: Path) -> None:
    # 17 = 16 + 1 pictures: in every second step one of the two processes has nothing to do. 10 epochs of 2 steps.
    recipe = tiny(
        "data.dataset.train=17",
        "data.dataset.val=21",
        "data.dataset.void_rim=1",
        "model.norm=none",
        "loss={name: cross_entropy, weights: median}",
        "train.batch=16",
        "train.optimizer={name: sgd, learning_rate: 0.05}",
        "train.phases.0.epochs=10",
        "hardware.threads=1",
        "metrics=[confusion, average_precision]",
    )
    for _ in train(recipe, tmp_path / "one", data=data):
        pass
    two = launch(recipe, tmp_path / "two", data)
    said, _ = two.communicate(timeout=240)
    assert two.returncode == 0, said

    alone, shared = weights(tmp_path / "one"), weights(tmp_path / "two")
    assert alone.keys() == shared.keys()
    for name in alone:
        np.testing.assert_allclose(shared[name], alone[name], rtol=0, atol=1e-5, err_msg=name)

    # equal weights, scores that are equal bit for bit: what two processes counted together, counted again by one
    material = open_material(recipe, root=data)
    record = json.loads((tmp_path / "two" / "setup.json").read_text())["choices"]
    learner = TorchLearner(recipe, build_task(recipe, material.info), (32, 32), Choices.from_record(record))
    arrays, _ = load_checkpoint(tmp_path / "two" / "best", "model")
    learner.load(arrays, where="best")
    metrics = build_metrics(recipe, material.info)
    evaluate(learner, material.validation, metrics)
    summary = json.loads((tmp_path / "two" / "summary.json").read_text())["splits"]["val"]
    for metric, record in zip(metrics, summary["metrics"], strict=True):
        assert record["figures"] == metric.figures()
    figures = summary["metrics"][0]["figures"]
    assert np.sum(figures["matrix"]) + np.sum(figures["void_row"]) == 21 * 32 * 32  # no picture twice


def test_a_lost_process_ends_the_training_with_a_word(tiny: Tiny, data: Path, tmp_path: Path) -> None:
    parent = launch(tiny("train.phases.0.epochs=500"), tmp_path / "run", data)
    events = tmp_path / "run" / "events.jsonl"
    deadline = time.monotonic() + 200
    while not events.exists() or events.read_text().count('"step", ') < 3:
        assert parent.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
    victim = next(pid for pid in children if "RANK=1" in Path(f"/proc/{pid}/environ").read_text().split("\0"))
    os.kill(int(victim), signal.SIGKILL)
    said, _ = parent.communicate(timeout=90)
    assert parent.returncode != 0
    assert "another process of this training was lost" in said
    assert "--resume" in said


def test_a_wrong_run_folder_is_refused_by_all_processes(tiny: Tiny, data: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "precious.txt").write_text("mine")
    two = launch(tiny(), tmp_path / "run", data)
    said, _ = two.communicate(timeout=240)
    assert two.returncode != 0
    assert said.count("is already there and not empty") == 1
    assert (tmp_path / "run" / "precious.txt").read_text() == "mine"


if sys.platform != "linux":  # pragma: no cover
    pytest.skip("needs /proc", allow_module_level=True)
