"""Optimizers: what is decayed, and the updates against hand-written loops."""

import copy
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Callable

import pytest
import torch
from torch import nn

from pixelwise.engine.torch.optim import adam, adamw, parameter_groups, sgd, step
from pixelwise.models import MODELS

WIDTHS = ("widen", "narrow")  # the 1×1 convolutions of a block of shared_pyramid, which have biases


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        OrderedDict(
            first=nn.Conv2d(3, 4, 3),
            batch=nn.BatchNorm2d(4),
            up=nn.ConvTranspose2d(4, 4, 2),
            group=nn.GroupNorm(2, 4),
            mean=nn.AdaptiveAvgPool2d(1),
            flat=nn.Flatten(),
            layer=nn.LayerNorm(4),
            last=nn.Linear(4, 2),
        )
    )


def pyramid() -> nn.Module:
    torch.manual_seed(0)
    return MODELS.build("shared_pyramid", 3, 5, width=8, blocks=1)


# of `network` and of `pyramid`: every parameter that shrinks, and every one that stays, by name
DECAYED = (
    ["first.weight", "up.weight", "last.weight"],
    [
        *("stem.2.weight", "entry.0.weight", "context.project.weight", "project.weight", "classifier.weight"),
        *("trunk.stacks.0.0.spread.weight", "trunk.stacks.0.0.widen.weight", "trunk.stacks.0.0.narrow.weight"),
        *("merges.stacks.0.0.spread.weight", "merges.stacks.0.0.widen.weight", "merges.stacks.0.0.narrow.weight"),
        *("head.spread.weight", "head.widen.weight", "head.narrow.weight"),
        *("trunk.stacks.0.0.scale", "merges.stacks.0.0.scale", "head.scale"),  # arrays (C, 1, 1), unlike other scales
    ],
)
KEPT = (
    [f"{layer}.{name}" for layer in ("batch", "group", "layer") for name in ("weight", "bias")]
    + ["first.bias", "up.bias", "last.bias"],
    [
        *(f"{layer}.{name}" for layer in ("stem.3", "entry.1", "head.norms.0") for name in ("weight", "bias")),
        *(f"trunk.stacks.0.0.norms.{size}.{name}" for size in range(3) for name in ("weight", "bias")),
        *(f"merges.stacks.0.0.norms.{size}.{name}" for size in range(2) for name in ("weight", "bias")),
        *(f"{block}.{layer}.bias" for block in ("trunk.stacks.0.0", "merges.stacks.0.0", "head") for layer in WIDTHS),
        *("context.project.bias", "project.bias", "classifier.bias"),
    ],
)


@pytest.mark.parametrize("make", [adam, adamw, sgd])
@pytest.mark.parametrize(
    ("build", "decayed", "kept"), [*zip((network, pyramid), DECAYED, KEPT, strict=True)], ids=["network", "pyramid"]
)
def test_weights_are_decayed_and_norms_and_biases_are_not(
    make: Callable[..., torch.optim.Optimizer], build: Callable[[], nn.Module], decayed: list[str], kept: list[str]
) -> None:
    model = build()
    parameters = dict(model.named_parameters())
    assert sorted([*decayed, *kept]) == sorted(parameters)
    with torch.no_grad():
        for parameter in parameters.values():
            parameter.fill_(1.0)
            parameter.grad = torch.zeros_like(parameter)
    make(model, learning_rate=0.1, weight_decay=0.1).step()
    assert {name for name, one in parameters.items() if (one < 1).all()} == set(decayed)
    assert {name for name, one in parameters.items() if (one == 1).all()} == set(kept)


def test_every_parameter_is_in_one_group() -> None:
    model = network()
    grouped = [id(p) for group in parameter_groups(model, 0.1) for p in group["params"]]
    assert sorted(grouped) == sorted(id(p) for p in model.parameters())


def test_a_model_of_biases_only_has_one_group() -> None:
    assert [group["weight_decay"] for group in parameter_groups(nn.BatchNorm2d(3), 0.5)] == [0.0]


