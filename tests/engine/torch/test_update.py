"""One update: a global batch gives one gradient however it is shared out; what is not a number changes no weight."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

from pixelwise.engine.hardware.distributed import TorchProcesses
from pixelwise.engine.torch.model import TensorBatch, collate, inputs_of
from pixelwise.engine.torch.update import check_weights, descend, total
from pixelwise.errors import TrainingError
from pixelwise.losses.base import Term
from pixelwise.losses.cross_entropy import cross_entropy
from pixelwise.run.progress import Sums, quotients
from pixelwise.tasks.segment import segment
from pixelwise.types import DatasetInfo, Sample

INFO = DatasetInfo("dots", ("ground", "dot", "line"), ((0, 0, 0), (9, 0, 0), (0, 9, 0)), frozenset({"mask"}), void=255)
TASK = segment(INFO)
LOSS = cross_entropy(np.array([900, 90, 10]), weights="median")
ALONE = TorchProcesses()
CPU = torch.device("cpu")


def batch(count: int, *, void: bool = False) -> TensorBatch:
    draw = np.random.default_rng(3)
    samples = [
        Sample(
            f"picture-{n}",
            draw.integers(0, 256, (5, 7, 3), np.uint8),
            draw.choice([0, 1, 2, 255], (5, 7)).astype(np.uint8),
        )
        for n in range(count)
    ]
    if void:
        samples = [Sample(s.name, s.image, np.full_like(s.mask, 255)) for s in samples]
    return collate(TASK, samples)


def part(whole: TensorBatch, rank: int, count: int) -> TensorBatch:
    images, target = whole.images[rank::count], whole.targets["class"][rank::count]
    if not len(images):  # the stand-in of a process that has nothing to do
        return TensorBatch(whole.images[:1], {"class": whole.targets["class"][:1]}, whole.names[:1], idle=True)
    return TensorBatch(images, {"class": target}, whole.names[rank::count])


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 3, 1))


def terms(model: nn.Module, made: TensorBatch) -> dict[str, Term]:
    return {"class": LOSS(model(inputs_of(made.images, TASK.input)), made.targets["class"].long())}


class Updater:
    """`update(batch, rate, step)` of one model with SGD."""

    def __init__(self, model: nn.Module, processes: TorchProcesses = ALONE, clip: float | None = None, **how: float):
        self.model, self.processes, self.clip = model, processes, clip
        self.optimizer = torch.optim.SGD(model.parameters(), lr=1.0, **how)

    def __call__(self, made: TensorBatch, rate: float, step: int) -> Sums:
        found = total(terms(self.model, made), made, self.processes, CPU, step=step, stop=False)
        descend(found.loss, self.model, self.optimizer, rate, self.clip)
        return found.sums


def gradients(model: nn.Module) -> list[torch.Tensor]:
    return [p.grad.clone() for p in model.parameters()]


class Emulated(TorchProcesses):
    """One of several processes whose totals are known beforehand."""

    def __init__(self, count: int, totals: torch.Tensor) -> None:
        super().__init__(0, count)
        object.__setattr__(self, "totals", totals)

    def total(self, values: torch.Tensor) -> torch.Tensor:
        return self.totals


@pytest.mark.parametrize(("size", "count"), [(6, 2), (5, 2), (7, 3), (2, 3)])
def test_the_gradients_of_the_parts_average_to_that_of_the_whole(size: int, count: int) -> None:
    whole, model = batch(size), network()
    alone = copy.deepcopy(model)
    sums = Updater(alone)(whole, 0.1, 1)
    seen = []
    for rank in range(count):
        with torch.no_grad():
            found = terms(model, part(whole, rank, count))
        idle = part(whole, rank, count).idle
        values = [0.0 if idle else float(v) for t in found.values() for v in (t.numerator, t.denominator)]
        seen.append(torch.tensor([*values, 0.0], dtype=torch.float64))
    totals = torch.stack(seen).sum(0)
    shared = []
    for rank in range(count):
        one = copy.deepcopy(model)
        summed = Updater(one, Emulated(count, totals))(part(whole, rank, count), 0.1, 1)
        assert summed["class"] == pytest.approx(sums["class"])
        shared.append(gradients(one))
    for expected, *parts in zip(gradients(alone), *shared, strict=True):
        torch.testing.assert_close(sum(parts) / count, expected, rtol=1e-5, atol=1e-7)  # DDP's average


def test_the_loss_is_torchs_weighted_mean_and_the_rate_is_the_one_given() -> None:
    whole, model = batch(4), network()
    twin = copy.deepcopy(model)
    sums = Updater(model)(whole, 0.25, 1)
    target = whole.targets["class"].long()
    weight = torch.tensor(LOSS.weights, dtype=torch.float32)
    scores = twin(inputs_of(whole.images, TASK.input))
    loss = nn.functional.cross_entropy(scores, target, weight=weight, ignore_index=-1)
    loss.backward()
    assert quotients(sums)["loss"] == pytest.approx(loss.item(), rel=1e-5)
    for ours, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(ours.detach(), (theirs - 0.25 * theirs.grad).detach(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("limit", [1e-3, 1e6])
def test_clipping_is_torchs(limit: float) -> None:
    whole, model = batch(4), network()
    twin = copy.deepcopy(model)
    Updater(model, clip=limit)(whole, 0.1, 1)
    Updater(twin)(whole, 0.1, 1)
    nn.utils.clip_grad_norm_(twin.parameters(), limit)
    for ours, theirs in zip(gradients(model), gradients(twin), strict=True):
        assert torch.equal(ours, theirs)


def test_where_nothing_counts_no_weight_moves() -> None:
    model = network()
    update = Updater(model, clip=1.0, momentum=0.9, weight_decay=0.1)
    update(batch(3), 0.1, 1)  # there is momentum now
    before = copy.deepcopy(model.state_dict())
    sums = update(batch(3, void=True), 0.1, 2)
    assert quotients(sums) == {"loss": None}
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_a_loss_that_is_not_finite_names_step_and_pictures_and_moves_nothing() -> None:
    model = network()
    with torch.no_grad():
        model[0].bias[0] = math.inf
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(
        TrainingError, match=r"step 7: the loss 'class' became nan .*picture-0, picture-1.*train\.clip=1"
    ):
        Updater(model)(batch(2), 0.1, 7)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_weights_that_are_not_finite_are_named() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    check_weights(model, 3)
    model[1].running_var[2] = math.nan
    with pytest.raises(TrainingError, match=r"step 3: the weights are no longer finite: 1\.running_var\."):
        check_weights(model, 3)


def test_frozen_parameters_keep_still_though_they_have_momentum() -> None:
    model = network()
    update = Updater(model, momentum=0.9, weight_decay=0.1)
    update(batch(3), 0.1, 1)
    model[0].requires_grad_(False)
    before = copy.deepcopy(model.state_dict())
    update(batch(3), 0.1, 2)
    moved = {name for name, value in model.state_dict().items() if not torch.equal(before[name], value)}
    assert moved == {"2.weight", "2.bias"}


def test_quotients_add_terms_and_leave_out_what_did_not_count() -> None:
    assert quotients({"a": (6.0, 3.0), "b": (1.0, 4.0)}) == {"loss": 2.25, "a": 2.0, "b": 0.25}
    assert quotients({"a": (6.0, 3.0), "b": (0.0, 0.0)}) == {"loss": 2.0, "a": 2.0, "b": None}
