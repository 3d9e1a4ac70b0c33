"""From scores to arrays: the winner whatever the layout, the annealed mean as the paper writes it, bands and whole."""

import numpy as np
import pytest
import torch

from pixelwise.engine import reduced
from pixelwise.engine.numpy import reductions as numpy_reductions
from pixelwise.engine.torch.model import normalised
from pixelwise.engine.torch.reductions import (
    REDUCTIONS,
    enlarged,
    expectation,
    levels,
    mean,
    probability,
    values,
    vector,
    winner,
)
from pixelwise.errors import DataError
from pixelwise.metrics import ranking
from pixelwise.run.normalisation import IMAGENET_MEAN, IMAGENET_STD
from pixelwise.tasks.base import Head, Input, Reduction

PALETTE = ((0, 0, 0), (200, 0, 0), (0, 210, 0))


def test_of_equal_scores_the_first_class_is_taken_whatever_the_layout() -> None:
    scores = torch.tensor([[2.0, 2.0, 1.0], [1.0, 3.0, 3.0], [5.0, 5.0, 5.0]]).T[None, :, None, :]
    for layout in (torch.contiguous_format, torch.channels_last):
        (indices,) = winner(scores.contiguous(memory_format=layout))
        assert indices.tolist() == [[0, 1, 0]]
        assert indices.dtype == np.uint8


@pytest.mark.parametrize(("classes", "dtype"), [(256, np.uint8), (257, np.uint16)])
def test_the_class_map_is_as_wide_as_the_classes_need(classes: int, dtype: type) -> None:
    scores = torch.zeros(1, classes, 1, 2)
    scores[0, classes - 1] = 1
    for (found,) in (winner(scores), numpy_reductions.winner(scores.numpy())):
        assert found.dtype == dtype
        assert found.tolist() == [[classes - 1] * 2]


def test_the_model_reads_normalised_pictures() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), np.uint8)
    expected = (images / 255 - np.array(IMAGENET_MEAN)) / np.array(IMAGENET_STD)
    made = normalised(torch.from_numpy(images), Input(3, IMAGENET_MEAN, IMAGENET_STD))
    np.testing.assert_allclose(made.permute(0, 2, 3, 1).numpy(), expected, atol=1e-6)
    assert made.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("std", [None, (0.2, 0.3, 0.4)])
def test_a_mean_image_is_subtracted_place_by_place(std: tuple[float, ...] | None) -> None:
    draw = np.random.default_rng(0)
    images, middle = draw.integers(0, 256, (2, 4, 5, 3), np.uint8), draw.uniform(0, 255, (4, 5, 3)).astype(np.float32)
    expected = (images - middle) / (255 * np.array(std) if std else 1)
    made = normalised(torch.from_numpy(images), Input(3, None, std, middle))
    np.testing.assert_allclose(made.permute(0, 2, 3, 1).numpy(), expected, rtol=1e-4, atol=1e-3)


def test_annealed_mean_as_the_paper_writes_it() -> None:
    scores = torch.randn(1, 3, 2, 2, dtype=torch.float64)
    z = scores.softmax(dim=1).numpy()[0]
    sharp = np.exp(np.log(z) / 0.38)
    expected = np.einsum("qhw,qc->hwc", sharp / sharp.sum(0), np.array(PALETTE, float))
    assert np.abs(mean(scores, table=PALETTE, temperature=0.38)[0] - expected).max() <= 0.51


def test_annealed_mean_between_mean_and_argmax() -> None:
    scores = torch.tensor([2.0, 1.0, 0.0]).reshape(1, 3, 1, 1)
    assert mean(scores, table=PALETTE, temperature=1e-3).tolist() == [[[[0, 0, 0]]]]
    plain = scores.softmax(1).reshape(3) @ torch.tensor(PALETTE, dtype=torch.float32)
    assert mean(scores, table=PALETTE, temperature=1.0)[0, 0, 0].tolist() == plain.round().tolist()


