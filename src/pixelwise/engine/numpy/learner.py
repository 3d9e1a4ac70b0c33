"""The NumPy network for a task: made, trained, evaluated, kept."""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from pixelwise.engine.base import Arrays, Batch, Choices, Learner, Processes
from pixelwise.engine.build import Material, build, build_losses
from pixelwise.engine.checks.guard import CALMER
from pixelwise.engine.hardware.allocator import keep_large_buffers
from pixelwise.engine.numpy.reductions import REDUCTIONS, enlarged, vector
from pixelwise.engine.order import draw_order, seed_of
from pixelwise.errors import DeviceError, Problem, RunError, ShapeError, TrainingError, listing
from pixelwise.imaging.colour import grey_sum
from pixelwise.recipe.schema import Hardware, Recipe
from pixelwise.run.environment import cores
from pixelwise.run.progress import Sums
from pixelwise.scratch.checks import Array
from pixelwise.scratch.functional import CrossEntropy
from pixelwise.scratch.layers import Conv2d, ConvTranspose2d, Flatten, Gradients, Layer, Linear, Shape
from pixelwise.scratch.network import Network
from pixelwise.tasks.base import Head, Input, Task
from pixelwise.types import Sample


@dataclass(frozen=True)
class NumpyChoices:
    """How a run of the NumPy network is computed.

    threads:    among which the network divides a batch; another number may round otherwise
    allocator:  whether large buffers are kept between steps
    """

    threads: int
    allocator: bool
    engine: str = "NumPy"
    device: str = "cpu"
    precision: str = "fp32"
    layout: str = "channels_last"
    notes: tuple[str, ...] = ()

    def as_record(self) -> dict[str, Any]:
        return {**asdict(self), "notes": list(self.notes)}

    def apply(self) -> None:
        if self.allocator:
            keep_large_buffers()


