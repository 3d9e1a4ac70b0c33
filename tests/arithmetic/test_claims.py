"""Claims: figures as they are written, the published mistakes, and slips in shapes, fields, paddings and cells."""

from fractions import Fraction

import pytest

from pixelwise.arithmetic.claims.cells import check_cells
from pixelwise.arithmetic.claims.mistakes import check_claim
from pixelwise.arithmetic.claims.sizes import check_field, check_paddings, check_shape
from pixelwise.arithmetic.counts import count
from pixelwise.arithmetic.exercise.reading import parse_exercise
from pixelwise.arithmetic.exercise.working import work
from pixelwise.arithmetic.field import numeric_flow, receptive_fields
from pixelwise.arithmetic.network import flow
from pixelwise.arithmetic.padding import solve_chain
from pixelwise.arithmetic.table import figure
from pixelwise.arithmetic.text import parse_figure, parse_network, parse_shape, read_network
from pixelwise.errors import RecipeError

PUBLISHED = "9216NF·NIC + 9216NC² + 5760NF² + 2304NF·NC + 142080NF + 1048576NC"
PUBLISHED_DOUBLED = "36864NF·NIC + 36864NC² + 23040NF² + 9216NF·NC + 142080NF + 2239488NC"
AS_MADE = (
    "this counts convolutions, BatchNorm, pooling and upsampling only, lets every output of BatchNorm read its whole map "
    "(16-fold when the side is doubled) and writes NF for NC in layer 14 upsample 2"
)


@pytest.fixture(scope="module")
def colourizer():
    network, shape = read_network("pool-upsample-net")
    return count(network, shape), count(network, parse_shape("NICx64x64"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("72,125", 72125),
        ("1,072,163", 1072163),
        ("−3", -3),
        ("1/2", Fraction(1, 2)),
        ("121.5", Fraction(243, 2)),
        ("0", 0),
    ],
)
def test_figures_are_read_as_they_are_written(text, value):
    assert parse_figure(text) == value


def test_what_the_tool_prints_it_reads_again(colourizer):
    now, _ = colourizer
    for quantity in ("weights", "outputs", "connections", "multiply-adds", "memory"):
        printed = figure(now.total(quantity.replace("-", "_")))
        assert check_claim(now, quantity, parse_figure(printed)).holds
    assert check_claim(count(*read_network("course-cnn")), "weights", parse_figure("72,125")).holds


@pytest.mark.parametrize("text", ["", "2+", "__import__('os')", "1/0", "9" * 20, "a.b", "[1]", "2**99"])
def test_figures_that_cannot_be_read_are_refused(text):
    with pytest.raises(RecipeError):
        parse_figure(text)


def test_the_published_connections_are_explained_as_they_were_made(colourizer):
    verdict = check_claim(colourizer[0], "connections", parse_figure(PUBLISHED))
    assert not verdict.holds
    assert verdict.explanation == AS_MADE


def test_a_claim_about_convolutions_alone_is_read_as_it_is_printed(colourizer):
    name = "outputs of convolutions alone"
    assert check_claim(colourizer[0], name, parse_figure("1280·NC + 1600·NF")).holds
    assert (
        check_claim(colourizer[0], name, parse_figure("4352·NC + 3520·NF")).explanation
        == "this is the sum over all layers"
    )


def test_the_published_doubled_connections_are_explained_term_by_term(colourizer):
    now, twice = colourizer
    verdict = check_claim(twice, "connections", parse_figure(PUBLISHED_DOUBLED), now)
    assert verdict.explanation.startswith(
        AS_MADE + "; then the terms 36864·NC² + 9216·NC·NF + 23040·NF² + 36864·NF·NIC are"
    )
    assert "2239488·NC is the term in NF, with NC written for it" in verdict.explanation
    assert "142080·NF is the figure before doubling" in verdict.explanation
    assert verdict.explanation.endswith("where the sums give 16777216·NC + 2239488·NF")


@pytest.mark.parametrize(
    ("quantity", "claimed", "words"),
    [
        ("outputs", "1024NC", "this is the figure of layer 17 conv 3 NC same (the last one) alone"),
        ("outputs", "4544NF+3328NC", "this writes NF for NC in layer 14 upsample 2"),
        ("outputs", "1280·NC + 1600·NF", "this counts convolutions only"),
        (
            "multiply-adds",
            "18432NC²+4608NC·NF+11520NF²+18432NF·NIC",
            "this counts two operations for each multiply-add, as",
        ),
        ("weights", "9·NC² + 9·NC·NF + 36·NF² + 9·NF·NIC", "this counts convolutions only and leaves the biases out"),
        ("memory", "4352·NC + 3520·NF", "this counts values and not bytes"),
        ("weights", "NF^7", ""),
    ],
)
def test_mistakes_in_counts(colourizer, quantity, claimed, words):
    assert check_claim(colourizer[0], quantity, parse_figure(claimed)).explanation.startswith(words)


def test_copies_of_concat_are_named():
    counts = count(parse_network("conv 3 4 same as a | conv 3 2 same | concat a"), (1, 8, 8))
    assert counts.total("copies") == 6 * 64
    assert "3 concat a: its 384 outputs are copies of earlier outputs" in counts.as_table().text()
    assert counts.as_record()["copies"] == 384


