"""The NumPy network trained by recipe: the run folder, the resume, and torch left alone."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pixelwise.engine.order import draw_order
from pixelwise.engine.torch.twin import compare, open_twin
from pixelwise.engine.train import resume, train
from pixelwise.errors import RecipeError, RunError, TrainingError
from pixelwise.recipe.load import load_recipe
from pixelwise.recipe.schema import Recipe
from pixelwise.run.checkpoint import load_checkpoint
from pixelwise.run.events import EpochDone, Finished, Saved, StepDone
from pixelwise.run.folder import RunFolder

TINY = (
    "data.dataset.size=32",
    "data.dataset.train=10",
    "data.dataset.val=5",
    "data.dataset.void_rim=1",
    "model.width=3",
    "model.depth=1",
    "train.batch=4",
    "train.phases.0.epochs=3",
    "hardware.threads=1",
    "gallery=2",
)


@pytest.fixture
def tiny() -> Recipe:
    return load_recipe("scenes/scratch_fcn", TINY)


def state(path: Path) -> dict[str, bytes]:
    return {f"{file.parent.name}/{file.name}": file.read_bytes() for file in sorted(path.glob("*/*.safetensors"))}


def told(path: Path) -> list[dict]:
    return [{k: v for k, v in event.items() if k != "seconds"} for event in RunFolder.open(path).events()]


def test_a_run_has_the_same_folder_as_a_torch_run(tiny, data, tmp_path):
    events = list(train(tiny, tmp_path / "run", data=data))
    kinds = [type(event).__name__ for event in events]
    assert kinds[:2] == ["Started", "PhaseBegan"]
    assert kinds.count("StepDone") == 9
    assert kinds.count("EpochDone") == 3
    assert isinstance(events[-1], Finished)
    assert events[-1].reason == "complete"
    run = RunFolder.open(tmp_path / "run")
    summary, setup = run.read("summary"), run.read("setup")
    scores = {s["key"]: s["value"] for m in summary["splits"]["val"]["metrics"] for s in m["scores"]}
    best = [e for e in events if isinstance(e, EpochDone)][summary["best"]["epoch"] - 1]
    assert scores == best.scores  # the best weights, scored again
    layers = setup["model"]["layers"]
    assert setup["model"]["parameters"] == sum(row["parameters"] for row in layers)
    index = json.loads((run.predictions / "index.json").read_text())
    assert {"image", "truth", "prediction"} == set(index["pictures"][0]["files"])


def test_the_loss_of_an_epoch_is_the_mean_over_its_places(tiny, data, tmp_path):
    events = list(train(tiny, tmp_path / "run", data=data))
    losses = [e.losses["loss"] for e in events if isinstance(e, StepDone)]
    epochs = [e.train["loss"] for e in events if isinstance(e, EpochDone)]
    for number, mean in enumerate(epochs):
        part = losses[3 * number : 3 * number + 3]
        assert min(part) <= mean <= max(part)


@pytest.mark.parametrize("steps", [2, 4])
def test_a_killed_run_goes_on_to_the_same_bytes(tiny, data, tmp_path, steps):
    recipe = load_recipe("scenes/scratch_fcn", [*TINY, f"train.checkpoint_steps={steps}"])
    list(train(recipe, tmp_path / "whole", data=data))
    events = train(recipe, tmp_path / "killed", data=data)
    for event in events:
        if isinstance(event, StepDone) and event.step == 5:
            break
    events.close()
    list(resume(tmp_path / "killed", data=data))
    assert state(tmp_path / "killed") == state(tmp_path / "whole")
    whole, again = told(tmp_path / "whole"), told(tmp_path / "killed")
    assert [e for e in again if e["event"] != "started"] == [e for e in whole if e["event"] != "started"]


@pytest.mark.parametrize("step", range(1, 8))  # 3 steps an epoch: 3 + 1, and then, in its own epoch, 3
def test_phases_in_steps_go_on_to_the_same_bytes_from_any_step(data, tmp_path, step):
    phases = "train.phases=[{steps: 4}, {steps: 3, learning_rate: 1e-3}]"
    recipe = load_recipe("scenes/scratch_fcn", [*TINY, phases, "train.checkpoint_steps=1"])
    whole = list(train(recipe, tmp_path / "whole", data=data))
    assert [(e.epoch, e.step, e.pictures) for e in whole if isinstance(e, EpochDone)] == [
        (1, 3, 10),
        (2, 4, 4),
        (3, 7, 10),
    ]
    events = train(recipe, tmp_path / "killed", data=data)
    for event in events:
        if isinstance(event, StepDone) and event.step == step:
            break
    events.close()
    list(resume(tmp_path / "killed", data=data))
    assert state(tmp_path / "killed") == state(tmp_path / "whole")
    kept = [[e for e in told(tmp_path / run) if e["event"] != "started"] for run in ("killed", "whole")]
    assert kept[0] == kept[1]


def test_a_run_of_another_recipe_does_not_go_on(tiny, data, tmp_path):
    list(train(tiny, tmp_path / "run", data=data))
    other = load_recipe("scenes/scratch_fcn", [*TINY, "train.optimizer.learning_rate=1e-2"])
    with pytest.raises(RunError, match="learning_rate"):
        list(resume(tmp_path / "run", data=data, recipe=other))


def test_a_loss_that_is_not_finite_names_the_pictures_and_the_last_good_checkpoint(data, tmp_path):
    wild = load_recipe(
        "scenes/scratch_fcn", [*TINY, "train.optimizer={name: sgd, learning_rate: 1e30}", "model.norm=none"]
    )
    with pytest.raises(TrainingError, match=r"finite|became") as caught:
        list(train(wild, tmp_path / "run", data=data))
    assert "checkpoint" in str(caught.value)


@pytest.mark.parametrize("sampling", ["shuffled", "replacement"])
def test_orders_are_those_of_the_loader(sampling, tiny, data):
    from pixelwise.engine.build import build_task, open_material
    from pixelwise.engine.torch.loader import Loader

    material = open_material(tiny, root=data)
    task = build_task(load_recipe("quickstart"), material.info)
    loader = Loader(material.train, task, None, batch=4, seed=7, sampling=sampling)
    assert [loader.order(epoch) for epoch in range(3)] == [draw_order(10, 7, epoch, sampling) for epoch in range(3)]


def test_drawing_with_replacement_repeats_and_leaves_out():
    order = draw_order(1000, 0, 0, "replacement")
    assert len(order) == 1000
    assert abs(len(set(order)) / 1000 - (1 - np.exp(-1))) < 0.05  # 1 − (1 − 1/n)ⁿ
    assert sorted(draw_order(1000, 0, 0)) == list(range(1000))


def test_what_the_numpy_network_lacks_is_refused_all_at_once():
    wrong = ["data.workers=2", "train.phases.0.freeze=[0]", "hardware.precision=bf16", "hardware.device=cuda"]
    with pytest.raises(RecipeError) as caught:
        load_recipe("scenes/scratch_fcn", wrong[:1] + wrong[2:])
    assert {problem.where.rpartition(" ")[2] for problem in caught.value.problems} == {
        "data.workers",
        "hardware.precision",
        "hardware.device",
    }


def test_items_come_from_its_own_shelves():
    with pytest.raises(RecipeError, match="NumPy network 'unet'"):
        load_recipe("scenes/scratch_fcn", ["model=unet"])
    with pytest.raises(RecipeError, match="mixup"):
        load_recipe("cifar10/scratch_lenet", ["task.mixup=0.2"])


TRAIN = """
import sys
from pathlib import Path
from pixelwise.cli import app
try:
    app(sys.argv[1:])
