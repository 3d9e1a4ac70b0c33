"""The layer table against torch's own counts."""

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from pixelwise.errors import ShapeError
from pixelwise.models import MODELS
from pixelwise.models.describe import describe
from pixelwise.report.record import read_record
from pixelwise.report.tables import layers

ONE_SIZE = ("two_layer", "vanilla_cnn")  # made for pictures of one size


def counted_flops(model, shape):
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.eval()(torch.zeros(1, *shape))
    return counter.get_total_flops()


@pytest.mark.parametrize("name", sorted(MODELS))
def test_multiply_adds_are_half_of_torchs_flops(name):
    shape = (3, 32, 32) if name in ONE_SIZE else (3, 65, 50)
    model = MODELS.build(name, 3, 7, **({"backbone": "mobilenet_v3_large"} if name == "deeplabv3" else {}))
    rows = describe(model, shape)
    assert 2 * sum(row.macs for row in rows) == counted_flops(model, shape)


@settings(max_examples=40, deadline=None)
@given(
    kernel=st.integers(1, 4),
    stride=st.integers(1, 3),
    padding=st.integers(0, 2),
    dilation=st.integers(1, 2),
    groups=st.sampled_from([1, 2, 4]),
    transposed=st.booleans(),
)
def test_one_convolution_of_any_kind(kernel, stride, padding, dilation, groups, transposed):
    kind = nn.ConvTranspose2d if transposed else nn.Conv2d
    layer = kind(4, 8, kernel, stride=stride, padding=padding, dilation=dilation, groups=groups)
    model = nn.Sequential(layer)
    (row,) = describe(model, (4, 9, 11))
    with torch.no_grad():
        assert row.output == tuple(model(torch.zeros(1, 4, 9, 11)).shape[1:])
    assert 2 * row.macs == counted_flops(model, (4, 9, 11))
    assert row.parameters == sum(p.numel() for p in model.parameters())
    assert (row.kernel, row.stride, row.dilation) == ((kernel,) * 2, (stride,) * 2, (dilation,) * 2)


def test_activations_belong_to_the_layer_before_them():
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.ReLU(), nn.BatchNorm2d(2), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(2, 3)
    )
    rows = describe(model, (1, 4, 4))
    assert [(r.layer, r.kind, r.activation) for r in rows] == [
        ("0", "Conv2d", "ReLU"),
        ("2", "BatchNorm2d", ""),
        ("3", "MaxPool2d", ""),
        ("4", "Flatten", ""),
        ("5", "Linear", ""),
    ]
    assert rows[2].kernel == rows[2].stride == (2, 2)
    assert rows[4].macs == 6


def test_an_activation_within_a_layer_belongs_to_it_and_an_identity_is_no_layer():
    class Normalised(nn.BatchNorm2d):
        def __init__(self, channels):
            super().__init__(channels)
            self.drop, self.act = nn.Identity(), nn.SiLU()

        def forward(self, x):
            return self.act(self.drop(super().forward(x)))

    rows = describe(nn.Sequential(nn.Conv2d(1, 2, 1), Normalised(2), nn.Identity()), (1, 4, 4))
    assert [(r.layer, r.activation) for r in rows] == [("0", ""), ("1", "SiLU")]


def test_shared_unused_and_bare_parameters_are_counted_once():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.shared = nn.Conv2d(2, 2, 1)
            self.again = self.shared
            self.unused = nn.Linear(3, 3)
            self.scale = nn.Parameter(torch.ones(2, 1, 1))

        def forward(self, x):
            return self.again(self.shared(x)) * self.scale

    model = Odd()
    rows = describe(model, (2, 5, 5))
    assert sum(r.parameters for r in rows) == sum(p.numel() for p in model.parameters())
    assert [r.parameters for r in rows if r.layer == "shared"] == [6, 0]
    assert [r.output for r in rows if r.layer == "unused"] == [None]
    assert sum(r.macs for r in rows) == 2 * 4 * 25


def test_nothing_is_left_changed():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Sequential(nn.Dropout()))
    model[2].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    describe(model, (1, 4, 4))
    assert [m.training for m in model.modules()] == [True, True, True, False, False]
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert not any(m._forward_hooks for m in model.modules())


def test_rows_are_json_values():
    records = [row.as_record() for row in describe(MODELS.build("basic_fcn", 3, 2), (3, 32, 32))]
    assert json.loads(json.dumps(records)) == records


def test_rows_have_the_keys_that_reports_read(fabricate):
    run = fabricate()
    rows = [row.as_record() for row in describe(nn.Sequential(nn.Conv2d(3, 5, (3, 1), stride=2), nn.ReLU()), (3, 9, 9))]
    setup = run.read("setup")
    run.write("setup", setup | {"model": {**setup["model"], "layers": rows}})
    table = layers(read_record(run))
    expected = ("0", "Conv2d", "3", "5", "3×1", "2×2", "0×0", "ReLU", "5×4×5", "50", "900")
    assert dict(zip(table.headings, table.rows[0], strict=True)) == dict(zip(table.headings, expected, strict=True))


def test_a_shape_that_does_not_fit_says_what_was_given():
    with pytest.raises(ShapeError, match=r"\(4, 32, 32\).*channels"):
        describe(MODELS.build("basic_fcn", 3, 2), (4, 32, 32))
