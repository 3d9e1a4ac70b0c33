"""The tiny trainings that two checkouts are compared by, and the pictures that they read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

# Words of recipes.
SCENES = ("data.dataset={name: scenes, size: 32, train: 12, val: 6, test: 4, void_rim: 1}", "data.test=test")
FOLDER = ("data.dataset={name: folder, path: ../drawn, void: 255}", "data.size=[32, 32]", "data.test=test")
ALIKE = ("train.batch=4", "train.phases=[{epochs: 2}]", "hardware.threads=1", "gallery=2")
TORCH = ("hardware.device=cpu", "hardware.precision=fp32")
SGD = "train.optimizer={name: sgd, learning_rate: 0.02, momentum: 0.9, nesterov: true, weight_decay: 5e-4}"
MANY = "augment=[{name: flip}, {name: rotation, degrees: 10}, {name: scale_crop, size: [32, 32]}, {name: colour, hue: 0.1}]"


@dataclass(frozen=True)
class Case:
    """A training, and whether its run is also scored and used at the pictures' own size (in tiles)."""

    recipe: str
    words: tuple[str, ...]
    own: bool = False


def _torch(recipe: str, *words: str, data: tuple[str, ...] = SCENES, own: bool = False) -> Case:
    return Case(recipe, (*data, *ALIKE, *TORCH, *words), own)


def _segment(*words: str, data: tuple[str, ...] = SCENES, own: bool = False) -> Case:
    return _torch("quickstart", "model={name: unet, width: 4, depth: 2}", *words, data=data, own=own)


def _classify(*words: str, data: tuple[str, ...] = SCENES) -> Case:
    model = ("model={name: resnet, depth: 20}", SGD)
    return _torch("quickstart", "task={name: classify}", *model, *words, data=data)


def _colourize(*words: str) -> Case:
    return _torch("scenes/colourize", *words, own=True)


def _numpy(*words: str, data: tuple[str, ...] = SCENES, own: bool = False) -> Case:
    return Case("scenes/scratch_fcn", (*data, *ALIKE, *words), own)


CASES = {
    "segment": _segment(own=True),
    "segment folder": _segment("train.best=epoch", "train.clip=0.5", data=FOLDER, own=True),
    "segment weights": _segment(
        *("task={name: segment, void: background}", "loss={name: cross_entropy, weights: median}"),
        *("metrics=[{name: confusion, void: background}]", "data.sampling=replacement", "train.checkpoint_steps=2"),
        "model={name: lean_unet, width: 8}",
        data=FOLDER,
    ),
    "segment phases": _segment(
        "train.phases=[{epochs: 1, freeze: [down]}, {steps: 2, loss: {name: focal, gamma: 1.0}, learning_rate: 1e-3}, "
        "{steps: 4, schedule: {name: step, at: [1], factor: 0.1}}]"
    ),
    "segment workers": _segment("data.workers=2", MANY),
    "segment early": _segment(
        *("train.phases=[{epochs: 4}]", "train.early_stopping={patience: 1, metric: pixel_accuracy, least_gain: 0.5}"),
        *(
            "train.validate_every=1",
            "metrics=[confusion]",
            "loss={name: cross_entropy, weights: effective, beta: 0.99}",
        ),
    ),
    "classify": _classify(
        "loss={name: cross_entropy, smoothing: 0.1}", "augment=[{name: crop, padding: 3}, {name: flip}]"
    ),
    "classify mixup": _classify("task={name: classify, mixup: 0.4}", "train.schedule={name: poly, power: 1.0}"),
    "classify balanced": _classify(
        *("data.sampling=balanced", "model={name: resnet, depth: 20, prior: 0.1}"),
        *("loss={name: class_balanced, beta: 0.9, gamma: 0.5, form: sigmoid}", "train.best=epoch"),
        data=(
            "data.dataset={name: first, of: {name: scenes, size: 32, train: 20, val: 6, test: 4}, count: 14}",
            "data.test=''",  # version 0.1 scored no test split that the recipe does not name
        ),
    ),
    "colourize": _colourize("task={name: colourize, colours: 6}", "model={name: colour_unet, num_filters: 4}"),
    "colourize mean": _colourize(
        "task={name: colourize, colours: 6, decode: annealed_mean, temperature: 0.38}",
        *("loss={name: cross_entropy, weights: rarity, uniform: 0.5}", "model={name: residual_colour_unet, width: 4}"),
    ),
    "scratch segment": _numpy("model={name: fcn, width: 3, depth: 2}", own=True),
    "scratch segment phases": _numpy(
        *("model={name: fcn, width: 3, depth: 2, norm: after}", "train.clip=0.5", "train.checkpoint_steps=2"),
        *("loss={name: cross_entropy, weights: median}", "task={name: segment, void: background}"),
        "train.phases=[{steps: 2}, {epochs: 1, learning_rate: 1e-3}]",
        data=FOLDER,
        own=True,
    ),
    "scratch classify": _numpy(
        *("task={name: classify, mean: image, std: null}", "model={name: conv_pool, width: 3, kernel: 3}"),
        *("train.optimizer={name: sgd, learning_rate: 1e-3, momentum: 0.9}", "train.phases=[{epochs: 3}]"),
        "train.early_stopping={patience: 1, metric: accuracy, least_gain: 0.5}",
    ),
    "scratch lenet": _numpy("task=classify", "model=lenet", "data.sampling=balanced"),
}