@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_is_the_hand_written_loop(nesterov: bool) -> None:
    rate, momentum, decay = 0.05, 0.9, 0.01
    model = nn.Linear(3, 2)
    weights = {name: p.detach().double().clone() for name, p in model.named_parameters()}
    speed = {name: torch.zeros_like(w) for name, w in weights.items()}
    optimizer = sgd(model, learning_rate=rate, momentum=momentum, nesterov=nesterov, weight_decay=decay)
    generator = torch.Generator().manual_seed(1)
    for _ in range(6):
        for name, parameter in model.named_parameters():
            drawn = torch.randn(parameter.shape, generator=generator)
            parameter.grad = drawn.clone()
            gradient = drawn.double() + (decay * weights[name] if name == "weight" else 0)
            speed[name] = momentum * speed[name] + gradient
            weights[name] -= rate * (gradient + momentum * speed[name] if nesterov else speed[name])
        optimizer.step()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.detach().double(), weights[name], rtol=0, atol=1e-6)


def test_adamw_is_the_hand_written_loop() -> None:
    rate, decay, (first, second), tiny = 0.01, 0.1, (0.9, 0.99), 1e-8
    model = nn.Linear(3, 1, bias=False)
    weight = model.weight.detach().double().clone()
    mean, square = torch.zeros_like(weight), torch.zeros_like(weight)
    optimizer = adamw(model, learning_rate=rate, betas=(first, second), weight_decay=decay)
    generator = torch.Generator().manual_seed(2)
    for count in range(1, 6):
        drawn = torch.randn(1, 3, generator=generator)
        model.weight.grad = drawn.clone()
        optimizer.step()
        gradient = drawn.double()
        mean, square = first * mean + (1 - first) * gradient, second * square + (1 - second) * gradient**2
        weight = weight * (1 - rate * decay)
        weight -= rate * (mean / (1 - first**count)) / ((square / (1 - second**count)).sqrt() + tiny)
    torch.testing.assert_close(model.weight.detach().double(), weight, rtol=0, atol=1e-6)


@pytest.mark.parametrize("make", [adam, adamw, sgd])
def test_a_step_is_torchs_own(make: Callable[..., torch.optim.Optimizer]) -> None:
    torch.manual_seed(0)
    models = [nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))]
    models.append(copy.deepcopy(models[0]))
    optimizers = [make(model, learning_rate=0.1, weight_decay=0.01) for model in models]
    for number in range(3):
        inputs = torch.randn(5, 3, generator=torch.Generator().manual_seed(number))
        for model, optimizer, update in zip(models, optimizers, (step, lambda one: one.step()), strict=True):
            optimizer.zero_grad()
            model(inputs).square().sum().backward()
            update(optimizer)
    for ours, theirs in zip(*(model.parameters() for model in models), strict=True):
        assert torch.equal(ours, theirs)


def test_an_optimizer_from_elsewhere_makes_its_own_step() -> None:
    class Halving(torch.optim.SGD):
        def step(self, closure: object = None) -> None:  # type: ignore[override]
            for parameter in (p for group in self.param_groups for p in group["params"]):
                parameter.data.mul_(0.5)

    model = nn.Linear(2, 1)
    before = model.weight.detach().clone()
    step(Halving(model.parameters(), lr=1.0))
    assert torch.equal(model.weight, before * 0.5)


def test_hooks_around_a_step_are_called() -> None:
    optimizer, called = sgd(nn.Linear(2, 1)), []
    optimizer.register_step_pre_hook(lambda *arguments: called.append("before"))
    optimizer.register_step_post_hook(lambda *arguments: called.append("after"))
    step(optimizer)
    assert called == ["before", "after"]


def test_training_imports_no_compiler() -> None:
    code = """
import sys
import torch
from pixelwise.engine.torch.optim import adamw, step, without_compiler
model = torch.nn.Linear(2, 2)
without_compiler()
optimizer = adamw(model)
optimizer.zero_grad()
model(torch.ones(1, 2)).sum().backward()
step(optimizer)
assert "torch._dynamo" not in sys.modules
optimizer.step()  # the way around it is still there
assert "torch._dynamo" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
