"""Random draws from keys, and the order of an epoch. A draw depends on its purpose, never on what was drawn before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Sampling = Literal["shuffled", "replacement", "balanced"]


def seed_of(*key: int | str) -> int:
    """A 63-bit seed mixed from a key such as (seed, "step", 17)."""
    words = [int.from_bytes(k.encode(), "little") if isinstance(k, str) else k for k in key]
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> np.uint64(1))


def draw_order(
    pictures: int, seed: int, epoch: int, sampling: Sampling = "shuffled", labels: NDArray[np.int64] | None = None
) -> tuple[int, ...]:
    """As many indices as there are pictures: the order of one epoch.

    shuffled:     every picture once
    replacement:  every draw is of all pictures, so that some come twice and others not at all
    balanced:     every class is equally likely, and every picture of a class

    labels: of all pictures, for `balanced`. Raises ValueError if it has none, or not one for each picture.
    """
    if sampling == "balanced" and (labels is None or len(labels) != pictures):
        given = "none" if labels is None else len(labels)
        raise ValueError(f"balanced sampling of {pictures} pictures needs a label for each; {given} given")
    generator = np.random.default_rng(seed_of(seed, "order", epoch))
    if sampling == "balanced" and labels is not None:
        drawn = draw_balanced(labels, generator)
    elif sampling == "replacement":
        drawn = generator.integers(pictures, size=pictures)
    else:
        drawn = generator.permutation(pictures)
    return tuple(drawn.tolist())


def draw_balanced(labels: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.int64]:
    """As many indices as there are labels, with replacement: a class drawn evenly, then one of its pictures evenly."""
    sizes = np.unique_counts(labels).counts
    by_class, starts = np.argsort(labels, kind="stable"), np.cumsum(sizes) - sizes
    drawn = generator.integers(len(sizes), size=len(labels))
    places: NDArray[np.int64] = by_class[starts[drawn] + generator.integers(sizes[drawn])]
    return places


def count_rounds(order: Sequence[int]) -> tuple[int, ...]:
    """How often each index came before, at its place in the order."""
    seen: Counter[int] = Counter()
    rounds = []
    for index in order:
        rounds.append(seen[index])
        seen[index] += 1
    return tuple(rounds)


def count_pieces(pictures: int, batch: int, accumulate: int, processes: int = 1) -> int:
    """Into how many pieces a process cuts its pictures of a batch: a whole batch into `accumulate`, a shorter one into fewer.

    >>> count_pieces(16, 16, 4), count_pieces(5, 16, 4), count_pieces(3, 4, 8)
    (4, 2, 3)
    """
    largest = -(-batch // (processes * accumulate))
    return -(-pictures // largest)