class NumpyLearner(Learner):
    """The recipe's NumPy network. `losses`: head → loss."""

    reducing = (REDUCTIONS, enlarged)
    losses: Mapping[str, CrossEntropy]

    def __init__(self, recipe: Recipe, task: Task, size: tuple[int, int], choices: Choices) -> None:
        super().__init__(recipe, task, size, choices)
        self.threads = int(choices.as_record()["threads"])
        shape = (task.input.channels, *size)
        self.network: Network = build(
            "model", recipe.model, shape, task.out_channels, recipe.train.seed, self.threads, engine=recipe.engine
        )
        self.any_size = not any(isinstance(layer, Linear | Flatten) for layer in self.network.layers)
        self._blas_is_limited = False

    @classmethod
    def choose(cls, hardware: Hardware, *, memory: Path, processes: Processes) -> Choices:
        """The recipe's number of threads, else that of OMP_NUM_THREADS, else one for each core."""
        said = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
        threads = hardware.threads or (int(said) if said.isdecimal() else 0) or cores()
        return NumpyChoices(threads, keep_large_buffers())

    @classmethod
    def recall(cls, record: Mapping[str, Any], *, processes: Processes) -> Choices:
        return NumpyChoices(int(record["threads"]), bool(record.get("allocator")))

    @classmethod
    def choose_again(cls, record: Mapping[str, Any], *, device: str, memory: Path) -> Choices:
        if device not in ("auto", "cpu"):
            what = f"read '{device}'; the run is of the NumPy network, which computes on the CPU."
            raise DeviceError(what, where="device")
        return cls.recall(record, processes=Processes())

    # -- training -------------------------------------------------------------------------------------------------

    def weigh(self, counts: Any) -> None:
        self.losses = build_losses(self.recipe, self.task, counts)

    def equip(self, material: Material, processes: Processes, stop: Callable[[], bool]) -> None:
        self.material, self.stop = material, stop
        self.labels = material.labels_to_balance(self.recipe.data.sampling)
        self.optimizer = build("optimizer", self.recipe.train.optimizer, engine=self.recipe.engine)

    def begin(self, number: int) -> int:
        return sum(value.size for value in self.network.parameters.values())

    def batches(self, epoch: int, *, skip: int, steps: int) -> Iterator[Batch]:
        recipe, split = self.recipe, self.material.train
        order = draw_order(len(split), recipe.train.seed, epoch, recipe.data.sampling, self.labels)
        size = recipe.train.batch
        for start in range(skip * size, min(steps * size, len(order)), size):
            yield self.encode([split[index] for index in order[start : start + size]])
            split.release()

    def step(self, batch: Batch, rate: float, step: int) -> Sums:
        draws = np.random.default_rng(seed_of(self.recipe.train.seed, "step", step))
        with np.errstate(over="ignore", invalid="ignore"):  # reported below, with the names of the pictures
            scores, caches = self.network.forward(normalised(batch.images, self.task.input), draws)
            sums, gradient = self._compared(scores, batch)
            for top, below in sums.values():
                if not math.isfinite(top):
                    raise TrainingError(
                        f"the loss became {top / below if below else top} with the pictures {listing(batch.names, 20)}.",
                        where=f"step {step + 1}",
                        hint=CALMER,
                    )
            gradients = self.network.backward(gradient, caches)
            self.optimizer.update(self.network.parameters, clipped(gradients, self.recipe.train.clip), rate)
        return sums

    def _compared(self, scores: Array, batch: Batch) -> tuple[Sums, Array]:
        """The terms of the losses, and the gradient of their sum by the scores."""
        sums, gradients = {}, []
        for name, part in _parts(scores, self.task.heads).items():
            if name in self.losses and name in batch.targets:
                sums[name], cache = self.losses[name].forward(part, batch.targets[name])
                gradients.append(self.losses[name].backward(cache))
            else:
                gradients.append(np.zeros_like(part))
        return sums, gradients[0] if len(gradients) == 1 else np.concatenate(gradients, axis=1)

    def training_batch(self, indices: Sequence[int]) -> Batch:
        return self.encode([self.material.train[index] for index in indices])

    @property
    def stopped(self) -> bool:
        return self.stop()

    def check_weights(self, step: int) -> None:
        broken = [name for name, value in self.network.state().items() if not np.isfinite(value).all()]
        if broken:
            what = f"the weights are no longer finite: {listing(broken, 4)}."
            raise TrainingError(what, where=f"step {step}", hint=CALMER)

    @contextmanager
    def copied(self) -> Iterator[Self]:
        twin, before = copy.copy(self), {name: value.copy() for name, value in self.network.state().items()}
        twin.optimizer = copy.deepcopy(self.optimizer)
        try:
            yield twin
        finally:
            self.network.load_state(before)  # its arrays are shared with the copy

    @contextmanager
    def computing(self) -> Iterator[None]:
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1, user_api="blas"):  # the network divides the batch among its own threads
            self._blas_is_limited = True
            try:
                yield
            finally:
                self._blas_is_limited = False

    # -- evaluation and prediction --------------------------------------------------------------------------------

    @property
    def multiple(self) -> int:
        return network_stride(self.network)

    def encode(self, samples: Sequence[Sample]) -> Batch:
        grey = self.task.input.channels == 1
        images = np.stack([grey_sum(sample.image) if grey else sample.image for sample in samples])
        encoded = [self.task.encode(sample) for sample in samples]
        heads = [head for head in self.task.heads if all(head in targets for targets in encoded)]
        targets = {head: np.array([one[head] for one in encoded]) for head in heads}
        return Batch(images, targets, tuple(sample.name for sample in samples))

    def forward(self, batch: Batch) -> Any:
        """head → scores, averaged over views where some are asked for: mirrored pictures, whose network is the same."""
        if self.views is None:
            return self._scores(batch.images)
        if self.views.scales != (1.0,):
            what = "the NumPy network computes each picture at one scale."
            raise RunError(what, where="--scales", hint="Leave it out; --flips can be used.")
        own, mirrored = self._scores(batch.images), self._scores(batch.images[:, :, ::-1])
        averaged = {}
        for name, scores in own.items():
            back = mirrored[name][..., ::-1] if scores.ndim == 4 else mirrored[name]
            shares = (vector(scores) + vector(back)) / 2
            averaged[name] = np.log(np.maximum(shares, np.finfo(shares.dtype).tiny))
        return averaged

    def _scores(self, images: NDArray[Any]) -> dict[str, Array]:
        """head → scores. Pictures of another size than the training's get zeros below and to the right up to a multiple
        of the network's stride, the mean colour once they are normalised, and their scores are cropped again.
        """
        from threadpoolctl import threadpool_limits

        pictures = normalised(images, self.task.input)
        height, width = pictures.shape[2:]
        below, right = (0, 0) if (height, width) == self.size else (-height % self.multiple, -width % self.multiple)
        if below or right:
            pictures = np.pad(pictures, ((0, 0), (0, 0), (0, below), (0, right)))
        limits: AbstractContextManager[Any] = nullcontext()
        if not self._blas_is_limited:  # the network's threads divide a batch; of one picture they divide the products
            limits = threadpool_limits(self.threads if len(pictures) == 1 else 1, user_api="blas")
        with np.errstate(over="ignore", invalid="ignore"), limits:
            scores, _ = self.network.forward(pictures)
        scores = scores[:, :, :height, :width] if below or right else scores
        self._check_shape(scores, (height, width))
        return _parts(scores, self.task.heads)

    def _check_shape(self, scores: Array, size: tuple[int, int]) -> None:
        wanted = size if self.task.per == "pixel" else ()
        if scores.shape[2:] != wanted:
            found, needed = ("×".join(["C", *map(str, shape)]) for shape in (scores.shape[2:], wanted))
            raise ShapeError(
                f"the network gives scores {found} for each picture; the task needs {needed}.",
                where="model",
                hint="A classifier ends in Linear, a network for segmentation in scores of the picture's size (fcn).",
            )

    def terms(self, outputs: Any, batch: Batch) -> Sums:
        with np.errstate(over="ignore", invalid="ignore"):
            return {
                name: loss.forward(outputs[name], batch.targets[name])[0]
                for name, loss in self.losses.items()
                if name in batch.targets
            }

    # -- state ----------------------------------------------------------------------------------------------------

    def state(self, which: Literal["best", "last"]) -> dict[str, dict[str, NDArray[Any]]]:
        parts = {"model": self.network.state()}
        if which == "last":
            parts["optimizer"] = self.optimizer.state()
        return parts

    def load(self, parts: Mapping[str, Arrays], where: str) -> None:
        try:
            self.network.load_state(parts["model"])
            if "optimizer" in parts:
                self.optimizer.load_state(parts["optimizer"])
                self.optimizer.check(self.network.parameters)
        except ShapeError as error:
            problems = [
                Problem(f"{where}: {p.where}" if p.where else where, p.what, p.hint) for p in error.problems[:5]
            ]
            raise RunError.all(problems) from error

    def describe(self) -> dict[str, Any]:
        befores = [self.network.input_shape, *self.network.shapes]
        parts = zip(self.network.layers, befores, self.network.shapes, strict=False)
        rows = [layer_record(index, layer, before, after) for index, (layer, before, after) in enumerate(parts)]
        return {
            "name": self.recipe.model.name,
            "options": self.recipe.model.options,
            "input": list(self.network.input_shape),
            "parameters": sum(row["parameters"] for row in rows),
            "macs": sum(row["macs"] for row in rows),
            "layers": rows,
        }


