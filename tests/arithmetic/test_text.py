"""The text form: what it reads, and what it says where it cannot."""

import pytest

from pixelwise.arithmetic.layers import Convolution, Join, Pool, TransposedConvolution
from pixelwise.arithmetic.network import EXAMPLES
from pixelwise.arithmetic.text import network_from_yaml, parse_expression, parse_network, parse_shape, read_network
from pixelwise.arithmetic.window import Window
from pixelwise.errors import RecipeError, ShapeError


def only_layer(text, **values):
    (step,) = parse_network(text, values).steps
    return step.layer


def test_every_option_is_read():
    assert only_layer("conv 3x5 8 s2x1 p1 d2 g4 nobias") == Convolution(8, Window((3, 5), (2, 1), 1, 2), 4, False)
    assert only_layer("deconv 4 8 s2 p1 op1") == TransposedConvolution(8, Window(4, 2, 1), output_padding=(1, 1))
    assert only_layer("maxpool 3") == Pool("max", Window(3, 3))
    assert only_layer("avgpool 3 s2 p1") == Pool("mean", Window(3, 2, 1))
    assert only_layer("conv 4 8 same") == Convolution(8, Window(4, 1, 1, 1, 1))
    assert only_layer("deconv 5 8 s2 same") == TransposedConvolution(8, Window(5, 2, 2), output_padding=(1, 1))
    assert only_layer("conv K 2NF same", K=3, NF=4) == Convolution(8, Window(3, 1, 1))


def test_lines_comments_aliases_and_names():
    network = parse_network("convtranspose 3 4 as up  # first\n\n| batchnorm\nconcat up | dense 10")
    assert [type(step.layer).__name__ for step in network.steps] == [
        "TransposedConvolution",
        "BatchNorm",
        "Join",
        "Linear",
    ]
    assert network.steps[0].name == "up"
    assert network.steps[2].layer == Join("concat", "up")


def test_expressions():
    assert parse_expression("2*3+4") == 10
    assert parse_expression("2NF", {"NF": 5}) == 10
    assert str(parse_expression("(K-1)/2")) == "K/2 - 1/2"
    assert parse_shape("NICxSxS", {"NIC": 3, "S": 8}) == (3, 8, 8)
    assert parse_shape("784") == (784,)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "2**99999999",
        "((((((((99**8)**8)**8)**8)**8)**8)**8)**8)**8",
        "NF.real",
        "[1]",
        "1.5",
        "0",
        "-3",
        "3/2",
        "3/0",
        "",
    ],
)
def test_expressions_are_a_calculator_and_nothing_else(text):
    with pytest.raises(ShapeError):
        parse_expression(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("conv 5x5 5 | cnv 7x7 10", "column 14: unknown layer 'cnv'.*Did you mean 'conv'"),
        ("conv 3 8 | maxpool 3 q2", "column 22: `maxpool` takes 1 value, read 2"),
        ("conv 3 8 sme", "column 10: `conv` takes 2 values, read 3. Did you mean 'same'"),
        ("fc 10 p2", "column 7: `fc` has no option 'p2'"),
        ("conv 3 8 s2 s3", "column 13: 's' is given twice"),
        ("conv 3 8 same p1", "column 10: `same` computes the padding"),
        ("conv 3x3x3 8", "column 6: read 3x3x3: it has 3 members"),
        ("conv 3 0", "column 8: read 0; .* at least 1"),
        ("conv 3 8 as a | relu | concat b", "column 31: no earlier output is named 'b'; choose from a, input"),
        ("conv 3 8 as first | concat fist", "Did you mean 'first'"),
        ("relu as input", "column 9: the name 'input' is already used"),
        ("relu as", "column 6: `as` is followed by one name"),
        ("relu\nconv 3\n", "line 2, column 1: `conv` takes 2 values, read 1. It is written: conv KERNEL"),
        (" | \n", "the network has no layers"),
        ("conv 3 8 g2x3", "groups is one number"),
        ("deconv 2 8 same", "no padding lets"),
    ],
)
def test_faults_are_shown_in_their_place_with_a_suggestion(text, message):
    with pytest.raises(RecipeError, match=f"(?s){message}"):
        parse_network(text)


def test_all_faults_come_at_once_and_a_caret_points():
    with pytest.raises(RecipeError) as caught:
        parse_network("conv 5x5 5 | cnv 7x7 10 as a | fc | add a")
    assert len(caught.value.problems) == 2
    assert "\n    conv 5x5 5 | cnv 7x7 10 as a | fc | add a\n                 ^^^" in str(caught.value)


@pytest.mark.parametrize("text", ["3x32", "0x3x3", "3xx3", "3x8x8.5", "ax(bxc"])
def test_bad_shapes(text):
    with pytest.raises(RecipeError, match="input shape"):
        parse_shape(text)


def test_yaml_and_files(tmp_path):
    file = tmp_path / "net.yaml"
    file.write_text("input: NICx8x8\nset: {NIC: 3}\nlayers:\n  - conv 3 NF same\n  - fc 10\n")
    network, shape = read_network(str(file), {"NF": 4})
    assert (str(network), shape) == ("conv 3 NF same | fc 10", (3, 8, 8))
    text = tmp_path / "net.txt"
    text.write_text("relu\nfc 10\n")
    assert str(read_network(str(text))[0]) == "relu | fc 10"
    file.write_text("layers: [cnv 3 4]\n")
    with pytest.raises(RecipeError, match=r"net.yaml, .*column 1: unknown layer 'cnv'"):
        read_network(str(file))
    file.write_text("layers: [\n")
    with pytest.raises(RecipeError, match="line 2, column 1: a bracket is opened and not closed"):
        read_network(str(file))
    with pytest.raises(RecipeError, match="cannot be read"):
        read_network(str(tmp_path / "missing.yaml"))
    with pytest.raises(RecipeError, match="Did you mean 'layers'"):
        network_from_yaml({"layers": [], "layer": 1})
    with pytest.raises(RecipeError, match="a mapping with `layers`"):
        network_from_yaml([])
    with pytest.raises(RecipeError, match="whole numbers"):
        network_from_yaml({"layers": ["relu"], "set": {"NF": "many"}})


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_reads(name):
    network, shape = read_network(name, {"NF": 2, "NC": 3, "NIC": 1})
    assert network.steps
    assert all(isinstance(member, int) for member in shape)


def test_a_number_of_thousands_of_digits_is_refused_in_one_line():
    many = "9" * 5000
    for text in (f"conv {many}x3 8", f"conv 3x3 {many}", f"conv 3x3 8 s{many}", f"fc {many}"):
        with pytest.raises(RecipeError, match=r"more than 18 digits|is too large"):
            parse_network(text)
    with pytest.raises(RecipeError, match="more than 18 digits"):
        parse_shape(f"3x{many}x3")
