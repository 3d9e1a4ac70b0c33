"""Shapes through a network: the course's example, skips, and errors that name the layer."""

import pytest

from pixelwise.arithmetic.network import flow
from pixelwise.arithmetic.table import write
from pixelwise.arithmetic.text import parse_expression, parse_network, read_network
from pixelwise.errors import ShapeError


def shapes(text, shape):
    return [row.y for row in flow(parse_network(text), shape)]


def test_the_course_network():
    rows = flow(*read_network("course-cnn"))
    assert [row.y for row in rows] == [(5, 252, 252), (10, 246, 246), (10, 122, 122), (1, 11, 11), (512,), (10,)]
    assert [row.step.layer.filter(row.x) for row in (rows[0], rows[1], rows[3])] == [(3, 5, 5), (5, 7, 7), (10, 13, 13)]
    assert rows[2].derive()[0] == "height: floor((246 + 2·0 − 1·(3 − 1) − 1)/2) + 1 = 122"
    assert rows[4].derive() == ["inputs: 1·11·11 = 121", "weights: 512·121 + 512 = 62,464"]


def test_skips_concatenate_add_and_go_on_from():
    text = "conv 3 8 same as a | maxpool 2 | upsample 2 | concat a | from a | conv 1 4 | add b"
    with pytest.raises(Exception, match="no earlier output is named 'b'"):
        parse_network(text)
    text = "conv 3 8 same as a | maxpool 2 | upsample 2 | concat a as b | from a | conv 1 16 | add b | globalpool | flatten"
    assert shapes(text, (3, 8, 8))[3:] == [(16, 8, 8), (8, 8, 8), (16, 8, 8), (16, 8, 8), (16, 1, 1), (16,)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("conv 3 8 | maxpool 2 | conv 13 4", r"layer 3 \(conv 13 4\), height: a kernel of 13 covers 13, but .* 7 long"),
        ("fc 10 | conv 3 4", r"layer 2 \(conv 3 4\): a convolution needs channels×height×width, but gets 10"),
        ("conv 3 8 | concat input", r"layer 2 .*8×14×14 and 3×16×16 \(of 'input'\) cannot be concatenated"),
        ("conv 3 8 same | add input", "cannot be added: every member must be equal"),
        ("maxpool 3 p2", r"padding 2 is more than half of the pooling kernel \(3\).*at most 1"),
        ("conv 3 8 g2", "3 input channels cannot be split into 2 groups"),
        ("conv 1 4 | conv 3 9 g2", "9 output channels cannot be split into 2 groups"),
    ],
)
def test_errors_name_the_layer_and_do_the_sum(text, message):
    with pytest.raises(ShapeError, match=message):
        flow(parse_network(text), (3, 16, 16))


def test_symbols_get_their_values():
    network, shape = read_network("pool-upsample-net", {"NF": 32, "NC": 24, "NIC": 1})
    assert flow(network, shape)[-1].y == (24, 32, 32)


def test_symbolic_shapes_are_written_with_brackets_where_needed():
    assert write((parse_expression("2NF"), parse_expression("S/2"), 8)) == "(2·NF)×(S/2)×8"
