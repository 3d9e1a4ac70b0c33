"""The state of a training as arrays, and back."""

import copy
import json
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from pixelwise.engine.hardware.distributed import TorchProcesses
from pixelwise.engine.torch.model import load_model, load_optimizer, model_arrays, optimizer_arrays
from pixelwise.engine.torch.optim import adam, adamw, sgd
from pixelwise.errors import RunError
from pixelwise.run.progress import Progress


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1)).to(
        memory_format=torch.channels_last
    )


def go(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> None:
    generator = torch.Generator().manual_seed(steps)
    for _ in range(steps):
        optimizer.zero_grad()
        pictures = torch.randn(2, 3, 6, 6, generator=generator).contiguous(memory_format=torch.channels_last)
        model(pictures).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize("make", [adam, adamw, sgd])
def test_model_and_optimizer_go_on_to_the_same_bits(make: Callable[..., torch.optim.Optimizer]) -> None:
    model = network()
    optimizer = make(model, learning_rate=0.01)
    go(model, optimizer, 3)
    weights, memory = copy.deepcopy((model_arrays(model), optimizer_arrays(optimizer)))
    go(model, optimizer, 2)

    other = network()
    with torch.no_grad():
        other[0].weight.add_(1)
    other_optimizer = make(other, learning_rate=0.01)
    load_model(other, weights, where="last")
    load_optimizer(other_optimizer, memory)
    for mine, theirs in zip(optimizer.state.values(), other_optimizer.state.values(), strict=True):
        assert {k: v.stride() for k, v in mine.items()} == {k: v.stride() for k, v in theirs.items()}
    go(other, other_optimizer, 2)
    assert {n: a.tobytes() for n, a in model_arrays(other).items()} == {
        n: a.tobytes() for n, a in model_arrays(model).items()
    }


def test_progress_survives_json_to_the_bit() -> None:
    progress = Progress(step=3, sums={"class": [0.1 + 0.2, 1 / 3]}, best_value=2 / 3)
    assert Progress(**json.loads(json.dumps(progress.as_record()))) == progress


def test_a_checkpoint_of_another_architecture_is_refused_with_what_does_not_fit() -> None:
    arrays = model_arrays(network())
    arrays["0.weight"] = arrays["0.weight"][:2]
    arrays["head.weight"] = arrays.pop("2.weight")
    model = network()
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(RunError) as refused:
        load_model(model, arrays, where="runs/x/last")
    said = str(refused.value)
    assert "runs/x/last: '2.weight' is missing." in said
    assert "'head.weight' is not part of this model." in said
    assert "'0.weight' is [2, 3, 3, 3], this model has [4, 3, 3, 3]." in said
    assert "another architecture" in said
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_a_long_list_of_misfits_is_cut() -> None:
    with pytest.raises(RunError, match="and 8 more of this kind"):
        load_model(network(), {f"other.{n}": np.zeros(1) for n in range(4)}, where="last")


def test_sharing_keeps_parameters_and_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """On GPUs BatchNorm becomes SyncBatchNorm: the optimizer, made before, must still hold what trains."""
    monkeypatch.setattr(nn.parallel, "DistributedDataParallel", lambda model, **options: model)
    model = network()
    optimizer = sgd(model, learning_rate=0.1)
    names, held = list(model.state_dict()), [id(p) for p in model.parameters()]
    shared = TorchProcesses(0, 2).share(model, torch.device("cuda:0"))
    assert isinstance(model[1], nn.SyncBatchNorm)
    assert list(shared.state_dict()) == list(model.state_dict()) == names
    assert [id(p) for p in model.parameters()] == [id(p) for p in shared.parameters()] == held
    assert {id(p) for group in optimizer.param_groups for p in group["params"]} == set(held)
