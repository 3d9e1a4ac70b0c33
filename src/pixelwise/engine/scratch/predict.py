"""A run of the NumPy network put to work: the same functions as of the torch engine, without torch.

Pictures of any size are labelled: brought to the size of the training pictures, or, by a network without Linear layers, as
they are, in tiles where they are large.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pixelwise.engine.build import build_task
from pixelwise.engine.scratch.tasks import Task
from pixelwise.engine.scratch.train import build_network, load_network
from pixelwise.engine.setup import recorded_data, says
from pixelwise.engine.tiles import cover, cut
from pixelwise.errors import DeviceError, RunError
from pixelwise.imaging.canvas import Canvas, PerPixel
from pixelwise.imaging.resize import resize_image
from pixelwise.recipe.load import check_recipe
from pixelwise.recipe.schema import Recipe
from pixelwise.run.checkpoint import load_checkpoint
from pixelwise.run.folder import RunFolder
from pixelwise.scratch.checks import Array
from pixelwise.scratch.layers import ConvTranspose2d, Flatten, Linear
from pixelwise.scratch.network import Network
from pixelwise.types import DatasetInfo, Image, Labels, Sample
from pixelwise.yaml_text import parse

Checkpoint = Literal["best", "last"]
BAND = 1_000_000  # scores that are enlarged and decoded at a time: 4 MB, so that they stay in the cache


@dataclass(frozen=True, eq=False)
class Trained:
    """A run of the NumPy network that can label pictures.

    step, epoch:  when the checkpoint was written
    info:         the classes that the run was trained on, from its own record: the data set need not be there
    size:         (H, W) of the pictures that it was trained on
    threads:      as many as the run had, because another number may round otherwise
    """

    run: RunFolder
    recipe: Recipe
    checkpoint: Checkpoint
    step: int
    epoch: int
    info: DatasetInfo
    task: Task
    network: Network
    size: tuple[int, int]
    threads: int


def open_trained(run: RunFolder, *, checkpoint: Checkpoint = "best", device: str = "auto") -> Trained:
    """The run's task and network with the weights of a checkpoint, ready to predict.

    Raises RunError where the checkpoint is missing, cut short or of another architecture, DeviceError for any device
    other than the CPU.
    """
    if device not in ("auto", "cpu"):
        raise DeviceError(
            f"read '{device}'; the run is of the NumPy network, which computes on the CPU.", where="device"
        )
    recipe = check_recipe(parse(run.recipe_file), where=str(run.recipe_file))
    if recipe.engine != "scratch":
        raise RunError("was trained by torch, not by the NumPy network.", where=str(run.path))
    setup = run.read("setup")
    info, size = recorded_data(run, setup)
    folder = run.path / checkpoint
    arrays, state = load_checkpoint(folder, "model")
    task: Any = build_task(recipe, info, None, setup.get("findings", {}))
    with says(run, "how the run was computed"):
        threads = int(setup["choices"]["threads"])
    network = build_network(recipe, task, size, threads)
    load_network(network, arrays["model"], where=str(folder))
    progress = state["progress"]
    return Trained(run, recipe, checkpoint, progress["step"], progress["epoch"], info, task, network, size, threads)


def predict_labels(trained: Trained, images: Sequence[Image]) -> list[Labels]:
    """The probabilities of the classes for pictures of the size of the training pictures.

    Raises RunError where the run labels something else than whole pictures.
    """
    found = trained.task.decode(_scores(trained, images))
    labels = [one for one in found if isinstance(one, Labels)]
    if len(labels) != len(images):
        raise RunError(
            f"its task '{trained.recipe.task.name}' gives no class for a whole picture.", where=str(trained.run.path)
        )
    return labels


def predict_resized(trained: Trained, image: Image) -> PerPixel:
    """The class of every pixel of a picture (H, W, 3) of any size, computed at the size of the training pictures.

    The picture is resized to the recipe's size, and the scores (not the finished class map, whose outlines would turn
    into stairs) are resized back bilinearly, a band of rows at a time.
    """
    scores = _pixel_scores(trained, resize_image(image, trained.size))
    canvas = Canvas(image.shape[:2], len(trained.info.classes))
    for rows, band in enlarged(scores, canvas.size):
        _put(trained, canvas, band, rows, slice(0, canvas.size[1]))
    return canvas.finished()


def predict_tiles(trained: Trained, image: Image, *, tile: int = 512, overlap: int = 64) -> PerPixel:
    """The class of every pixel of a picture (H, W, 3), computed at its own size; larger ones in tiles.

    Memory is that of one tile, beside the picture and its class map. A picture that fits into one tile is computed whole.
    Raises RunError for a network that reads pictures of one size only, ShapeError where the overlap leaves nothing.
    """
    stride = _stride(trained)
    canvas = Canvas(image.shape[:2], len(trained.info.classes))
    for rows, columns in cut(canvas.size, tile, overlap, multiple=stride):
        scores = _pixel_scores(trained, image[rows.read, columns.read], stride)
        _put(trained, canvas, scores[..., rows.inner, columns.inner], rows.kept, columns.kept)
    return canvas.finished()


def check_tiles(trained: Trained, tile: int, overlap: int) -> None:
    """Raise ShapeError where tiles of this size and overlap cannot cover a large picture."""
    cover(tile + 1, tile, overlap, multiple=network_stride(trained.network))


def network_stride(network: Network) -> int:
    """By how much a network makes pictures smaller, at its coarsest: sides that are multiples of it leave no rest."""
    coarse, strides = 1, [Fraction(1), Fraction(1)]
    for layer in network.layers:
        if (window := getattr(layer, "window", None)) is not None:
            grows = isinstance(layer, ConvTranspose2d)
            strides = [held / step if grows else held * step for held, step in zip(strides, window.stride, strict=True)]
            coarse = math.lcm(coarse, *(stride.numerator for stride in strides))
    return coarse


def enlarged(scores: Array, size: tuple[int, int]) -> Iterator[tuple[slice, Array]]:
    """Scores (1, C, h, w) at `size` (H, W), as bands (1, C, rows, W) of few rows with the rows that they fill.

    Bilinear, centres aligned: pixel i of H lies at (i + ½)·h/H − ½ of h, between two rows that are mixed by their distance.
    """
    height, width = size
    step = max(1, BAND // (scores.shape[1] * width))
    above, below, share = _between(scores.shape[2], height)
    left, right, part = _between(scores.shape[3], width)
    for start in range(0, height, step):
        rows = slice(start, min(start + step, height))
        upper, lower = scores[:, :, above[rows]], scores[:, :, below[rows]]
        band = upper + (lower - upper) * share[rows, None]
        near = band[..., left]
        yield rows, near + (band[..., right] - near) * part


def _between(length: int, wanted: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """For each of `wanted` places the two of `length` it lies between, and the share of the second."""
    centres = np.maximum((np.arange(wanted) + 0.5) * (length / wanted) - 0.5, 0)
    first = centres.astype(np.intp)
    return first, np.minimum(first + 1, length - 1), (centres - first).astype(np.float32)


def _stride(trained: Trained) -> int:
    if any(isinstance(layer, Linear | Flatten) for layer in trained.network.layers):
        height, width = trained.size
        raise RunError(
            f"its network has Linear layers, so it reads pictures of {width}×{height} only.",
            where=str(trained.run.path),
            hint="Use --scale recipe.",
        )
    return network_stride(trained.network)


def _pixel_scores(trained: Trained, image: Image, stride: int = 1) -> Array:
    """The scores (1, C, H, W) of one picture."""
    scores = _scores(trained, [image], stride)
    if scores.ndim != 4:
        raise RunError(
            f"its task '{trained.recipe.task.name}' gives no scores for each pixel.", where=str(trained.run.path)
        )
    return scores


def _scores(trained: Trained, images: Sequence[Image], stride: int = 1) -> Array:
    """Scores of pictures of one size, (N, C) or (N, C, H, W).

    Where a side is no multiple of `stride` the picture gets zeros below and to the right, the mean colour once it is
    normalised, and the scores are cropped again (as models/padding.py does for torch).
    """
    from threadpoolctl import threadpool_limits

    height, width = images[0].shape[:2]
    try:
        pictures = trained.task.batch([Sample("picture", image) for image in images]).images
        below, right = -height % stride, -width % stride
        if below or right:
            pictures = np.pad(pictures, ((0, 0), (0, 0), (0, below), (0, right)))
        with threadpool_limits(trained.threads, user_api="blas"):
            scores, _ = trained.network.forward(pictures)
    except MemoryError as error:
        raise DeviceError(
            f"there is not enough memory for {width}×{height} pixels at once.",
            hint="Lower --tile, or use --scale recipe.",
        ) from error
    return scores[:, :, :height, :width] if below or right else scores


def _put(trained: Trained, canvas: Canvas, scores: Array, rows: slice, columns: slice) -> None:
    """Decode scores (1, C, h, w) into their place."""
    (decoded,) = trained.task.decode(scores)
    # softmax of the largest score: 1 / Σ exp(score − max)
    chosen = 1 / np.exp(scores - scores.max(axis=1, keepdims=True)).sum(axis=1)
    canvas.put(decoded, chosen[0], rows, columns)