def draw_pictures(folder: Path) -> None:
    """A data set of the kind `folder` with pictures of several sizes, and three pictures to predict."""
    drawn = np.random.default_rng(9)
    for split, count in (("train", 10), ("val", 5), ("test", 3)):
        for number in range(count):
            image, mask = _picture(drawn)
            _save(image, folder / split / "images" / f"p{number}.png")
            _save(mask, folder / split / "masks" / f"p{number}.png")
    (folder / "classes.txt").write_text("background\ndisc\nbox\n")
    for number in range(3):
        _save(_picture(drawn, 80)[0], folder.parent / "pictures" / f"p{number}.png")


def _picture(drawn: np.random.Generator, least: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """A disc and a box on the ground, with a void rim under the box; `least` to `least` + 32 pixels a side."""
    height, width = drawn.integers(least, least + 33, 2)
    rows, columns = np.mgrid[:height, :width]
    mask = np.zeros((height, width), np.uint8)
    mask[np.hypot(rows - height / 3, columns - width / 3) < drawn.integers(8, 13)] = 1
    mask[height // 2 :, width // 2 :] = 2
    mask[height // 2, width // 2 :] = 255
    colours = drawn.integers(0, 256, (3, 3))
    image = colours[np.where(mask == 255, 2, mask)] + drawn.normal(0, 12, (height, width, 1))
    return np.clip(image, 0, 255).astype(np.uint8), mask


def _save(pixels: np.ndarray, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file)


def commands(case: Case) -> Iterator[tuple[str, list[str]]]:
    """The commands of a case in their order: (what it makes, words after `pixelwise`)."""
    yield "train", ["train", case.recipe, *case.words, "--out", "run", "--data", "../data"]
    common = ["--data", "../data", "--device", "cpu"]
    yield "evaluate", ["evaluate", "run", *common]
    yield "evaluate last", ["evaluate", "run", "--checkpoint", "last", *common]
    yield "predict", ["predict", "run", "../pictures", "--out", "predicted", "--device", "cpu"]
    if case.own:
        yield "evaluate own", ["evaluate", "run", "--resolution", "own", *common]
        tiles = ["--scale", "own", "--tile", "64", "--overlap", "16"]
        yield "predict tiles", ["predict", "run", "../pictures", "--out", "tiles", *tiles, "--device", "cpu"]
