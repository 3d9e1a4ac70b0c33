"""Counts against the course's answers, against torch's parameters and flop counter, and the courses' mistakes refuted."""

import numpy as np
import pytest
import sympy
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from pixelwise.arithmetic.claims.mistakes import check_claim
from pixelwise.arithmetic.counts import Convention, count, doubled, growth
from pixelwise.arithmetic.text import parse_expression, parse_network, parse_shape, read_network
from pixelwise.errors import RecipeError

NIC, NF, NC, S, K = (sympy.Symbol(name, integer=True, positive=True) for name in ("NIC", "NF", "NC", "S", "K"))


def equal(a, b):
    return sympy.expand(a - b) == 0


def test_the_course_network_has_72125_parameters():
    counts = count(*read_network("course-cnn"))
    assert counts.total("weights") == 72_125
    assert counts.total("biases") == 538


def test_the_colourizer_in_symbols():
    counts = count(*read_network("pool-upsample-net"))
    assert equal(counts.total("weights"), 36 * NF**2 + 9 * NC**2 + 9 * NF * NC + 9 * NIC * NF + 12 * NF + 4 * NC)
    assert equal(counts.total("connections"), 9216 * NIC * NF + 5760 * NF**2 + 2304 * NF * NC + 9216 * NC**2)
    assert equal(counts.outputs_of_convolutions, 1600 * NF + 1280 * NC)


def test_doubling_the_side_multiplies_outputs_and_connections_by_4_and_weights_by_1():
    network, shape = read_network("pool-upsample-net")
    before, after = doubled(network, shape, Convention("all", biases=True))
    for quantity, factor in (("weights", 1), ("outputs", 4), ("connections", 4), ("multiply_adds", 4), ("memory", 4)):
        assert growth(before.total(quantity), after.total(quantity)) == factor
    for one, two in zip(before.layers, after.layers, strict=True):
        assert growth(one.connections, two.connections) == 4
        assert growth(one.weights, two.weights) in (None, 1)
    assert growth(4, 6) == 1.5


def test_a_symbolic_side_and_kernel():
    network, _ = read_network("pool-upsample-net")
    counts = count(network, parse_shape("NICxSxS"))
    assert counts.assumption == "for S divisible by 4"
    assert equal(counts.total("connections").subs(S, 32), count(network, (NIC, 32, 32)).total("connections"))
    network = parse_network("conv KxK NF same | maxpool 2 | conv K NC same")
    counts = count(network, parse_shape("NICxSxS"))
    assert equal(counts.total("connections"), K**2 * S**2 * (NIC * NF + NF * NC / 4))
    for kernel in (3, 4):
        numbers = count(
            parse_network("conv 3 5 same | maxpool 2 | conv 3 7 same".replace("3", str(kernel))), (2, 16, 16)
        )
        values = {K: kernel, S: 16, NIC: 2, NF: 5, NC: 7}
        assert counts.total("connections").subs(values) == numbers.total("connections")


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("pool-upsample-net", 49_728), ("conv-transpose-net", 49_728), ("colour-unet", 56_856), ("vanilla-cnn", 58_826)],
)
def test_parameters_that_the_courses_state(name, parameters):
    assert count(*read_network(name, {"NF": 32, "NC": 24, "NIC": 1})).total("weights") == parameters


def test_conventions_are_part_of_the_answer():
    network = parse_network("conv 3 4 same | bn | relu | maxpool 2 | fc 5")
    totals = {}
    for of in ("convolutions", "weighted", "all"):
        for biases in (False, True):
            totals[of, biases] = count(network, (2, 8, 8), Convention(of, biases)).total("connections")
    conv, norm, relu, pool, dense = 256 * 18, 256, 256, 64 * 4, 5 * 64
    assert totals["convolutions", False] == conv
    assert totals["convolutions", True] == conv + 256
    assert totals["weighted", False] == conv + norm + dense
    assert totals["weighted", True] == conv + norm + dense + 256 + 256 + 5
    assert totals["all", False] == conv + norm + relu + pool + dense
    assert "of convolutions only; biases do not count" in str(Convention())
    with pytest.raises(RecipeError, match="Did you mean 'weighted'"):
        Convention("weigted")
    with pytest.raises(RecipeError, match="at least 1"):
        Convention(batch=0)


def test_memory_for_training_and_at_the_peak_of_predicting():
    counts = count(parse_network("conv 3 4 same as a | conv 3 4 same | concat a"), (1, 8, 8), Convention(batch=2))
    one = 4 * 64 * 4 * 2  # bytes of a map with four channels in a batch of two
    assert counts.total("memory") == 4 * one
    assert counts.peak == 4 * one  # both maps and their concatenation
    chain = count(parse_network("conv 3 4 same | conv 3 4 same | conv 3 4 same"), (1, 8, 8), Convention(batch=2))
    assert chain.peak == 2 * one


