"""Tiny recipes with pretrained weights, which are drawn and lie in a data folder."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save_file

from pixelwise.engine.hardware.device import Choices
from pixelwise.engine.train import train
from pixelwise.models.encoders.timm_encoders import timm
from pixelwise.recipe.load import load_recipe
from pixelwise.recipe.schema import Recipe
from pixelwise.run.checkpoint import load_checkpoint
from pixelwise.run.folder import RunFolder
from pixelwise.types import DatasetInfo

NETWORK = "test_resnet"  # timm's own for tests: 0.5 million parameters, and a mean that is not the task's default

CPU = Choices("cpu", "fp32", "contiguous", False, 1, False)
INFO = DatasetInfo("two", ("a", "b"), ((0, 0, 0), (9, 9, 9)), frozenset({"mask"}))


def state_of(network: str) -> dict[str, Any]:
    return {name: tensor.numpy() for name, tensor in timm().create_model(network).state_dict().items()}


def put(root: Path, network: str, state: dict[str, Any], **words: str) -> Path:
    file = root / "weights" / f"imagenet_{network}.safetensors"
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file({n: a.astype(np.float16) if a.dtype == np.float32 else a for n, a in state.items()}, file, metadata=words)
    return file


def drawn_weights(root: Path) -> Path:
    """A data folder with ImageNet weights, drawn and in half precision, as people put them there."""
    torch.manual_seed(3)
    put(root, NETWORK, state_of(NETWORK))
    return root


def probe(weights: str = "imagenet", *words: str, model: str = "linear_probe") -> Recipe:
    """A linear probe on small scenes, with further overrides."""
    tiny = ("data.dataset={name: scenes, size: 32, train: 4, val: 2}", "train.batch=2", "gallery=1")
    quick = ("train.phases=[{epochs: 1}]", "hardware={device: cpu, precision: fp32, threads: 1}")
    chosen = f"model={{name: {model}, encoder: {NETWORK}, weights: {weights}}}"
    return load_recipe("quickstart", [*tiny, *quick, chosen, *words])


def begun(recipe: Recipe, path: Path, root: Path, **origin: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The weights before the first step, and setup.json; the training is then dropped, as a kill would."""
    events = train(recipe, path, data=root, **origin)
    for event in events:
        if event.kind == "started":
            events.close()
            break
    return load_checkpoint(path / "last", "model")[0]["model"], RunFolder.open(path).read("setup")