@pytest.mark.parametrize(
    ("text", "layer", "claimed", "words"),
    [
        ("course-cnn", "conv3", "1x11x11", ""),
        ("course-cnn", "4", "1x12x12", "this rounds up"),
        ("course-cnn", "maxpool", "10×121×121", "this leaves the + 1 out"),
        ("course-cnn", "conv1", "3x252x252", "the channels are those of its input"),
        ("course-cnn", "output", "512", "this is the output of layer 5 fc 512"),
        ("conv 5 8 p2", "1", "8x28x28", "this leaves the padding out"),
        ("conv 3 8 d2 as a", "a", "8x30x30", "this leaves the dilation out"),
        ("conv 5 8 p2", "output", "8x30x30", "this adds the padding on one side only"),
        ("deconv 3 8 s2 p1 op1", "deconv1", "8x63x63", "this leaves output_padding out"),
        ("conv 3 8", "conv1", "8x32x32", "this keeps the size"),
    ],
)
def test_slips_in_shapes(text, layer, claimed, words):
    network, shape = read_network(text)
    verdict = check_shape(
        flow(network, shape or (3, 32, 32)), layer, tuple(map(parse_figure, claimed.replace("×", "x").split("x")))
    )
    assert verdict.holds == (not words)
    assert verdict.explanation.startswith(words)


@pytest.mark.parametrize(
    ("quantity", "claimed", "words"),
    [
        ("sees", [37], None),
        ("stride", [20, 20], None),
        ("sees", [25], "this leaves the strides of the layers before out"),
        ("sees", [28], "this adds the kernels up"),
        ("start", [6], "this is the figure of layer 3 maxpool 3x3 s2"),
        ("sees", [999], ""),
    ],
)
def test_slips_in_fields(quantity, claimed, words):
    network, shape = read_network("course-cnn")
    fields, rows = receptive_fields(network, shape), numeric_flow(network, shape)
    verdict = check_field(fields, 4, quantity, claimed, rows)
    assert verdict.holds == (words is None)
    assert verdict.explanation == (words or "")


def test_fields_have_fractions():
    network = parse_network("conv 3 8 same | maxpool 2")
    verdict = check_field(
        receptive_fields(network, (3, 8, 8)), 2, "start", [parse_figure("1/2")], numeric_flow(network, (3, 8, 8))
    )
    assert verdict.holds
    assert str(verdict) == "layer 2 maxpool 2: start = 1/2 holds."


def test_padding_2_for_kernel_4_is_refused():
    steps = [("", step) for step in solve_chain(4, [32, 16, 8, 16], 2)]
    said = list(map(str, check_paddings(steps, "down padding=2")))
    assert said == [
        "32 → 16: padding 2 is wrong: it is padding 1; gives 17, not 16.",
        "16 → 8: padding 2 is wrong: it is padding 1; gives 9, not 8.",
    ]
    (up,) = check_paddings(steps, "up padding=1 output_padding=1")
    assert (
        str(up)
        == "8 → 16: padding 1 and output_padding 1 is wrong: it is padding 1 and output_padding 0; gives 17, not 16."
    )
    for claim in ("padding=1", "padding 1", "p=1", "P = 1, OP = 0", "padding=1, output padding=0"):
        assert all(verdict.holds for verdict in check_paddings(steps, claim)), claim


EXERCISE = (
    "input:\n 1 2 0\n 0 1 3\n 2 -1 1\nfilter:\n 1 0\n 0 -2\ndo:\n convolve\n best patch -1 1\nW1: 2\nb1: 1\nat: 3"
)


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        ("1=-1 -4; 2 -1", None),
        ("1 = −1 −4 ×; 2 −1 ×; × × ×", None),
        ("1=-1 -4; 2 0", "row 1, column 1 differs"),
        ("1=-1 -1; -1 -1", "this flips the kernel, which networks do not"),
        ("1=-1 -4", "the shape is different"),
        ("2=1 ×; × −1", None),
        ("3.W=2", None),
        ("3.b=1/1", None),
    ],
)
def test_cells_of_an_exercise(claim, words):
    verdict = check_cells(work(parse_exercise(EXERCISE)), claim)
    assert verdict.holds == (words is None), str(verdict)
    assert verdict.explanation == (words or "")


@pytest.mark.parametrize(
    ("claim", "message"),
    [("9=1", "unknown step '9'"), ("3.Q=1", "step 3 has no 'Q'; it has W, b"), ("1", "QUANTITY=FIGURE")],
)
def test_claims_about_nothing_are_refused(claim, message):
    with pytest.raises(RecipeError, match=message):
        check_cells(work(parse_exercise(EXERCISE)), claim)


@pytest.mark.parametrize(
    ("typed", "value"),
    [("½", Fraction(1, 2)), ("−2½", Fraction(-5, 2)), ("72\u2009125", 72125), ("72\u202f125", 72125), (" 9 ", 9)],
)
def test_figures_as_people_type_them(typed: str, value: object) -> None:
    assert parse_figure(typed) == value


def test_symbols_side_by_side_are_a_product() -> None:
    assert parse_figure("9NC^2 + 9NC NF") == parse_figure("9·NC² + 9·NC·NF")