def test_both_engines_reduce_alike() -> None:
    scores = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(1))
    assert set(REDUCTIONS) - set(numpy_reductions.REDUCTIONS) == {"boxes", "labels", "scores", "masks"}  # of detectors
    for function, ours in ((winner, numpy_reductions.winner), (probability, numpy_reductions.probability)):
        np.testing.assert_allclose(function(scores), ours(scores.numpy()), rtol=1e-5)
    np.testing.assert_allclose(vector(scores), numpy_reductions.vector(scores.numpy()), rtol=1e-5)
    np.testing.assert_array_equal(values(scores), scores)
    np.testing.assert_array_equal(numpy_reductions.values(scores.numpy()), scores)
    weighted = (scores.softmax(dim=1) * torch.arange(3.0)[:, None, None]).sum(dim=1)
    for found in (expectation(scores), numpy_reductions.expectation(scores.numpy())):
        np.testing.assert_allclose(found, weighted, rtol=1e-5)
    how = {"table": PALETTE, "temperature": 0.5}
    assert np.abs(mean(scores, **how).astype(int) - numpy_reductions.mean(scores.numpy(), **how)).max() <= 1


@pytest.mark.parametrize("size", [None, (20, 11)])
def test_bands_together_are_the_whole(size: tuple[int, int] | None, monkeypatch: pytest.MonkeyPatch) -> None:
    made = {"class": Head("categories", 3, (Reduction("winner"),))}
    outputs = {"class": torch.randn(1, 3, 9, 6, generator=torch.Generator().manual_seed(0))}
    ((rows, whole),) = reduced.reduced_bands(made, outputs, ("probability",), REDUCTIONS, enlarged, size=size)
    assert rows == slice(0, size[0] if size else 9)
    monkeypatch.setattr(reduced, "BAND", 60)
    bands = list(reduced.reduced_bands(made, outputs, ("probability",), REDUCTIONS, enlarged, size=size))
    assert len(bands) > 2
    for name in ("winner", "probability"):
        together = np.concatenate([reduced["class"][name] for _, reduced in bands])
        np.testing.assert_allclose(together, whole["class"][name], rtol=1e-6)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_levels_are_those_of_log_odds_in_double_precision(layout: torch.memory_format) -> None:
    scores = (torch.randn(2, 5, 7, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 25).contiguous(
        memory_format=layout
    )
    others = (torch.cat([scores[:, :c], scores[:, c + 1 :]], dim=1).logsumexp(dim=1) for c in range(5))
    odds = torch.stack([scores[:, c] - rest for c, rest in enumerate(others)], dim=-1)
    expected = ranking.quantised(odds.numpy()).astype(int)
    assert {0, 65535} < set(expected.ravel().tolist())  # beyond ±48
    for found in (levels(scores.float()), numpy_reductions.levels(scores.float().numpy())):
        assert found.dtype == np.uint16
        assert np.abs(found - expected).max() <= 1
        assert (found != expected).mean() < 0.01  # a rounding error may cross into the next level


@pytest.mark.parametrize(
    ("scores", "expected"), [([2.0, 2.0], [32768] * 2), ([0.0, -np.inf, -3.0], [34816, 0, 30720]), ([1.0], [65535])]
)
def test_levels_of_ties_of_impossible_classes_and_of_one_class(scores: list[float], expected: list[int]) -> None:
    row = np.array(scores, np.float32)[None, :, None, None]
    for found in (levels(torch.tensor(row)), numpy_reductions.levels(row)):
        assert found.ravel().tolist() == expected


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_scores_that_are_not_finite_are_refused(broken: float) -> None:
    row = np.array([broken, 0, 1], np.float32)[None, :, None, None]
    for reduce, given in ((levels, torch.tensor(row)), (numpy_reductions.levels, row)):
        with pytest.raises(DataError, match="scores that are nan or inf have no probabilities"):
            reduce(given)
