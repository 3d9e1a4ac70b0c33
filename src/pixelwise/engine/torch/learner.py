"""A model of torch for a task: made, trained, evaluated, kept.

`forward(images)` of a model returns one tensor (all heads side by side) or a map head → scores. A model may also have:

    losses(images, targets) → {name: Term}    its own losses, used in place of the recipe's
    observe(images, targets)                  fits it by looking at each batch once, without a gradient
    prepare(size, per)                        called once after it is built: (H, W) of the pictures, and what has classes
"""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Literal, Self, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pixelwise.engine.base import Arrays, Batch, Learner, Processes
from pixelwise.engine.build import Material, build, build_losses, check_kind
from pixelwise.engine.checks.guard import explain_memory
from pixelwise.engine.hardware.device import Choices, choose, choose_again
from pixelwise.engine.hardware.distributed import TorchProcesses, processes
from pixelwise.engine.order import count_pieces
from pixelwise.engine.torch.average import Average
from pixelwise.engine.torch.loader import Loader, Work, build_augmentation
from pixelwise.engine.torch.model import (
    OwnLosses,
    TensorBatch,
    collate,
    inputs_of,
    load_model,
    load_optimizer,
    model_arrays,
    optimizer_arrays,
    scores_of,
    unknown_parts,
)
from pixelwise.engine.torch.optim import without_compiler
from pixelwise.engine.torch.pieces import Close, Shown, accumulate, blended, mixed
from pixelwise.engine.torch.reductions import REDUCTIONS, enlarged
from pixelwise.engine.torch.update import Total, change, check_weights, descend, keyed_random, total
from pixelwise.engine.torch.views import averaged_scores
from pixelwise.errors import PixelwiseError, Problem, RecipeError, raised
from pixelwise.losses.base import Loss, Term
from pixelwise.models.encoders.base import Encoder
from pixelwise.models.folded import Folding
from pixelwise.models.initialise import initialise
from pixelwise.models.parts import lies_within
from pixelwise.recipe.schema import Hardware, Recipe, Train
from pixelwise.run.progress import Sums
from pixelwise.tasks.base import Reduced, Task
from pixelwise.types import Sample

COARSEST = 32  # tiles start at multiples of it, or of the model's stride: coarse grids lie as in the whole picture