def test_the_published_mistakes_are_found():
    network, shape = read_network("pool-upsample-net")
    counts = count(network, shape)
    assert check_claim(counts, "weights", counts.total("weights")).holds
    verdict = check_claim(counts, "outputs", parse_expression("1024NC"))
    assert not verdict.holds
    assert verdict.explanation == "this is the figure of layer 17 conv 3 NC same (the last one) alone"
    wrong = counts.total("outputs") - 1024 * NC + 1024 * NF  # NF for NC in the second upsampling
    assert check_claim(counts, "outputs", wrong).explanation == "this writes NF for NC in layer 14 upsample 2"
    _, twice = doubled(network, shape, Convention("weighted"))
    norms = twice.total("connections", {"norm"})
    wrong = twice.total("connections") + 3 * norms  # BatchNorm 16-fold instead of 4-fold
    assert check_claim(twice, "connections", wrong).explanation == "this counts BatchNorm 4 times"
    assert check_claim(counts, "outputs", counts.outputs_of_convolutions).explanation == "this counts convolutions only"
    without = counts.total("weights") - counts.total("biases")
    assert check_claim(counts, "weights", without).explanation == "this leaves the biases out"
    assert check_claim(counts, "weights", NF**7).explanation == ""
    with pytest.raises(RecipeError, match="Did you mean 'outputs'"):
        check_claim(counts, "output", NF)


def torch_twin(draw):
    """A random network in the text form, and the same in torch."""
    channels, words, modules = int(draw.integers(1, 4)), [], []
    first = channels
    for _ in range(draw.integers(1, 4)):
        k, s, p, d = (int(draw.integers(low, high)) for low, high in ((1, 4), (1, 3), (0, 3), (1, 3)))
        new = int(draw.integers(1, 5))
        bias = bool(draw.integers(2))
        kind = draw.integers(4)
        tail = "" if bias else " nobias"
        if kind == 0:
            words.append(f"conv {k} {new} s{s} p{p} d{d}{tail}")
            modules.append(nn.Conv2d(channels, new, k, s, p, d, bias=bias, device="meta"))
        elif kind == 1:
            words.append(f"deconv {k} {new} s{s} p{min(p, k // 2)} d{d}{tail}")
            modules.append(
                nn.ConvTranspose2d(channels, new, k, s, min(p, k // 2), 0, bias=bias, dilation=d, device="meta")
            )
        elif kind == 2:
            words.append("bn")
            modules.append(nn.BatchNorm2d(channels, device="meta"))
            new = channels
        else:
            g = channels
            words.append(f"conv {k} {g * new} p{k} g{g}{tail}")
            modules.append(nn.Conv2d(channels, g * new, k, 1, k, groups=g, bias=bias, device="meta"))
            new = g * new
        channels = new
    return first, " | ".join(words), nn.Sequential(*modules)


@pytest.mark.parametrize("wanted", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_random_layers_learn_as_many_numbers_as_torchs(wanted):
    draw = np.random.default_rng(0)
    layers = 0
    while layers < wanted:
        first, text, twin = torch_twin(draw)
        counts = count(parse_network(text), (first, 40, 40))
        assert counts.total("weights") == sum(p.numel() for p in twin.parameters()), text
        layers += len(counts.layers)


def test_shapes_and_multiply_adds_of_whole_random_networks_are_torchs():
    draw = np.random.default_rng(1)
    for _ in range(60):
        first, text, twin = torch_twin(draw)
        twin.append(nn.Flatten())
        counts = count(parse_network(text + " | fc 7"), (first, 20, 17))
        before = counts.layers[-2].outputs
        twin.append(nn.Linear(before, 7, device="meta"))
        x = torch.empty(1, first, 20, 17, device="meta")
        with FlopCounterMode(display=False) as counter:
            twin(x)
        assert counts.total("multiply_adds") * 2 == counter.get_total_flops(), text


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("conv K NF s2 same | bn | deconv K NC s2 same | concat input", "NICxSxS"),
        ("conv 3 NF s2 p1 | conv K NC", "3xSxW"),
        ("conv 3 NF s2 | avgpool 2 | fc NC", "NICxSxW"),
        ("deconv K NF s2 p1 op1 | globalpool | fc NC", "NICxSxS"),
        ("conv 3 2NF same g2 | flatten | fc 10", "2NFxSxS"),
        ("maxpool K same as a | upsample 2 | from a | conv 1 NF | add a", "NFxSxS"),
        ("fc NF | relu | fc NC", "784"),
    ],
)
def test_symbols_then_numbers_is_numbers_at_once(text, shape):
    values = {"NIC": 2, "NF": 6, "NC": 5, "K": 5, "S": 16, "W": 24}
    for of in ("convolutions", "all"):
        symbolic = count(parse_network(text), parse_shape(shape), Convention(of, biases=True))
        numeric = count(parse_network(text, values), parse_shape(shape, values), Convention(of, biases=True))
        for quantity in ("weights", "outputs", "connections", "multiply_adds", "memory"):
            total = sympy.sympify(symbolic.total(quantity))
            assert total.subs({symbol: values[str(symbol)] for symbol in total.free_symbols}) == numeric.total(quantity)
