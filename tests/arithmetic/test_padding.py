"""The padding solver against the course's answers and against brute force."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelwise.arithmetic.padding import Weights, solve_chain, solve_padding, solve_transposed
from pixelwise.arithmetic.window import output_length, transposed_output_length
from pixelwise.errors import ShapeError


@pytest.mark.parametrize(("kernel", "padding", "up"), [(3, 1, (1, 1)), (4, 1, (1, 0)), (5, 2, (2, 1))])
def test_the_colourizer_down_to_8_and_back(kernel, padding, up):
    down1, down2, up1, up2 = solve_chain(kernel, [32, 16, 8, 16, 32], stride=2)
    for step in (down1, down2):
        assert [c.padding for c in step.fitting] == [padding]
    for step in (up1, up2):
        assert [(c.padding, c.output_padding) for c in step.fitting] == [up]


def test_padding_2_for_kernel_4_is_refuted_with_its_17():
    refuted = solve_padding(4, 32, 16, stride=2).candidates[2]
    assert (refuted.padding, refuted.gives, refuted.why_not) == (2, 17, "gives 17, not 16")
    back = solve_transposed(4, 8, 16, stride=2).candidates[2]
    assert "needs output_padding 16 − 14 = 2" in back.why_not
    assert "below max(stride, dilation) = 2" in back.why_not


@settings(deadline=None)
@given(st.integers(1, 6), st.integers(1, 24), st.integers(1, 30), st.integers(1, 4), st.integers(1, 3))
def test_every_answer_is_right_and_none_is_missing(kernel, length, wanted, stride, dilation):
    found = {c.padding for c in solve_padding(kernel, length, wanted, stride, dilation).fitting}
    reach = dilation * (kernel - 1) + 1
    for padding in range(reach):
        try:
            right = output_length(length, kernel, stride, padding, dilation) == wanted
        except ShapeError:
            right = False
        assert (padding in found) == right
    up = {(c.padding, c.output_padding) for c in solve_transposed(kernel, length, wanted, stride, dilation).fitting}
    for padding in range(reach):
        for more in range(max(stride, dilation)):
            try:
                right = transposed_output_length(length, kernel, stride, padding, dilation, more) == wanted
            except ShapeError:
                right = False
            assert ((padding, more) in up) == right


def test_an_even_kernel_that_keeps_a_size_is_told_its_uneven_padding():
    solution = solve_padding(4, 32, 32)
    assert not solution.fitting
    assert solution.one_sided == (1, 2)
    assert [c.why_not for c in solution.candidates[1:3]] == ["gives 31, not 32", "gives 33, not 32"]


def test_a_step_without_an_answer_has_none():
    solution = solve_padding(3, 32, 9, stride=2)
    assert not solution.fitting
    assert solution.one_sided is None


def test_a_kernel_larger_than_the_padded_input_is_refuted_in_words():
    assert "the kernel covers 7, more than 3 + 2·1 = 5" in solve_padding(7, 3, 3).candidates[1].why_not


def test_bad_input():
    with pytest.raises(ShapeError, match="stride must be at least 1"):
        solve_padding(3, 32, 16, stride=0)
    with pytest.raises(ShapeError, match="at least two sizes"):
        solve_chain(3, [32])


def test_a_given_output_padding_is_the_only_one_tried():
    asked = solve_transposed(3, 8, 16, stride=2, output_padding=1)
    assert [(c.padding, c.output_padding, c.gives) for c in asked.candidates] == [(0, 1, 18), (1, 1, 16), (2, 1, 14)]
    assert [c.padding for c in asked.fitting] == [1]
    assert not solve_transposed(3, 8, 16, stride=2, output_padding=0).fitting
    with pytest.raises(ShapeError, match="output_padding 2 must stay below"):
        solve_transposed(3, 8, 16, stride=2, output_padding=2)


def test_every_step_can_be_a_transposed_one():
    keeps, shrinks = solve_chain(3, [8, 8, 6], transposed=True)
    assert [c.padding for c in keeps.fitting] == [1]
    assert [c.padding for c in shrinks.fitting] == [2]
    assert [c.padding for c in solve_chain(3, [8, 8])[0].fitting] == [1]


@pytest.mark.parametrize(("reads", "gives", "groups", "bias"), [(4, 6, 1, True), (4, 6, 2, False), (3, 3, 3, True)])
def test_weights_are_those_that_torch_makes(reads, gives, groups, bias):
    for layer in (torch.nn.Conv2d, torch.nn.ConvTranspose2d):
        made = layer(reads, gives, (2, 5), groups=groups, bias=bias)
        count = sum(one.numel() for one in made.parameters())
        assert Weights("", reads, gives, (2, 5), groups, bias).count == count


def test_channels_that_groups_do_not_divide_are_refused():
    with pytest.raises(ShapeError, match="3 input and 4 output channels cannot be split into 2 groups"):
        Weights("", 3, 4, (3, 3), 2)
