"""Seeds mixed for many pictures at once are those that NumPy's SeedSequence gives for each."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pixelwise.augment.keys import PURPOSE, seed_of, seeds_of

number = st.integers(0, 2**32 - 1) | st.integers(0, 2**70) | st.sampled_from([0, 1, 2**32 - 1, 2**32, 2**64])


@given(number, st.lists(st.tuples(number, number), min_size=1, max_size=6))
def test_many_seeds_are_those_of_the_seed_sequence(seed, keys):
    epochs, indices = zip(*keys, strict=True)
    expected = [int(np.random.SeedSequence((PURPOSE, seed, e, i)).generate_state(1, np.uint64)[0]) for e, i in keys]
    assert seeds_of(seed, epochs, indices) == expected
    assert [seed_of(seed, e, i) for e, i in keys] == expected