class TorchLearner(Learner):
    """The recipe's model on its device.

    model, shared:  the bare network, and the same one wrapped for several processes
    losses:         head → loss, with which validation is always counted; a phase may have its own losses
    optimizer:      None until `equip`, and for a model without parameters
    """

    reducing = (REDUCTIONS, enlarged)
    choices: Choices
    processes: TorchProcesses

    def __init__(self, recipe: Recipe, task: Task, size: tuple[int, int], choices: Any) -> None:
        super().__init__(recipe, task, size, choices)
        with keyed_random(recipe.train.seed, "weights"):
            model: nn.Module = build("model", recipe.model, task.input.channels, task.out_channels)
            check_kind(model, nn.Module, "model", recipe.model.name)
            initialise(model, recipe.model.init)
        if hasattr(model, "prepare"):
            model.prepare(size, task.per)
        self.model = model.to(device=self.device, memory_format=choices.memory_format)
        self.phase_losses: Sequence[Mapping[str, Loss]] = ()
        self.optimizer: torch.optim.Optimizer | None = None
        self.shared: nn.Module | None = None
        self.average: Average | None = None  # from the first phase on, where the recipe asks for one
        self.phase = 0
        self._stopped = False
        self.any_size = not getattr(model, "whole_pictures", False)

    @classmethod
    def alone(cls) -> Processes:
        return TorchProcesses()

    @classmethod
    def join(cls, device: str) -> AbstractContextManager[Processes]:
        return processes(device)

    @classmethod
    def choose(cls, hardware: Hardware, *, memory: Path, processes: Processes) -> Choices:
        return processes.from_first(lambda: choose(hardware, memory=memory)).on(processes)

    @classmethod
    def recall(cls, record: Mapping[str, Any], *, processes: Processes) -> Choices:
        return Choices.from_record(record).on(processes)

    @classmethod
    def choose_again(cls, record: Mapping[str, Any], *, device: str, memory: Path) -> Choices:
        return choose_again(Choices.from_record(record), device, memory)

    @property
    def device(self) -> torch.device:
        return self.choices.torch_device

    # -- what a training needs ------------------------------------------------------------------------------------

    def weigh(self, counts: Any) -> None:
        phases = [None, *self.recipe.train.phases]
        built = [build_losses(self.recipe, self.task, counts, phase) for phase in phases]
        for losses in built:
            for loss in losses.values():
                loss.to(self.device)
        self.losses, *self.phase_losses = built

    def equip(self, material: Material, processes: Processes, stop: Callable[[], bool]) -> None:
        recipe = self.recipe
        self.processes, self.stop = cast(TorchProcesses, processes), stop
        if self._fits and processes.count > 1:
            raise RecipeError(f"'{recipe.model.name}' is fitted by one process alone.", where="model")
        if any(True for _ in self.model.parameters()):
            without_compiler()
            self.optimizer = build("optimizer", recipe.train.optimizer, self.model)
            check_kind(self.optimizer, torch.optim.Optimizer, "train.optimizer", recipe.train.optimizer.name)
        self.augment = build_augmentation(recipe, material.info)
        self.loader = Loader(
            material.train,
            self.task,
            self.augment,
            batch=recipe.train.batch,
            seed=recipe.train.seed,
            sampling=recipe.data.sampling,
            workers=recipe.data.workers,
            labels=material.labels_to_balance(recipe.data.sampling),
            rank=processes.rank,
            processes=processes.count,
            device=self.device,
        )

    def training_size(self, material: Material) -> tuple[int, int] | None:
        if self.augment is None:
            return self.size
        few = range(min(2, len(material.train)))
        sizes = {self.augment(material.train[index], 0, index).size for index in few}
        return sizes.pop() if len(sizes) == 1 else None

    def problems(self) -> list[Problem]:
        found = list(unknown_parts(self.recipe, self.model))
        if (self._owns or self._fits) and self.task.mixup:
            why = "has its own losses, which cannot mix pictures" if self._owns else "counts whole pictures"
            what = f"has no effect: the model '{self.recipe.model.name}' {why}."
            found.append(Problem("task.mixup", what, "Leave it out."))
        learns = not self._fits and any(True for _ in self.model.parameters())
        for key in ("ema", "accumulate"):
            if not learns and getattr(self.recipe.train, key) != Train.model_fields[key].default:
                what = f"has no effect: the model '{self.recipe.model.name}' has no weights that learn."
                found.append(Problem(f"train.{key}", what, "Leave it out."))
        return found

    @property
    def _owns(self) -> bool:
        return hasattr(self.model, "losses")

    @property
    def _fits(self) -> bool:
        return hasattr(self.model, "observe")

    # -- training -------------------------------------------------------------------------------------------------

    def begin(self, number: int) -> int:
        if self.shared is None:
            freezes = any(phase.freeze for phase in self.recipe.train.phases)
            trained = OwnLosses(self.model) if self._owns else self.model
            self.shared = self.processes.share(trained, self.device, freezes=freezes)
        self.phase = number
        frozen = self.recipe.train.phases[number].freeze
        for name, parameter in self.model.named_parameters():
            parameter.requires_grad_(not lies_within(name, frozen))
        self._set_training()
        still = [module for name, module in self.model.named_modules() if name in frozen]
        self.folding = Folding([module for module in still if isinstance(module, Encoder)])
        if self.recipe.train.ema and self.average is None:
            self.average = Average(self.model, self.recipe.train.ema)
        return sum(p.numel() for p in self.model.parameters() if p.requires_grad)

    def _set_training(self) -> None:
        """Training mode, except for frozen parts: requires_grad alone would leave BatchNorm's statistics moving."""
        assert self.shared is not None
        self.shared.train()
        phase = self.recipe.train.phases[self.phase]
        for name, module in self.model.named_modules():
            fixed = isinstance(module, nn.modules.batchnorm._BatchNorm) and lies_within(name, phase.freeze_statistics)
            if name and (fixed or lies_within(name, phase.freeze)):
                module.eval()

    def batches(self, epoch: int, *, skip: int, steps: int) -> Iterator[Batch]:
        return self.loader.epoch(epoch, skip=skip, steps=steps)

    def step(self, batch: Batch, rate: float, step: int) -> Sums:
        if not self.model.training:
            self._set_training()
        train = self.recipe.train
        with keyed_random(train.seed, "step", step), self.folding.used():
            batch = cast(TensorBatch, batch).to(self.device)
            pieces = self._pieces(len(batch))

            def close(terms: Mapping[str, Term]) -> Total:
                return total(terms, batch, self.processes, self.device, step=step + 1, stop=self.stop())

            if pieces == 1:
                with torch.set_grad_enabled(not self._fits), self.choices.autocast():
                    terms = self._terms(self._shown(batch), self.shared)
                found = close(terms)
                descend(found.loss, self.model, self.optimizer, rate, train.clip)
            else:
                found = self._accumulated(batch, pieces, step, close)
                change(self.model, self.optimizer, rate, train.clip)
            if self.average is not None:
                self.average.update(self.model, step + 1)
        self._stopped = found.stopped
        return found.sums

    def _pieces(self, pictures: int) -> int:
        """Into how many pieces this process cuts its pictures: those of a whole batch in `accumulate`, fewer in fewer."""
        train, processes = self.recipe.train, self.processes
        if train.accumulate == 1:
            return 1
        return processes.least(count_pieces(pictures, train.batch, train.accumulate, processes.count))

    def _accumulated(self, batch: TensorBatch, pieces: int, step: int, close: Close) -> Total:
        """The whole batch's gradient from pieces; each piece has its own key for what is drawn in the model."""

        def compute(piece: Shown, number: int, module: nn.Module) -> dict[str, Term]:
            with keyed_random(self.recipe.train.seed, "step", step, number), self.choices.autocast():
                return self._terms(piece, module)

        bare = OwnLosses(self.model) if self._owns else self.model
        factor = 0.0 if batch.idle else float(self.processes.count)
        cut = self._shown(batch).cut(pieces)
        return accumulate(cut, compute, close, model=bare, shared=self.shared or bare, factor=factor)

    def _shown(self, batch: TensorBatch) -> Shown:
        images = inputs_of(batch.images, self.task.input)
        if self.task.mixup and not self._owns:
            return mixed(images, batch.targets, self.task.mixup)
        return Shown(images, batch.targets)

    def _terms(self, shown: Shown, module: nn.Module | None) -> dict[str, Term]:
        assert module is not None
        if self._owns:
            owned: dict[str, Term] = module(shown.images, shown.targets)
            return owned
        losses = self.phase_losses[self.phase]
        scores = scores_of(module(shown.images), self.task, shown.images)
        own = self._compared(scores, shown.targets, losses)
        if shown.others is not None:
            return blended(own, self._compared(scores, shown.others, losses), shown.share)
        if self._fits:
            self.model.observe(shown.images, shown.targets)
        return own

    def _compared(
        self, scores: Mapping[str, Any], targets: Mapping[str, Any], losses: Mapping[str, Loss]
    ) -> dict[str, Term]:
        """The terms of every head that has a loss and a target: one under its name, or each part of a sum under its own."""
        terms: dict[str, Term] = {}
        for head, loss in losses.items():
            if head in targets:
                target = targets[head]
                by_class = self.task.heads[head].by_class and isinstance(target, Tensor)
                found = loss(scores[head], target.long() if by_class else target)
                if isinstance(found, Mapping):
                    terms |= {part if len(losses) == 1 else f"{head} {part}": term for part, term in found.items()}
                else:
                    terms[head] = found
        return terms

    def training_batch(self, indices: Sequence[int]) -> Batch:
        made = self.loader.maker[Work(0, tuple(indices), (0,) * len(indices))]
        if isinstance(made, PixelwiseError):
            raise made
        return made

    @property
    def stopped(self) -> bool:
        return self._stopped

    def check_weights(self, step: int) -> None:
        check_weights(self.model, step)

    @contextmanager
    def copied(self) -> Iterator[Self]:
        twin = copy.copy(self)
        try:
            copies = copy.deepcopy((self.model, self.optimizer, self.losses, self.phase_losses))
        except Exception as error:
            if explain_memory(error, self.recipe.train.batch) is not None:
                raise
            raise copy.Error(f"model '{self.recipe.model.name}' cannot be copied: {raised(error)}") from error
        twin.model, twin.optimizer, twin.losses, twin.phase_losses = copies
        twin.shared, twin.average, twin.processes = None, None, TorchProcesses()
        python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002 - models from outside may draw here
        try:
            with keyed_random(self.recipe.train.seed, "copy"):
                yield twin
        finally:
            random.setstate(python)
            np.random.set_state(legacy)  # noqa: NPY002

    # -- evaluation and prediction --------------------------------------------------------------------------------

    def synchronise(self) -> None:
        self.processes.same_buffers(self.model)

    def averaged(self) -> AbstractContextManager[Any]:
        return nullcontext() if self.average is None else self.average.inside(self.model)

    @property
    def multiple(self) -> int:
        return math.lcm(COARSEST, getattr(self.model, "stride", 1))

    def encode(self, samples: Sequence[Sample]) -> Batch:
        return collate(self.task, samples).to(self.device)

    @torch.inference_mode()
    def forward(self, batch: Batch) -> Any:
        if self.model.training:
            self.model.eval()
        with self.choices.autocast():
            if self.views is not None:
                return averaged_scores(cast(TensorBatch, batch), self.views, self.task, self._scores)
            return self._scores(inputs_of(batch.images, self.task.input))

    def _scores(self, images: Any) -> dict[str, Any]:
        return scores_of(self.model(images), self.task, images)

    @torch.inference_mode()
    def terms(self, outputs: Any, batch: Batch) -> Sums:
        if self._owns:
            with self.choices.autocast(), keyed_random(self.recipe.train.seed, "losses"):  # it may draw regions, say
                images = inputs_of(batch.images, self.task.input)
                found = self.model.losses(images, batch.targets) if batch.targets else {}
        else:
            found = self._compared(outputs, batch.targets, self.losses)
        return {name: (float(term.numerator), float(term.denominator)) for name, term in found.items()}

    @torch.inference_mode()
    def reduced(self, outputs: Any, needs: Sequence[str] = ()) -> list[Reduced]:
        return super().reduced(outputs, needs)

    @torch.inference_mode()
    def bands(self, outputs: Any, **asked: Any) -> Iterator[tuple[slice, Reduced]]:
        scores = {name: whole if isinstance(whole, list) else whole.float() for name, whole in outputs.items()}
        yield from super().bands(scores, **asked)

    # -- state ----------------------------------------------------------------------------------------------------

    def state(self, which: Literal["best", "last"]) -> dict[str, dict[str, NDArray[Any]]]:
        now = model_arrays(self.model)
        averaged = now if self.average is None else self.average.arrays()
        if which == "best":
            return {"model": averaged}
        memory = {} if self.optimizer is None else optimizer_arrays(self.optimizer)
        return {"model": now, "optimizer": memory, **({"ema": averaged} if self.recipe.train.ema else {})}

    def load(self, parts: Mapping[str, Arrays], where: str) -> None:
        load_model(self.model, parts["model"], where=where)
        if "optimizer" in parts and self.optimizer is not None:
            load_optimizer(self.optimizer, parts["optimizer"], where=where)
        if "ema" in parts and self.recipe.train.ema:
            self.average = Average(self.model, self.recipe.train.ema)
            self.average.load(parts["ema"], where=where)

    def describe(self) -> dict[str, Any]:
        from pixelwise.models.describe import describe

        shape = (self.task.input.channels, *self.size)
        rows = [row.as_record() for row in describe(self.model, shape)]
        return {
            "name": self.recipe.model.name,
            "options": self.recipe.model.options,
            "input": list(shape),
            "parameters": sum(p.numel() for p in self.model.parameters()),
            "macs": sum(row["macs"] for row in rows),
            "layers": rows,
        }
