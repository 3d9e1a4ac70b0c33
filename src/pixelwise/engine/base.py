"""What an engine is: it computes a model for a task. There are two, `engine/torch/` and `engine/numpy/`.

    samples ── encode ──► Batch ── forward ──► outputs ──┬── terms ───► Sums
                                                         └── reduced ──► Reduced, one per picture ── task.decode ──► Prediction

Everything above exists once: the training loop (fit.py), evaluation, resume, finish, and prediction of files (predict/).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self, TypeVar, cast

from numpy.typing import NDArray

from pixelwise.engine.functions import function_of
from pixelwise.engine.reduced import Crop, Enlarge, reduced_bands, reduced_pictures
from pixelwise.engine.views import Views
from pixelwise.errors import Problem
from pixelwise.recipe.engines import ENGINES
from pixelwise.recipe.schema import Hardware, Recipe
from pixelwise.run.folder import RunFolder
from pixelwise.run.progress import Sums
from pixelwise.shelf import Shelf
from pixelwise.types import DatasetInfo, Sample

if TYPE_CHECKING:
    from pixelwise.engine.build import Material
    from pixelwise.tasks.base import Reduced, Task

T = TypeVar("T")
Arrays = Mapping[str, NDArray[Any]]
# What is evaluated at a time at most, never decided by train.batch: pictures whose pixels or which themselves are labelled,
EVALUATED = {"pixel": 16, "picture": 64}
EVALUATED_PIXELS = 1 << 18  # and their pixels


@dataclass(frozen=True, eq=False)
class Batch:
    """Samples on their way through a model.

    images:   (B, H, W, 3) uint8 or (B, H, W) grey sums, in the engine's own arrays; a list where their sizes differ
    targets:  head → what the loss compares with, stacked or as a list, if it is known; for objects: boxes, labels, masks
    names:    the samples' names, for messages
    idle:     a stand-in that keeps one of several processes in step; it counts nothing
    """

    images: Any
    targets: Mapping[str, Any]
    names: tuple[str, ...]
    idle: bool = False

    def __len__(self) -> int:
        return len(self.names)

    def first(self, count: int) -> Self:
        """The first `count` samples of the batch."""
        targets = {head: target[:count] for head, target in self.targets.items()}
        return replace(self, images=self.images[:count], targets=targets, names=self.names[:count])


@dataclass(frozen=True)
class Processes:
    """The rank of this process, and the number of processes. This class is for a single process; engine/torch has several."""

    rank: int = 0
    count: int = 1
    local_rank: int = 0

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and prints."""
        return self.rank == 0

    def gather(self, value: T) -> list[T]:
        """Every process's value, in every process."""
        return [value]

    def from_first(self, make: Callable[[], T]) -> T:
        """The first process's value of `make`, given to every process. Its PixelwiseError is raised in every process too."""
        return make()

    def wait(self) -> None:
        """Wait until every process is here."""


def engine_named(name: str) -> type[Learner]:
    """The engine of that name in recipes. This is the one place that tells them apart; it imports torch for its own."""
    return cast(type[Learner], function_of(ENGINES[name].learner))


class Choices(Protocol):
    """How a run is computed: decided once, recorded in setup.json, reused by a resume. `notes`: a line for each trial."""

    @property
    def notes(self) -> tuple[str, ...]: ...

    def as_record(self) -> dict[str, Any]: ...

    def apply(self) -> None:
        """Make this process follow the choices. Raises DeviceError if this machine cannot."""


