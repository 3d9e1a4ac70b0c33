"""A training that starts from pretrained weights: what is taken, what is new, what does not fit."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from pixelwise.compare.runs import compare_runs
from pixelwise.engine import pretrained
from pixelwise.engine.build import build_task, open_material
from pixelwise.engine.fitted import take_pretrained
from pixelwise.engine.pretrained import find_weights, found_with
from pixelwise.engine.setup import open_learner
from pixelwise.engine.torch.learner import TorchLearner
from pixelwise.engine.torch.model import collate, normalised
from pixelwise.engine.train import resume, train
from pixelwise.errors import PixelwiseError, RecipeError, RunError
from pixelwise.recipe.schema import Recipe
from pixelwise.report.record import read_record
from pixelwise.report.tables import opening
from pixelwise.run.checkpoint import load_checkpoint
from pixelwise.run.folder import RunFolder
from pixelwise.types import Sample
from pretrained_runs import CPU, INFO, NETWORK, begun, drawn_weights, probe, put, state_of

HALF = (0.5, 0.5, 0.5)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return drawn_weights(tmp_path / "data")


def test_the_encoder_is_taken_untouched_and_other_layers_are_as_without_weights(root: Path, tmp_path: Path) -> None:
    found, setup = begun(probe(model="encoder_unet"), tmp_path / "run", root)
    random = drawn_anew(probe("none", model="encoder_unet"), root)
    with open(root / "weights" / f"imagenet_{NETWORK}.safetensors", "rb") as file:
        half = pretrained.read_arrays(file.read(), "there")
    assert {name.rpartition(".model.")[2] for name in found if name.startswith("encoder.")} <= half.keys()
    for name, array in found.items():
        short = name.removeprefix("encoder.model.")
        wanted = random[name] if short == name else half[short].astype(array.dtype)
        assert np.array_equal(array, wanted), name
    record = setup["pretrained"]
    assert record["taken"] == sum(name.startswith("encoder.") for name in found)
    assert record["new"] == ["decoder", "classifier"]
    assert record["left"] == ["fc"]
    assert record["source"] == f"weights/imagenet_{NETWORK}.safetensors in the data folder"
    assert record["licence"] == "apache-2.0"
    assert record["note"].endswith(
        "pictures are normalised by the mean (0.5, 0.5, 0.5) and the standard deviation (0.5, 0.5, 0.5)"
    )


def drawn_anew(recipe: Recipe, root: Path) -> dict[str, Any]:
    """The first weights of a recipe without pretrained ones."""
    material = open_material(recipe, root=root)
    task = build_task(recipe, material.info, material.findings)
    return TorchLearner(recipe, task, (32, 32), CPU).state("best")["model"]


def test_mean_and_std_reach_training_and_opening_and_weights_are_never_loaded_again(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(probe(), tmp_path / "killed", root)
    list(train(probe(), tmp_path / "whole", data=root))
    shutil.rmtree(root / "weights")
    monkeypatch.setattr("pixelwise.engine.train.find_weights", None)
    list(resume(tmp_path / "killed", data=root))
    files = [sorted((tmp_path / run).glob("*/*.safetensors")) for run in ("killed", "whole")]
    assert [file.name for file in files[0]] == [file.name for file in files[1]]  # names hold a part of their SHA-256
    opened = open_learner(RunFolder.open(tmp_path / "whole"), device="cpu")
    assert opened.task.input.mean == opened.task.input.std == HALF
    assert opened.learner.task.input.mean == HALF


def test_the_recipe_s_own_mean_goes_before(root: Path, tmp_path: Path) -> None:
    _, setup = begun(probe("imagenet", "task.mean=[0.4, 0.4, 0.4]"), tmp_path / "run", root)
    assert setup["findings"] == {"input": {"std": [0.5] * 3}}
    assert "by the mean (0.4, 0.4, 0.4)" in setup["pretrained"]["note"]


def test_a_damaged_mean_is_refused(root: Path, tmp_path: Path) -> None:
    begun(probe(), tmp_path / "run", root)
    run = RunFolder.open(tmp_path / "run")
    setup = run.read("setup")
    for reads in (
        {},
        {"mean": None, "std": [0.5] * 3},
        {"mean": [0.5], "std": [0.5]},
        {"mean": [0.5] * 3, "std": [0.0] * 3},
        3,
        {"mean": "abc", "std": "abc"},
    ):
        run.write("setup", {**setup, "findings": {"input": reads}})
        with pytest.raises(RunError, match=r"findings\.input"):
            list(resume(tmp_path / "run", data=root))


def refused(recipe: Recipe, root: Path, tmp_path: Path) -> list[str]:
    with pytest.raises(PixelwiseError) as error:
        list(train(recipe, tmp_path / "run", data=root))
    assert not (tmp_path / "run").exists()
    return [problem.what for problem in error.value.problems]


def test_each_array_that_does_not_fit_is_named_and_nothing_is_taken(root: Path, tmp_path: Path) -> None:
    state = state_of(NETWORK)
    wide, missing, extra = "layer1.0.conv1.weight", "layer2.0.bn1.bias", "layer1.1.conv1.weight"
    state[wide] = np.zeros((8, *state[wide].shape[1:]), np.float32)
    del state[missing]
    shape = list(state_of(NETWORK)[wide].shape)
    put(root, NETWORK, {**state, extra: np.zeros((2, 2), np.float32)})
    assert refused(probe(), root, tmp_path) == [
        f"'encoder.model.{wide}' is {[8, *shape[1:]]} in the weights and {shape} in this model.",
        f"'encoder.model.{missing}' is not in the weights.",
        f"'encoder.model.{extra}' is not in this model.",
        "does not fit this recipe's model; nothing was taken.",
    ]


def test_weights_of_another_network(root: Path, tmp_path: Path) -> None:
    put(root, NETWORK, state_of("test_efficientnet"))
    assert refused(probe(), root, tmp_path)[-1] == "does not fit this recipe's model; nothing was taken."
    put(root, NETWORK, {"a.b": np.zeros(2, np.float32)})
    assert refused(probe(), root, tmp_path) == ["none of the 1 arrays has the name of one of this model's."]


def test_a_file_with_a_piece_of_the_encoder_is_refused(root: Path, tmp_path: Path) -> None:
    state = state_of(NETWORK)
    below = {name.removeprefix("layer1."): array for name, array in state.items() if name.startswith("layer1.")}
    for piece, place in ((below, "encoder.model.layer1"), ({"weight": np.zeros(4, np.float32)}, "")):
        put(root, NETWORK, piece)
        told = refused(probe(), root, tmp_path)
        assert told[0].startswith(f"its arrays fit only a piece of this model, '{place}"), told
    file = tmp_path / "piece.safetensors"
    save_file({"weight": np.zeros((4,), np.float32), "bias": np.zeros((4,), np.float32)}, file)
    told = refused(probe("none", f"model={{name: unet, width: 4, depth: 1, weights: '{file}'}}"), root, tmp_path)
    assert told[0].startswith("its arrays fit only a piece of this model, '"), told


def test_damaged_and_missing_files(root: Path, tmp_path: Path) -> None:
    file = root / "weights" / f"imagenet_{NETWORK}.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    assert "lies at" in refused(probe(), root, tmp_path)[0]
    put(root, NETWORK, {**state_of(NETWORK), "bn1.weight": np.full(4, np.nan, np.float32)})
    assert refused(probe(), root, tmp_path) == ["has NaN or infinite values in bn1.weight."]
    file.write_bytes(b"no weights")
    assert refused(probe(), root, tmp_path) == ["is not a safetensors file: it has no index."]
    assert refused(probe(str(tmp_path / "none.safetensors")), root, tmp_path) == ["this file does not exist."]


# -- where they come from --


def test_a_file_says_itself_where_it_is_from(root: Path, tmp_path: Path) -> None:
    words = {"licence": "MIT", "mean": "[0.25, 0.5, 0.75]", "std": "[1, 1, 1]"}
    file = put(tmp_path / "elsewhere", NETWORK, state_of(NETWORK), **words)
    _, setup = begun(probe(str(file)), tmp_path / "run", root)
    assert setup["findings"] == {"input": {"mean": [0.25, 0.5, 0.75], "std": [1.0, 1.0, 1.0]}}
    assert setup["pretrained"]["licence"] == "MIT"
    three, size = "write three numbers, e.g. [0.5, 0.5, 0.5].", "each of its numbers must be "
    for wrong, allowed in (
        ({"mean": "half"}, three),
        ({"mean": "[1, 2]"}, three),
        ({"mean": "[1, NaN, 2]"}, three),
        ({"mean": "[123.7, 116.3, 103.5]"}, size + "from 0 to 1."),
        ({"std": "[1, 0, 1]"}, size + "above 0 and at most 1."),
        ({"std": "[1, -1, 1]"}, size + "above 0 and at most 1."),
        ({"std": "[" * 9999}, three),
    ):
        put(tmp_path / "elsewhere", NETWORK, state_of(NETWORK), **wrong)
        (told,) = refused(probe(str(file)), root, tmp_path / "other")
        assert told.endswith(allowed)


# -- another run --


def test_another_run_gives_its_encoder_with_mean_and_licence(root: Path, tmp_path: Path) -> None:
    list(train(probe(), tmp_path / "source", data=root))
    best = load_checkpoint(tmp_path / "source" / "best", "model")[0]["model"]
    found, setup = begun(probe(f"run:{tmp_path / 'source'}", model="fpn"), tmp_path / "run", root)
    for name, array in found.items():
        assert not name.startswith("encoder.") or np.array_equal(array, best[name])
    assert setup["findings"] == {"input": {"mean": [0.5] * 3, "std": [0.5] * 3}}
    assert setup["pretrained"]["licence"] == "apache-2.0"
    assert setup["pretrained"]["new"] == ["standardise", "decoder", "classifier", "linear"]
    assert setup["pretrained"]["left"] == ["classifier"]


def test_a_run_without_encoder_gives_all_or_nothing(root: Path, tmp_path: Path) -> None:
    unet = "model={{name: unet, width: {}, depth: 1, weights: '{}'}}"
    list(train(probe("none", unet.format(4, "none")), tmp_path / "source", data=root))
    best = load_checkpoint(tmp_path / "source" / "best", "model")[0]["model"]
    found, setup = begun(probe("none", unet.format(4, f"run:{tmp_path / 'source'}")), tmp_path / "run", root)
    assert all(np.array_equal(found[name], best[name]) for name in best)
    assert setup["pretrained"]["new"] == []
    told = refused(probe("none", unet.format(3, f"run:{tmp_path / 'source'}")), root, tmp_path / "other")
    assert told[0] == "'down.0.0.weight' is [4, 3, 3, 3] in the weights and [3, 3, 3, 3] in this model."
    told = refused(probe(f"run:{tmp_path / 'source'}"), root, tmp_path / "other")
    assert told == ["its model has no part 'encoder'."]


def test_a_path_that_is_not_a_run_says_what_to_name(root: Path, tmp_path: Path) -> None:
    folder, run = tmp_path / "runs", tmp_path / "runs" / "a"
    (run / "best").mkdir(parents=True)

    def said(path: Path) -> str:
        with pytest.raises(RunError) as error:
            next(train(probe(f"run:{path}"), tmp_path / "new", data=root))
        return str(error.value)

    (run / "recipe.yaml").write_text("title: a")
    assert said(run).startswith(
        f"model.weights: {run}: is not a run folder, or the run stopped before its first step: "
    )
    assert said(run).endswith(
        "Name a folder that `pixelwise train` wrote: it contains recipe.yaml, setup.json and best/."
    )
    (run / "setup.json").write_text("{}")
    assert said(folder) == (
        f"model.weights: {folder}: is not a run folder: it has no recipe.yaml. Name one of the runs in it: {run}."
    )
    assert said(run / "best").endswith(f"it has no recipe.yaml. Name the run that it belongs to, {run}.")
    assert said(tmp_path / "absent").startswith(
        f"model.weights: {tmp_path / 'absent'}: this run folder does not exist."
    )


def test_with_from_the_mean_of_its_weights_comes_too(root: Path, tmp_path: Path) -> None:
    list(train(probe(), tmp_path / "source", data=root))
    _, setup = begun(probe("none"), tmp_path / "run", root, from_run=tmp_path / "source")
    assert setup["findings"] == {"input": {"mean": [0.5] * 3, "std": [0.5] * 3}}


def test_weights_are_named_in_report_and_comparison(root: Path, tmp_path: Path) -> None:
    runs = [tmp_path / "pretrained", tmp_path / "random"]
    for run, weights in zip(runs, ("imagenet", "none"), strict=True):
        list(train(probe(weights), run, data=root))
    record = read_record(RunFolder.open(runs[0]))
    assert f"for 1 epoch from the pretrained weights 'imagenet' of {NETWORK} with" in opening(record)
    assert "licence apache-2.0" in record.history[0]
    compared = compare_runs(runs).as_json()
    assert list(compared["differing"]) == ["model.weights", "weights of"]


# -- other channels --


def test_a_grey_task_sums_the_first_convolution_and_normalises_grey(root: Path) -> None:
    """A grey picture gives the maps that it gives where its three channels are read one by one."""
    picture = np.repeat(np.random.default_rng(0).integers(0, 256, (32, 32, 1), np.uint8), 3, axis=2)
    maps, notes = [], []
    for task in ("segment", "{name: colourize, colours: 2}"):
        recipe = probe("imagenet", f"task={task}", "metrics=[]", "train.best=''")
        found = find_weights(recipe, root)
        findings = {"palette": ["#000000", "#ffffff"], **found_with(recipe, found)}
        learner = TorchLearner(recipe, build_task(recipe, INFO, findings), (32, 32), CPU)
        notes.append(take_pretrained(learner, found)["note"])
        batch = collate(learner.task, [Sample("grey", picture)])
        with torch.no_grad():
            maps.append(learner.model.eval().encoder(normalised(batch.images, learner.task.input)))
    assert "the first convolution summed for one channel" in notes[1]
    assert "by the mean (0.5) and" in notes[1]
    for of_three, of_grey in zip(*maps, strict=True):
        torch.testing.assert_close(of_three, of_grey, rtol=1e-4, atol=1e-4)


def test_an_encoder_from_outside_needs_consent(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "foreign_nets.py").write_text("def net(in_channels): ...")
    monkeypatch.chdir(tmp_path)
    (told,) = refused(probe("none", "model={name: fpn, encoder: 'foreign_nets:net'}"), root, tmp_path)
    assert "code outside pixelwise is imported only if it is allowed" in told


def test_unknown_weights(root: Path, tmp_path: Path) -> None:
    recipe = probe("none", "model={name: fpn, encoder: test_resnet.nobody_s, weights: imagenet}")
    wrong = "read 'test_resnet.nobody_s'; timm has the network 'test_resnet', but its weights have no tag 'nobody_s'."
    for weights, tag, hint in (
        ("imagenet", "nobody_s", "Leave out the tag for timm's default weights: model.encoder=test_resnet."),
        ("none", "nobody_s", "Leave out the tag for timm's default weights: model.encoder=test_resnet."),
        ("imagenet", "r160_in1", "Did you mean 'r160_in1k'?"),
    ):
        recipe = probe("none", f"model={{name: fpn, encoder: test_resnet.{tag}, weights: {weights}}}")
        with pytest.raises(RecipeError) as error:
            list(train(recipe, tmp_path / "run", data=root))
        (problem,) = error.value.problems
        assert problem.where == "model.encoder"
        assert problem.what == f"{wrong} The tags are r160_in1k.".replace("nobody_s", tag)
        assert problem.hint == hint
    recipe = probe("none", "task=detect", "metrics=[]", "train.best=''", "loss=null",
                   "model={name: mask_rcnn, encoder: resnet18, weights: coco}")  # fmt: skip
    with pytest.raises(RecipeError, match="'coco' is known of maskrcnn_resnet50_fpn"):
        find_weights(recipe, root)