def layer_record(index: int, layer: Layer, before: Shape, after: Shape) -> dict[str, Any]:
    """One layer: what it reads and gives, its window, its parameters and multiply-adds for one picture."""
    window = getattr(layer, "window", None)
    return {
        "layer": str(index),
        "kind": type(layer).__name__,
        "in_channels": before[0],
        "out_channels": after[0],
        "kernel": None if window is None else list(window.kernel),
        "stride": None if window is None else list(window.stride),
        "padding": None if window is None else list(window.padding),
        "output": list(after[1:]) or None,
        "parameters": sum(value.size for value in layer.parameters.values()),
        "macs": multiply_adds(layer, before, after),
    }


def multiply_adds(layer: Layer, before: Shape, after: Shape) -> int:
    """Multiply-adds of a layer for one picture: the products with weights, without biases."""
    if isinstance(layer, Linear | Conv2d):  # every output pixel of every filter reads one window; Linear has one place
        return int(math.prod(after[1:]) * math.prod(layer.weight_shape))
    if isinstance(layer, ConvTranspose2d):  # every input pixel writes one window
        return int(math.prod(before[1:]) * math.prod(layer.weight_shape))
    return 0


def normalised(images: NDArray[Any], reads: Input) -> Array:
    """The network's input, (N, C, H, W) float32: (x − 255·mean)/(255·std) for RGB, x/765 for grey sums."""
    if reads.channels == 1:
        return images[:, None].astype(np.float32) * np.float32(1 / 765)
    if reads.mean_image is not None:
        centred = images - reads.mean_image
    else:
        centred = images - (255 * np.asarray(reads.mean or 0.0)).astype(np.float32)
    if reads.std is not None:
        centred *= (1 / (255 * np.asarray(reads.std))).astype(np.float32)
    moved: Array = centred.transpose(0, 3, 1, 2)
    return moved


def clipped(gradients: Gradients, largest: float | None) -> Gradients:
    """The gradients, all scaled by one factor if their common norm exceeds `largest` (Pascanu et al. 2013)."""
    if largest is None:
        return gradients
    norm = math.sqrt(sum(float(np.square(value, dtype=np.float64).sum()) for value in gradients.values()))
    if norm > largest:
        return {name: value * value.dtype.type(largest / norm) for name, value in gradients.items()}
    return gradients


def network_stride(network: Network) -> int:
    """The factor by which a network makes pictures smaller at its coarsest layer. Sides should be multiples of it."""
    coarse, strides = 1, [Fraction(1), Fraction(1)]
    for layer in network.layers:
        if (window := getattr(layer, "window", None)) is not None:
            grows = isinstance(layer, ConvTranspose2d)
            strides = [held / step if grows else held * step for held, step in zip(strides, window.stride, strict=True)]
            coarse = math.lcm(coarse, *(stride.numerator for stride in strides))
    return coarse


def _parts(scores: Array, heads: Mapping[str, Head]) -> dict[str, Array]:
    """head → its channels of the scores, which lie side by side."""
    if len(heads) == 1:
        return dict.fromkeys(heads, scores)
    places = np.cumsum([head.channels for head in heads.values()])[:-1]
    return dict(zip(heads, np.split(scores, places, axis=1), strict=True))
