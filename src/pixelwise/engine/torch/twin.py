"""The same network twice: in NumPy and in torch, with the same weights, compared layer by layer. Imports torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pixelwise.engine.base import engine_named
from pixelwise.engine.build import CachingProgress, build_task, open_material
from pixelwise.engine.numpy.learner import NumpyChoices, NumpyLearner, normalised
from pixelwise.errors import RecipeError, RunError, ShapeError
from pixelwise.recipe.load import check_allowed, check_recipe, load_recipe
from pixelwise.recipe.schema import Recipe
from pixelwise.run.checkpoint import load_checkpoint
from pixelwise.run.folder import RunFolder
from pixelwise.scratch import layers as scratch
from pixelwise.scratch.checks import Array
from pixelwise.scratch.functional import CrossEntropy
from pixelwise.scratch.network import Network
from pixelwise.types import IGNORE


@dataclass(frozen=True)
class Difference:
    """How far one array of the two networks differs: largest |NumPy − torch| over the largest |torch|.

    The gradient of a parameter is measured by the largest of its layer's parameters.

    layer:  index, or empty for the loss
    what:   `output`, `∂L/∂output`, or `∂L/∂` and a parameter
    size:   largest |torch|
    """

    layer: str
    kind: str
    what: str
    shape: tuple[int, ...]
    size: float
    error: float


def compare(network: Network, images: Array, targets: NDArray[Any], loss: CrossEntropy) -> list[Difference]:
    """Every activation, then every gradient, in the order in which they are computed.

    Both run in training: batch normalisation takes the batch's statistics. Dropout has no twin: the two would draw other
    numbers. Weights and images are taken in the dtype that they have.
    """
    modules = torch_modules(network, images.dtype)
    generator = np.random.default_rng(0)
    ours, caches = [images], []
    theirs = [torch.from_numpy(np.ascontiguousarray(images)).requires_grad_()]
    for layer, module in zip(network.layers, modules, strict=True):
        out, cache = layer.forward(ours[-1], generator)
        ours.append(out)
        caches.append(cache)
        theirs.append(module(theirs[-1]))
        theirs[-1].retain_grad()
    rows = [
        _difference(str(i), repr(layer), "output", out, tensor)
        for i, (layer, out, tensor) in enumerate(zip(network.layers, ours[1:], theirs[1:], strict=True))
    ]
    (top, below), cache = loss.forward(ours[-1], targets)
    weights = None if loss.weights is None else torch.from_numpy(loss.weights.astype(images.dtype))
    their_loss = nn.functional.cross_entropy(
        theirs[-1], torch.from_numpy(targets.astype(np.int64)), weight=weights, ignore_index=IGNORE
    )
    their_loss.backward()
    rows.append(_difference("", "cross-entropy", "L", np.array(top / below), their_loss))
    dout = loss.backward(cache)
    return [*rows, *_gradients(network, modules, caches, dout, theirs)]


def _gradients(
    network: Network, modules: Sequence[nn.Module], caches: Sequence[Any], dout: Array, theirs: Sequence[Tensor]
) -> list[Difference]:
    """The backward pass, from the last layer to the first."""
    rows = []
    for index in range(len(network.layers) - 1, -1, -1):
        layer, module = network.layers[index], modules[index]
        rows.append(_difference(str(index), repr(layer), "∂L/∂output", dout, _gradient(theirs[index + 1])))
        dout, found = layer.backward(dout, caches[index])
        learned = list(zip(layer.parameters, map(_gradient, module.parameters()), strict=True))
        # a bias before batch normalisation has the gradient 0: what is left of it is measured by that of the weights
        scale = max((float(gradient.abs().max()) for _, gradient in learned), default=0.0)
        for name, gradient in learned:
            rows.append(_difference(str(index), repr(layer), f"∂L/∂{name}", found[name], gradient, scale))
    rows.append(_difference("", "input", "∂L/∂pictures", dout, _gradient(theirs[0])))
    return rows


def torch_modules(network: Network, dtype: Any) -> list[nn.Module]:
    """A torch module with the same weights for every layer."""
    kind = {np.dtype(np.float32): torch.float32, np.dtype(np.float64): torch.float64}[np.dtype(dtype)]
    return [_module(layer, kind) for layer in network.layers]


def _module(layer: scratch.Layer, kind: torch.dtype) -> nn.Module:
    module = _bare(layer).to(kind)
    with torch.no_grad():
        # weight and bias, or scale and shift: both sides list them in this order
        for parameter, value in zip(module.parameters(), layer.parameters.values(), strict=True):
            parameter.copy_(torch.from_numpy(np.array(value)))
    return module.train()


def _bare(layer: scratch.Layer) -> nn.Module:
    match layer:
        case scratch.Conv2d() | scratch.ConvTranspose2d():
            options = {**scratch.window_options(layer.window), "groups": layer.groups, "bias": layer.bias}
            if isinstance(layer, scratch.Conv2d):
                return nn.Conv2d(layer.in_channels, layer.outputs, layer.window.kernel, **options)
            options["output_padding"] = layer.output_padding
            return nn.ConvTranspose2d(layer.in_channels, layer.outputs, layer.window.kernel, **options)
        case scratch.MaxPool2d():
            return nn.MaxPool2d(layer.window.kernel, layer.window.stride, layer.window.padding)
        case scratch.AvgPool2d():
            return nn.AvgPool2d(layer.window.kernel, layer.window.stride, layer.window.padding)
        case scratch.Linear():
            return nn.Linear(layer.inputs, layer.outputs, bias=layer.bias)
        case scratch.BatchNorm2d():
            return nn.BatchNorm2d(layer.channels, eps=layer.epsilon, momentum=layer.momentum)
        case scratch.ReLU():
            return nn.ReLU()
        case scratch.Sigmoid():
            return nn.Sigmoid()
        case scratch.Flatten():
            return nn.Flatten()
    raise ShapeError(f"{layer!r} has no twin in torch.", hint="Dropout draws other numbers there; leave it out.")


def _gradient(tensor: Tensor) -> Tensor:
    if tensor.grad is None:  # torch gives every leaf and retained tensor one
        raise ShapeError("torch gave no gradient for a tensor of the twin.")
    return tensor.grad


def _difference(index: str, kind: str, what: str, ours: Array, theirs: Tensor, scale: float = 0.0) -> Difference:
    """One row: an array of ours against torch's. Values that are not finite differ infinitely."""
    reference = theirs.detach().numpy()
    size = float(np.abs(reference).max())
    largest = float(np.abs(ours - reference).max())
    scale = max(size, scale)
    error = largest / scale if scale else (0.0 if not largest else math.inf)
    error = error if math.isfinite(error) else math.inf
    return Difference(index, kind, what, tuple(reference.shape), size, error)


