"""Randomness from keys."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from pixelwise.engine.order import seed_of
from pixelwise.engine.torch.update import keyed_random

Key = st.lists(st.integers(0, 2**31) | st.text("abcdefgh", min_size=1, max_size=8), min_size=1, max_size=4)


@given(Key, Key)
def test_a_seed_is_a_function_of_its_key(one: list[int | str], other: list[int | str]) -> None:
    assert 0 <= seed_of(*one) < 2**63
    assert seed_of(*one) == seed_of(*one)
    if one != other and not (set(map(type, one)) ^ set(map(type, other))):
        assert seed_of("a", *one) != seed_of("b", *one)


def test_neighbouring_keys_have_seeds_of_their_own() -> None:
    seeds = {seed_of(seed, purpose, n) for seed in range(5) for purpose in ("order", "step") for n in range(50)}
    assert len(seeds) == 500


def test_the_global_generator_is_put_back_also_after_an_error() -> None:
    before = torch.get_rng_state()
    with keyed_random(1, "step", 2):
        first = torch.rand(3)
    try:
        with keyed_random(1, "step", 2):
            assert torch.equal(torch.rand(3), first)
            raise KeyError
    except KeyError:
        pass
    assert torch.equal(torch.get_rng_state(), before)


def test_dropout_follows_the_key_and_not_what_was_drawn_before() -> None:
    dropout, ones = nn.Dropout(0.5), torch.ones(1000)
    with keyed_random(3, "step", 7):
        expected = dropout(ones)
    torch.rand(10)
    with keyed_random(3, "step", 7):
        assert torch.equal(dropout(ones), expected)
    with keyed_random(3, "step", 8):
        assert not torch.equal(dropout(ones), expected)