except SystemExit as ended:
    assert not ended.code, ended.code
seen = {"torch", "torchvision"} & set(sys.modules)
assert not seen, seen
"""


def test_training_resuming_and_reporting_never_import_torch(data, tmp_path):
    run = tmp_path / "run"
    for arguments in (["train", "scenes/scratch_fcn", *TINY, "--out", str(run)], ["train", "--resume", str(run)]):
        done = subprocess.run(
            [sys.executable, "-c", TRAIN, *arguments, "--data", str(data)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert (run / "report.html").is_file()


def test_a_saved_checkpoint_is_the_network_that_was_scored(tiny, data, tmp_path):
    events = list(train(tiny, tmp_path / "run", data=data))
    assert any(isinstance(event, Saved) and event.which == "best" for event in events)
    arrays, _ = load_checkpoint(tmp_path / "run" / "best", "model")
    network, images, _, _ = open_twin(str(tmp_path / "run"), (), 4, "float32", data=data)
    for name, value in network.state().items():
        np.testing.assert_array_equal(value, arrays["model"][name])
    assert images.shape == (4, 3, 32, 32)


@pytest.mark.parametrize("norm", ["before", "after", "none"])
def test_the_twin_agrees_to_rounding(norm, data):
    opened = open_twin("scenes/scratch_fcn", [*TINY, f"model.norm={norm}"], 3, "float64", data=data)
    rows = compare(*opened)
    assert max(row.error for row in rows) < 1e-10
    network = opened[0]
    outputs = [row for row in rows if row.what == "output"]
    assert len(outputs) == len(network.layers)
    parameters = [row for row in rows if row.what.startswith("∂L/∂") and row.what not in ("∂L/∂output", "∂L/∂pictures")]
    assert len(parameters) == len(network.parameters)


def test_the_twin_notices_a_wrong_gradient(data, monkeypatch):
    from pixelwise.scratch import functional

    right = functional.relu_backward
    monkeypatch.setattr(functional, "relu_backward", lambda dout, cache: 0.99 * right(dout, cache))
    rows = compare(*open_twin("scenes/scratch_fcn", TINY, 3, "float64", data=data))
    assert max(row.error for row in rows) > 1e-4


def test_augmentations_are_refused_by_name():
    with pytest.raises(RecipeError, match="no augmentations"):
        load_recipe("scenes/scratch_fcn", ["augment=[flip]"])
