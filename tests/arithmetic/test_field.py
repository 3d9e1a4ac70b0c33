"""Receptive fields against gradients in torch: a pixel is seen where the gradient is not zero."""

from fractions import Fraction
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from torch import nn

from pixelwise.arithmetic.field import draw_fields, input_box, receptive_fields
from pixelwise.arithmetic.network import flow
from pixelwise.arithmetic.text import parse_network, parse_shape, read_network
from pixelwise.errors import ShapeError


def seen_in_torch(model, shape, pixel):
    """The box of input pixels with a gradient, for weights that are all positive."""
    for weight in model.parameters():
        nn.init.uniform_(weight, 0.5, 1)
    x = torch.rand(1, *shape, dtype=torch.float64, requires_grad=True)
    model.double()(x)[0, 0][pixel].backward()
    rows, columns = np.nonzero(x.grad[0].abs().sum(0).numpy())
    return (rows.min(), columns.min(), rows.max(), columns.max()) if len(rows) else None


def random_network(draw):
    words, modules, channels = [], [], 2
    for _ in range(draw.integers(1, 5)):
        k, s, p, d = (int(draw.integers(low, high)) for low, high in ((1, 4), (1, 3), (0, 3), (1, 3)))
        match draw.integers(4):
            case 0:
                words.append(f"conv {k} 2 s{s} p{p} d{d}")
                modules.append(nn.Conv2d(channels, 2, k, s, p, d))
            case 1:
                words.append(f"deconv {k} 2 s{s} d{d}")
                modules.append(nn.ConvTranspose2d(channels, 2, k, s, dilation=d))
            case 2:
                words.append(f"avgpool {k} s{s} p{min(p, k // 2)}")
                modules.append(nn.AvgPool2d(k, s, min(p, k // 2)))
            case 3:
                words.append("upsample 2")
                modules.append(nn.Upsample(scale_factor=2))
    return " | ".join(words), nn.Sequential(*modules)


def test_boxes_are_where_torch_has_gradients():
    draw = np.random.default_rng(3)
    for _ in range(100):
        text, model = random_network(draw)
        rows = flow(parse_network(text), (2, 9, 10))
        pixel = tuple(int(draw.integers(length)) for length in rows[-1].y[1:])
        box = input_box(rows, len(rows), pixel)
        ours = (box.top, box.left, box.bottom, box.right) if box else None
        assert ours == seen_in_torch(model, (2, 9, 10), pixel), text


def test_a_chain_follows_the_textbook_recursion():
    fields = receptive_fields(parse_network("conv 3 8 same | maxpool 2 | conv 5 8 s2 p2 | conv 3 8 d4 p4"), (3, 64, 64))
    assert [field.size[0] for field in fields] == [3, 4, 12, 44]
    assert [field.stride[0] for field in fields] == [1, 2, 4, 4]
    assert [field.start[0] for field in fields] == [0, Fraction(1, 2), Fraction(1, 2), Fraction(1, 2)]


def test_the_course_network():
    fields = receptive_fields(*read_network("course-cnn"))
    assert [field.size[0] for field in fields] == [5, 11, 13, 37, 217 + 20, 237]
    assert fields[4].dense
    assert not fields[3].dense


def test_a_skip_widens_nothing_and_upsampling_gives_fractions():
    network, shape = read_network("colour-unet", {"NF": 2, "NC": 2, "NIC": 1})
    fields = receptive_fields(network, shape)
    assert fields[0].size == (3, 3)
    assert fields[3].size == (7, 7)
    assert fields[6].stride == (2, 2)
    assert fields[-1].stride == (1, 1)
    assert fields[-1].start == (0, 0)


def test_outputs_that_see_nothing_say_so():
    rows = flow(parse_network("deconv 1 1 s2"), (1, 3, 3))
    assert input_box(rows, 1, (1, 1)) is None
    assert str(input_box(rows, 1, (2, 2))) == "rows 1..1, columns 1..1"


def test_bad_input():
    network = parse_network("conv K 8 same | fc 10")
    with pytest.raises(ShapeError, match="needs numbers for K, S"):
        receptive_fields(network, parse_shape("3xSxS"))
    rows = flow(parse_network("conv 3 8"), (3, 8, 8))
    with pytest.raises(ShapeError, match=r"the pixel \(row 6, column 0\) is outside an output of 6×6"):
        input_box(rows, 1, (6, 0))
    with pytest.raises(ShapeError, match="layer 2 does not exist"):
        input_box(rows, 2, (0, 0))
    with pytest.raises(ShapeError, match="channels×height×width"):
        receptive_fields(parse_network("fc 10"), (8,))


@pytest.mark.parametrize("name", ["course-cnn", "colour-unet", "vanilla-cnn"])
def test_the_drawing_is_a_picture_that_parses(name):
    network, shape = read_network(name, {"NF": 2, "NC": 2, "NIC": 1})
    drawing = draw_fields(network, shape)
    root = ElementTree.fromstring(drawing)
    assert root.tag.endswith("svg")
    assert len(root.findall(".//{*}rect")) > 5
    for step in network.steps[:1]:
        assert step.text in drawing