class Learner(ABC):
    """A recipe's model on its device, for a task: what both engines implement.

    size:      (H, W) of the pictures as the recipe resizes them: it is validated at it; augmentation may change it
    stopped:   whether any process was asked to stop; known after each step
    any_size:  whether pictures of another size than `size` can be computed
    ragged:    whether the pictures that are evaluated have different sizes, so that each is its own batch
    multiple:  tiles of a large picture start at multiples of it
    evaluation_batch:  pictures that are evaluated at a time
    losses:    head → loss
    views:     of which `forward` averages the probabilities; None: of the picture itself
    reducing:  the engine's reductions, and what enlarges scores
    """

    reducing: ClassVar[tuple[Shelf, Enlarge]]
    losses: Mapping[str, Any]
    recipe: Recipe
    task: Task
    size: tuple[int, int]
    choices: Choices
    processes: Processes
    any_size: bool = True
    ragged: bool = False
    views: Views | None = None

    # -- making one: `Learner(recipe, task, size, choices)` has the first weights, drawn from the recipe's seed

    @classmethod
    def alone(cls) -> Processes:
        """This process by itself."""
        return Processes()

    @classmethod
    def join(cls, device: str) -> AbstractContextManager[Processes]:
        """Join the processes that train together."""
        return nullcontext(Processes())

    @classmethod
    @abstractmethod
    def choose(cls, hardware: Hardware, *, memory: Path, processes: Processes) -> Choices:
        """Decide every `auto`; what was found out about this machine is remembered in the folder `memory`."""

    @classmethod
    @abstractmethod
    def recall(cls, record: Mapping[str, Any], *, processes: Processes) -> Choices:
        """The choices of a run, to resume it."""

    @classmethod
    @abstractmethod
    def choose_again(cls, record: Mapping[str, Any], *, device: str, memory: Path) -> Choices:
        """The choices of a run on this machine and device, to evaluate it or to predict. Raises DeviceError."""

    def __init__(self, recipe: Recipe, task: Task, size: tuple[int, int], choices: Choices) -> None:
        self.recipe, self.task, self.size, self.choices = recipe, task, size, choices
        self.processes, self.losses = self.alone(), {}
        self.stop: Callable[[], bool] = lambda: False

    @abstractmethod
    def weigh(self, counts: Any) -> None:
        """Build the losses of the recipe and its phases, weighted by how often each class occurs in the training set."""

    @property
    def weighted(self) -> tuple[str, Any] | None:
        """The first head whose loss weighs classes, and that loss, for the report; None if none does."""
        return next(((head, loss) for head, loss in self.losses.items() if loss.weights is not None), None)

    @abstractmethod
    def equip(self, material: Material, processes: Processes, stop: Callable[[], bool]) -> None:
        """Build what a training needs besides the model and its losses: the batches, the optimizer."""

    def training_size(self, material: Material) -> tuple[int, int] | None:
        """(H, W) of the training pictures as the model sees them, after augmentation; None if they differ."""
        return self.size

    def problems(self) -> list[Problem]:
        """A problem for everything that the recipe expects of the model but the model does not have, e.g. a part to freeze."""
        return []

    # -- training

    @abstractmethod
    def begin(self, number: int) -> int:
        """Begin (or continue) the phase of this number: its loss, its frozen parts. The number of parameters that learn."""

    @abstractmethod
    def batches(self, epoch: int, *, skip: int, steps: int) -> Iterator[Batch]:
        """The training batches of this process in an epoch, from number `skip` up to `steps`; they depend on nothing else."""

    @abstractmethod
    def step(self, batch: Batch, rate: float, step: int) -> Sums:
        """One update of the weights; `step` counts those before it. The loss terms, summed over all processes.

        Raises TrainingError, before any weight has changed, if the loss is not finite.
        """

    @abstractmethod
    def training_batch(self, indices: Sequence[int]) -> Batch:
        """Training pictures by their indices, as the first epoch shows them: augmented and encoded."""

    @property
    @abstractmethod
    def stopped(self) -> bool: ...

    @abstractmethod
    def check_weights(self, step: int) -> None:
        """Raise TrainingError where weights or statistics are no longer finite."""

    @abstractmethod
    def copied(self) -> AbstractContextManager[Self]:
        """A throw-away copy with its own weights, statistics and optimizer; random states are restored at the end.

        Raises copy.Error for a model that cannot be copied, but the error itself if there is not enough memory.
        """

    def computing(self) -> AbstractContextManager[Any]:
        """The context in which a whole training or evaluation runs."""
        return nullcontext()

    # -- evaluation and prediction

    def averaged(self) -> AbstractContextManager[Any]:
        """Within, the learner has the weights that a best checkpoint keeps: the averaged ones, where the recipe has `ema`."""
        return nullcontext()

    def synchronise(self) -> None:  # noqa: B027 - one process alone has nothing to do
        """Give every process the same statistics. All processes call it before an evaluation."""

    @property
    def evaluation_batch(self) -> int:
        """The batch size of an evaluation. It depends only on task and picture size, so no score depends on `train.batch`."""
        most = EVALUATED_PIXELS // (self.size[0] * self.size[1])
        return 1 if self.ragged else max(1, min(EVALUATED[self.task.per], most))

    @property
    @abstractmethod
    def multiple(self) -> int: ...

    @abstractmethod
    def encode(self, samples: Sequence[Sample]) -> Batch:
        """Samples as a batch on the learner's device, with the targets that they have."""

    @abstractmethod
    def forward(self, batch: Batch) -> Any:
        """The model's outputs in evaluation mode, averaged over `views`: head → scores, in the engine's own arrays."""

    @abstractmethod
    def terms(self, outputs: Any, batch: Batch) -> Sums:
        """Numerator and denominator of each term of the loss; empty if there is no loss, or no target."""

    def evaluated(self, samples: Sequence[Sample]) -> tuple[Batch, Any]:
        """Samples as a batch, with the model's outputs for them.

        They are computed in a batch of `evaluation_batch`, which repeats the last sample if it is short: kernels are chosen
        by the shape of a batch, so a shorter batch could change the last bits of a picture's scores.
        """
        missing = self.evaluation_batch - len(samples)
        batch = self.encode([*samples, *[samples[-1]] * missing])
        outputs = self.forward(batch)
        if not missing:
            return batch, outputs
        return batch.first(len(samples)), {head: scores[: len(samples)] for head, scores in outputs.items()}

    def reduced(self, outputs: Any, needs: Sequence[str] = ()) -> list[Reduced]:
        """What `task.decode` reads, for each picture: the heads' reductions and, of every head of categories, `needs`."""
        return reduced_pictures(self.task.heads, outputs, needs, self.reducing[0])

    def bands(
        self,
        outputs: Any,
        *,
        size: tuple[int, int] | None = None,
        crop: Crop | None = None,
        needs: Sequence[str] = (),
    ) -> Iterator[tuple[slice, Reduced]]:
        """The outputs of one picture, resized to `size` or cropped, and reduced last, a few rows at a time.

        The rows are counted from 0 in the resized picture, or in the crop. Memory does not grow with classes × pixels.
        """
        return reduced_bands(self.task.heads, outputs, needs, *self.reducing, size=size, crop=crop)

    # -- state

    @abstractmethod
    def state(self, which: Literal["best", "last"]) -> dict[str, dict[str, NDArray[Any]]]:
        """`model` (weights and statistics; of `best` the averaged ones), and for `last` also `optimizer`, and `ema` where
        the recipe averages weights: part → name → array.
        """

    @abstractmethod
    def load(self, parts: Mapping[str, Arrays], where: str) -> None:
        """Put the parts of a checkpoint back. Raises RunError that lists every name and shape that does not fit."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """What the report says about the architecture: name, options, input, parameters, macs, layers."""


@dataclass(frozen=True, eq=False)
class Opened:
    """A run with the weights of a checkpoint, ready to predict or to be scored (engine/setup.py: `open_learner`).

    step, epoch:  when the checkpoint was written
    info:         the classes that the run was trained on, from its own record: the data set need not be there
    size:         (H, W) of the pictures that it was validated on; augmentation may have trained it at another
    """

    run: RunFolder
    recipe: Recipe
    checkpoint: Literal["best", "last"]
    step: int
    epoch: int
    info: DatasetInfo
    size: tuple[int, int]
    task: Task
    learner: Learner
