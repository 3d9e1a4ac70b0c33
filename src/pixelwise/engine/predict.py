"""A trained run put to work: its best weights opened without its data set, and pictures of any size labelled."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from pydantic import ValidationError
from torch import Tensor, nn
from torch.nn import functional

from pixelwise.engine.build import build_model, build_task, cache_folder, place
from pixelwise.engine.checkpoint import load_model
from pixelwise.engine.faults.explain import explain_memory
from pixelwise.engine.hardware.device import Choices, choose
from pixelwise.engine.scoring.evaluate import forward, predict_samples
from pixelwise.engine.setup import recorded_data, says
from pixelwise.engine.tiles import cover, cut
from pixelwise.errors import DeviceError, RunError
from pixelwise.imaging.canvas import Canvas, PerPixel
from pixelwise.imaging.resize import resize_image
from pixelwise.recipe.load import check_recipe
from pixelwise.recipe.schema import Hardware, Recipe
from pixelwise.run.checkpoint import load_checkpoint
from pixelwise.run.folder import RunFolder
from pixelwise.tasks.base import Task
from pixelwise.types import DatasetInfo, Image, Labels, Sample
from pixelwise.yaml_text import parse

Checkpoint = Literal["best", "last"]
BAND = 1_000_000  # scores that are enlarged and decoded at a time: 4 MB, so that they stay in the cache
COARSEST = 32  # tiles start at multiples of it, or of the model's stride: coarse grids lie as in the whole picture


@dataclass(frozen=True, eq=False)
class Trained:
    """A run that can label pictures.

    step, epoch:  when the checkpoint was written
    info:         the classes that the run was trained on, from its own record: the data set need not be there
    model:        in evaluation mode, on its device, in its memory layout
    size:         (H, W) of the pictures that it was trained on
    """

    run: RunFolder
    recipe: Recipe
    checkpoint: Checkpoint
    step: int
    epoch: int
    info: DatasetInfo
    task: Task
    model: nn.Module
    choices: Choices
    size: tuple[int, int]


def open_trained(run: RunFolder, *, checkpoint: Checkpoint = "best", device: str = "auto") -> Trained:
    """The run's task and model with the weights of a checkpoint, ready to predict.

    Precision and layout are the run's; where this is another machine, bf16 on a CPU is tried before it is used. Raises RunError
    where the checkpoint is missing, cut short or of another architecture, DeviceError where there is no such device.
    """
    recipe = check_recipe(parse(run.recipe_file), where=str(run.recipe_file))
    if recipe.engine != "torch":
        raise RunError(
            "was trained by the NumPy network.",
            where=str(run.path),
            hint="pixelwise.engine.scratch.predict opens it; the commands `evaluate` and `predict` know that.",
        )
    setup = run.read("setup")
    info, size, recorded = _read_setup(run, setup)
    folder = run.path / checkpoint
    arrays, state = load_checkpoint(folder, "model")
    choices = _choose_as_recorded(device, recorded)
    choices.apply()
    task = build_task(recipe, info, None, setup.get("findings", {}))
    model = build_model(recipe, task)
    load_model(model, arrays["model"], where=str(folder))
    progress = state["progress"]
    placed = place(model, choices).eval()
    return Trained(run, recipe, checkpoint, progress["step"], progress["epoch"], info, task, placed, choices, size)


def _read_setup(run: RunFolder, setup: Any) -> tuple[DatasetInfo, tuple[int, int], Choices]:
    info, size = recorded_data(run, setup)
    with says(run, "how the run was computed"):
        return info, size, Choices.from_record(setup["choices"])


def _choose_as_recorded(device: str, recorded: Choices) -> Choices:
    """The run's own choices on this machine, so that its scores come out again; bf16 only where it works.

    On another kind of device bf16 is taken where it is faster, as `auto` means.
    """
    kind = "cuda" if device.startswith("cuda") or (device == "auto" and torch.cuda.is_available()) else "cpu"
    in_bf16 = "bf16" if kind == recorded.torch_device.type else "auto"
    precision = "fp32" if recorded.precision == "fp32" else in_bf16
    memory = cache_folder(None)
    try:
        return choose(_hardware(device, precision, recorded), memory=memory)
    except DeviceError:
        if precision != "bf16":
            raise
        return choose(_hardware(device, "auto", recorded), memory=memory)  # raises again where the device is at fault


def _hardware(device: str, precision: str, recorded: Choices) -> Hardware:
    try:
        return Hardware.model_validate(
            {
                "device": device,
                "precision": precision,
                "layout": "channels_last" if recorded.layout == "channels_last" else "contiguous",
                "deterministic": recorded.deterministic,
            }
        )
    except ValidationError as error:
        raise DeviceError(f"read '{device}'; allowed are auto, cpu, cuda and cuda:N.", where="device") from error


def predict_labels(trained: Trained, images: Sequence[Image]) -> list[Labels]:
    """The class of each picture (H, W, 3), all of the size of the training pictures (`resize_image` brings them there)."""
    samples = [Sample(f"picture {number}", image) for number, image in enumerate(images)]
    found = predict_samples(trained.task, trained.model, samples, trained.choices)
    labels = [prediction for prediction in found if isinstance(prediction, Labels)]
    if len(labels) < len(found):
        raise RunError(f"its task '{trained.recipe.task.name}' gives no label.", where=str(trained.run.path))
    return labels


def predict_resized(trained: Trained, image: Image) -> PerPixel:
    """The class (or colour) of every pixel of a picture (H, W, 3) of any size, computed at the size of the training pictures.

    The picture is resized to the recipe's size, and the scores (not the finished class map, whose outlines would turn
    into stairs) are resized back bilinearly, a band of rows at a time, so that memory does not grow with classes × pixels.
    """
    canvas = Canvas(image.shape[:2], len(trained.info.classes))
    scores = _scores(trained, resize_image(image, trained.size))
    for rows, band in enlarged(scores, canvas.size):
        _put(trained, canvas, band, rows, slice(0, canvas.size[1]))
    return canvas.finished()


def predict_tiles(trained: Trained, image: Image, *, tile: int = 512, overlap: int = 64) -> PerPixel:
    """The class (or colour) of every pixel of a picture (H, W, 3), computed at its own size; larger ones in tiles.

    Memory is that of one tile, beside the picture and its class map. A picture that fits into one tile is computed whole.
    Raises ShapeError where the overlap leaves nothing of a tile.
    """
    canvas = Canvas(image.shape[:2], len(trained.info.classes))
    for rows, columns in cut(canvas.size, tile, overlap, multiple=_multiple(trained)):
        scores = _scores(trained, image[rows.read, columns.read])[..., rows.inner, columns.inner]
        _put(trained, canvas, scores, rows.kept, columns.kept)
    return canvas.finished()


def check_tiles(trained: Trained, tile: int, overlap: int) -> None:
    """Raise ShapeError where tiles of this size and overlap cannot cover a large picture."""
    cover(tile + 1, tile, overlap, multiple=_multiple(trained))


def _multiple(trained: Trained) -> int:
    return math.lcm(COARSEST, getattr(trained.model, "stride", 1))


def enlarged(scores: Tensor, size: tuple[int, int]) -> Iterator[tuple[slice, Tensor]]:
    """Scores (1, C, h, w) at `size` (H, W), as bands (1, C, rows, W) of few rows with the rows that they fill.

    Together they are `interpolate(scores, size, mode="bilinear", align_corners=False)`, which is separable: the rows of a
    band are mixed from the two nearest ones here, and torch's kernel then widens a band whose height stays as it is.
    """
    height, width = size
    step = max(1, BAND // (scores.shape[1] * width))
    centres = (torch.arange(height, dtype=torch.float32) + 0.5) * (scores.shape[2] / height) - 0.5
    centres = centres.clamp(min=0)
    upper = centres.long()
    lower = (upper + 1).clamp(max=scores.shape[2] - 1)
    share = (centres - upper).to(scores.dtype)[:, None]
    upper, lower, share = upper.to(scores.device), lower.to(scores.device), share.to(scores.device)
    for start in range(0, height, step):
        rows = slice(start, min(start + step, height))
        if scores.shape[2] == height:
            mixed = scores[:, :, rows]
        else:
            mixed = torch.lerp(scores[:, :, upper[rows]], scores[:, :, lower[rows]], share[rows])
        # with the classes of a pixel side by side widening and argmax take a third of the time
        mixed = mixed.contiguous(memory_format=torch.channels_last)
        if scores.shape[3] != width:
            mixed = functional.interpolate(mixed, (mixed.shape[2], width), mode="bilinear", align_corners=False)
        yield rows, mixed


def _scores(trained: Trained, image: Image) -> Tensor:
    """The scores (1, C, H, W) of one picture, float32."""
    try:
        with torch.inference_mode():
            outputs, _ = forward(trained.task, trained.model, [Sample("picture", image)], trained.choices)
    except (RuntimeError, MemoryError) as error:
        if explain_memory(error, 1) is None:
            raise
        height, width = image.shape[:2]
        raise DeviceError(
            f"there is not enough memory for {width}×{height} pixels at once.",
            hint="Lower --tile, or use --scale recipe.",
        ) from error
    if not isinstance(outputs, Tensor) or outputs.ndim != 4:
        raise RunError(
            f"its task '{trained.recipe.task.name}' gives no scores for each pixel.", where=str(trained.run.path)
        )
    return outputs.float()


def _put(trained: Trained, canvas: Canvas, scores: Tensor, rows: slice, columns: slice) -> None:
    """Decode scores (1, C, h, w) into their place, a band at a time: softmax needs as much memory as they have."""
    step = max(1, BAND // (scores.shape[1] * scores.shape[3]))
    with torch.inference_mode():
        for start in range(0, scores.shape[2], step):
            part = scores[:, :, start : start + step]
            (decoded,) = trained.task.decode(part)
            # softmax of the largest score: 1 / Σ exp(score − max)
            chosen = 1 / (part - part.amax(dim=1, keepdim=True)).exp_().sum(dim=1)
            place = slice(rows.start + start, rows.start + start + part.shape[2])
            canvas.put(decoded, chosen[0].cpu().numpy(), place, columns)