# -- the twin of a run or of a recipe ----------------------------------------------------------------------------------

Opened = tuple[Network, Array, NDArray[Any], CrossEntropy]  # network, images, targets, loss


def open_twin(
    named: str,
    overrides: Sequence[str],
    pictures: int,
    dtype: str,
    *,
    data: Path | None = None,
    caching: CachingProgress | None = None,
) -> Opened:
    """(network, images, targets, loss): the best weights of a run, or the first weights of a recipe.

    Raises RecipeError if neither has that name, or if it is not of the NumPy network.
    """
    run = RunFolder.open(Path(named)) if (Path(named) / "recipe.yaml").is_file() else None
    if run is not None and overrides:
        raise RunError("is a finished run, which takes no overrides.", where=named, hint="Name its recipe instead.")
    recipe = load_recipe(named, overrides) if run is None else check_recipe(run.recipe_tree(), where=named)
    check_allowed(recipe, named)
    if engine_named(recipe.engine) is not NumpyLearner:
        raise RecipeError(
            "is computed by torch already; only networks of `engine: scratch` have a twin.",
            where=named,
            hint="Try scenes/scratch_fcn.",
        )
    learner, images, targets = _open(recipe, pictures, data, caching)
    if run is not None:
        arrays, _ = load_checkpoint(run.path / "best", "model")
        learner.load(arrays, where=str(run.path / "best"))
    network, (loss, *_) = learner.network, learner.losses.values()
    kind = np.dtype(dtype)
    for layer in network.layers:
        for held in (layer.parameters, layer.statistics):
            held.update({name: value.astype(kind) for name, value in held.items()})
    return network, images.astype(kind), targets, loss


def _open(
    recipe: Recipe, pictures: int, data: Path | None, caching: CachingProgress | None
) -> tuple[NumpyLearner, Array, NDArray[Any]]:
    """The recipe's first weights, and the first training pictures with their targets."""
    material = open_material(recipe, root=data, progress=caching)
    task, split = build_task(recipe, material.info, material.findings), material.train
    learner = NumpyLearner(recipe, task, split.size, NumpyChoices(threads=1, allocator=False))
    learner.weigh(material.counts)
    batch = learner.encode([split[index] for index in range(min(pictures, len(split)))])
    (targets,) = batch.targets.values()
    return learner, normalised(batch.images, task.input), targets
