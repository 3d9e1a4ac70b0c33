import numpy as np
import pytest

from pixelwise.data.checks import check_dataset
from pixelwise.data.copies import CONTRAST, NEAR, find_copies
from pixelwise.data.scenes import Scenes, scenes


def drawn(seed: int, count: int = 300) -> tuple[list[str], list[bytes], np.ndarray]:
    """Splits, digests and thumbnails: some equal, some as near as the limit, some dark, some of one colour."""
    generator = np.random.default_rng(seed)
    kinds = generator.integers(0, 256, (count // 10, 768))
    kinds[:5] = kinds[:5] // 40 + 5
    kinds[5] = 7
    noise = generator.normal(0, 1, (count, 768)) * generator.choice([0, 0.5, 1.5, 2.1, 2.2, 3], (count, 1))
    thumbnails = np.clip(kinds[generator.integers(len(kinds), size=count)] + noise, 0, 255).astype(np.uint8)
    digests = [
        f"{one.tobytes()}{generator.integers(3)}".encode() for one in thumbnails
    ]  # pictures differ where these do
    return generator.choice(["train", "val", "test"], count).tolist(), digests, thumbnails


def compared(splits: list[str], digests: list[bytes], thumbnails: np.ndarray) -> list[tuple[int, int]]:
    """The same by comparing each picture with every earlier one."""
    values, pairs, order = thumbnails.astype(np.int64), [], list(dict.fromkeys(splits))
    for later in range(len(values)):
        limit = min(NEAR, CONTRAST * values[later].std())
        for split in order:
            earlier = [index for index in range(later) if splits[index] == split]
            equal = [index for index in earlier if digests[index] == digests[later]]
            squares = [(int(((values[index] - values[later]) ** 2).sum()), index) for index in earlier]
            near = [(square, index) for square, index in squares if np.sqrt(square / 768) < limit]
            if equal or near:
                pairs.append((equal[0] if equal else min(near)[1], later))
    return pairs


@pytest.mark.parametrize("seed", range(4))
def test_the_search_finds_what_comparing_every_pair_finds(seed):
    found = find_copies(*drawn(seed))
    assert found == compared(*drawn(seed))
    assert 100 < len(found) < 900


def test_names_are_asked_for_once_a_split(monkeypatch, tmp_path):
    calls, names = [], Scenes.names
    monkeypatch.setattr(Scenes, "names", lambda self, split: calls.append(split) or names(self, split))
    check_dataset(scenes(tmp_path, size=32, train=40, val=20, test=0))
    assert len(calls) < 10  # as many as there are pictures take quadratic time
