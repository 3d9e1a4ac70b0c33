"""Folded modules give the maps of the modules themselves, and only where nothing else reads a convolution's output."""

import copy

import pytest
import torch
from torch import nn

from pixelwise.models.encoders import build_encoder
from pixelwise.models.folded import Folding, folded


def with_statistics(module: nn.Module) -> nn.Module:
    """In evaluation mode, with statistics and scales that are not 0 and 1."""
    torch.manual_seed(0)
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d) and layer.track_running_stats:
            layer.running_mean.normal_(0, 0.3)
            layer.running_var.uniform_(0.3, 3)
            if layer.affine:
                nn.init.uniform_(layer.weight, 0.5, 2)
                nn.init.normal_(layer.bias, 0, 0.3)
    return module.eval().requires_grad_(False)


def norms(module: nn.Module) -> int:
    return sum(isinstance(layer, nn.BatchNorm2d) for layer in module.modules())


@pytest.mark.parametrize("name", ["resnet18", "tf_efficientnet_lite0", "mobilenetv3_large_100"])
def test_every_normalisation_of_an_encoder_is_folded_and_the_maps_stay(name):
    encoder = with_statistics(build_encoder(name, 3)).double()
    made = folded(encoder, (3, 64, 96))
    assert norms(encoder) > 15
    assert norms(made) == 0
    x = torch.randn(2, 3, 97, 64).double()
    for mine, its in zip(made(x), encoder(x), strict=True):
        torch.testing.assert_close(mine, its)


class Reads(nn.Module):
    """A convolution whose output is normalised and, with `twice`, read once more."""

    def __init__(self, twice: bool = False, affine: bool = True) -> None:
        super().__init__()
        self.conv, self.norm, self.twice = nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4, affine=affine), twice

    def forward(self, x):
        found = self.conv(x)
        return self.norm(found) + found if self.twice else self.norm(found)


def test_a_convolution_gets_scale_and_bias_by_hand():
    module = with_statistics(Reads())
    made = folded(module, (3, 8, 8))
    scale = module.norm.weight / (module.norm.running_var + module.norm.eps).sqrt()
    torch.testing.assert_close(made.conv.weight, module.conv.weight * scale[:, None, None, None])
    torch.testing.assert_close(made.conv.bias, module.norm.bias - scale * module.norm.running_mean)
    assert isinstance(made.norm, nn.Identity)


@pytest.mark.parametrize(
    "module",
    [
        Reads(twice=True),
        nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3)),
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.BatchNorm2d(4)),
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False)),
        nn.Conv2d(3, 4, 3),
    ],
    ids=["read twice", "norm first", "activation between", "statistics of the batch", "no norm"],
)
def test_what_cannot_be_folded_is_left(module):
    assert folded(with_statistics(module), (3, 8, 8)) is None


def test_a_layer_that_is_used_twice_is_left():
    class Shared(Reads):
        def forward(self, x):
            once = self.norm(self.conv(x))
            return self.norm(once.relu())

    assert folded(with_statistics(Shared()), (3, 8, 8)) is None


def test_a_norm_without_scale_is_folded():
    module = with_statistics(Reads(affine=False))
    x = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(folded(module, (3, 8, 8))(x), module(x))


def test_a_module_is_folded_inside_with_only_and_in_evaluation_mode_only():
    module, calls = with_statistics(Reads()), []
    x = torch.randn(2, 3, 8, 8)
    folding = Folding([module])
    expected = module(x)
    with folding.used():
        torch.testing.assert_close(module(x), expected)
        module.norm.register_forward_hook(lambda *_: calls.append(1))
        module(x)
        assert calls == []
        module.train()
        module(x)
        assert module.norm.num_batches_tracked == 1
    assert "forward" not in vars(module)
    copy.deepcopy(module)


class Counts(Reads):
    """It keeps what it was called with."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = []

    def forward(self, x):
        self.seen.append(x)
        return super().forward(nn.functional.dropout(x))


def test_a_module_with_hooks_or_a_part_that_learns_is_left():
    hooked = with_statistics(Reads())
    hooked.conv.register_forward_hook(lambda *_: None)
    assert folded(hooked, (3, 8, 8)) is None
    learns = with_statistics(Reads())
    learns.conv.weight.requires_grad_(True)
    assert folded(learns, (3, 8, 8)) is None
    assert folded(with_statistics(Reads()).requires_grad_(False).train(), (3, 8, 8)) is None
    own = with_statistics(Reads())
    own.forward = lambda x: x
    with Folding([own]).used():
        assert own(3) == 3
    assert own(3) == 3


def test_the_trial_touches_neither_the_batch_nor_the_random_numbers():
    module, x = with_statistics(Counts()), torch.randn(2, 3, 8, 8)
    before, state = x.clone(), torch.get_rng_state()
    assert folded(module, (3, 8, 8)) is None  # dropout: never the same maps
    assert module.seen == []
    assert torch.equal(torch.get_rng_state(), state)
    with Folding([module]).used():
        module(x)
    assert torch.equal(x, before)


def test_a_module_that_fails_with_random_numbers_is_called_itself():
    class Looks(Reads):
        def forward(self, x):
            return self.norm(self.conv(self.table(x.long())[..., 0]))

    module = Looks()
    module.table = nn.Embedding(4, 1)
    with_statistics(module)
    x = torch.ones(1, 3, 8, 8)
    with Folding([module]).used():
        torch.testing.assert_close(module(x), module.norm(module.conv(module.table(x.long())[..., 0])))
