"""Average precision against scikit-learn and the loop of VOC's devkit; what the levels cost; pixel calibration."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from pixelwise.engine.numpy.reductions import levels
from pixelwise.errors import DataError
from pixelwise.metrics.average_precision import average_precision
from pixelwise.metrics.pictures import Recorder, keep_pictures, over_pictures
from pixelwise.metrics.ranking import KEPT, curve, levels_of
from pixelwise.run.states import States, read_states
from pixelwise.types import ClassMap, DatasetInfo, Sample

SIZE = (24, 30)


def info(classes: int, void: int | None = 255) -> DatasetInfo:
    names = tuple(f"c{index}" for index in range(classes))
    return DatasetInfo("toy", names, ((0, 0, 0),) * classes, frozenset({"mask"}), void)


def drawn(pictures: int, classes: int = 4, scale: float = 4.0, seed: int = 0) -> tuple[np.ndarray, list]:
    """Scores (N, C, H, W) that know something of the truth, and the pictures; class `classes` − 1 never occurs."""
    generator = np.random.default_rng(seed)
    masks = generator.choice(np.array([*range(classes - 1), 255], np.uint8), (pictures, *SIZE))
    scores = generator.normal(0, scale, (pictures, classes, *SIZE)).astype(np.float32)
    for index in range(classes):
        scores[:, index] += np.where(masks == index, np.float32(scale), np.float32(0))
    found = levels(scores)
    made = [
        (
            Sample(f"p{n}", np.zeros((*SIZE, 3), np.uint8), mask),
            ClassMap(scores[n].argmax(0).astype(np.uint8), None, found[n]),
        )
        for n, mask in enumerate(masks)
    ]
    return scores, made


def counted(pictures: list, classes: int = 4):
    metric = average_precision(info(classes))
    for sample, prediction in pictures:
        metric.update(sample, prediction)
    return metric


def voc_loop(truth: np.ndarray, ranks: np.ndarray) -> float:
    """All-point interpolated AP as the devkit of VOC 2010 computes it, where pixels of equal rank enter together."""
    recalls, precisions = [0.0], [0.0]
    for level in np.unique(ranks)[::-1]:
        taken = ranks >= level
        recalls.append((truth & taken).sum() / truth.sum())
        precisions.append((truth & taken).sum() / taken.sum())
    recalls.append(1.0)
    precisions.append(0.0)
    for place in range(len(precisions) - 2, -1, -1):
        precisions[place] = max(precisions[place], precisions[place + 1])
    return sum((recalls[i] - recalls[i - 1]) * precisions[i] for i in range(1, len(recalls)))


def test_eight_pixels_by_hand() -> None:
    truth = np.array([[1, 0, 1, 1, 0, 0, 1, 0]], np.uint8)
    p = np.linspace(0.9, 0.2, 8)[None, :, None]
    found = levels_of(np.concatenate([1 - p, p], axis=2))
    metric = average_precision(info(2, void=None))
    metric.update(Sample("one", np.zeros((1, 8, 3), np.uint8), truth), ClassMap(truth, None, found))
    row = metric.per_class()[1]
    assert row.values["ap"] == pytest.approx((1 + 3 / 4 + 3 / 4 + 4 / 7) / 4)  # .767857
    assert row.values["ap_none"] == pytest.approx((1 + 2 / 3 + 3 / 4 + 4 / 7) / 4)  # .747024


def test_equal_to_other_implementations_at_equal_levels_void_left_out() -> None:
    _, pictures = drawn(3)
    masks = np.stack([sample.mask for sample, _ in pictures])
    ranks = np.stack([prediction.levels for _, prediction in pictures])
    counts, metric = masks != 255, counted(pictures)
    for row in metric.per_class()[:3]:
        truth, own = masks[counts] == row.index, ranks[..., row.index][counts].astype(np.int64)
        assert row.support == truth.sum()
        assert row.values["ap_none"] == pytest.approx(average_precision_score(truth, own), rel=1e-13)
        assert row.values["ap"] == pytest.approx(voc_loop(truth, own), rel=1e-12)
    values = [row.values for row in metric.per_class()]
    by_key = {score.key: score.value for score in metric.scores()}
    assert values[3] == {"ap": None, "ap_none": None}
    key = "mean_ap[interpolation={},void=ignore,classes=truth]"
    for form, column in (("all_points", "ap"), ("none", "ap_none")):
        assert by_key[key.format(form)] == pytest.approx(sum(v[column] for v in values[:3]) / 3)
    assert metric.figures()["absent"] == ["c3"]


@pytest.mark.parametrize("scale", [1.0, 6.0, 15.0])
def test_how_far_levels_are_from_exact_scores(scale: float) -> None:
    scores, pictures = drawn(6, scale=scale)
    odds = scores.astype(np.float64)
    kept = np.stack([sample.mask for sample, _ in pictures]) != 255
    metric, masks = counted(pictures), np.stack([sample.mask for sample, _ in pictures])
    coarse = average_precision(info(4))
    coarse.state = metric.kept_states
    for row, rough in list(zip(metric.per_class(), coarse.per_class(), strict=True))[:3]:
        others = np.delete(odds, row.index, 1)
        own = odds[:, row.index] - np.logaddexp.reduce(others, axis=1)
        exact = average_precision_score(masks[kept] == row.index, own[kept])
        assert abs(row.values["ap_none"] - exact) < 5e-4
        assert abs(rough.values["ap_none"] - exact) < 1e-2


def test_kept_states_add_up_to_the_coarse_state(tmp_path: Path) -> None:
    _, pictures = drawn(3)
    metric = average_precision(info(4))
    recorder = Recorder([metric])
    for index, (sample, prediction) in enumerate(pictures):
        metric.update(sample, prediction)
        recorder.look(index)
    keep_pictures(tmp_path / "s.npz", ["a", "b", "c"], [recorder.rows], [metric])
    kept = read_states(tmp_path / "s.npz").metrics[0]
    assert kept.shape == (5, 2, KEPT)
    assert np.array_equal(kept.total(), metric.kept_states)
    alone = counted(pictures[:1])
    assert np.array_equal(kept.matrix().toarray()[0].reshape(kept.shape), alone.kept_states)


def test_pixel_calibration_error_and_reliability() -> None:
    scores, pictures = drawn(4, scale=2.0)
    exact = np.exp(scores - scores.max(1, keepdims=True))
    confidence = (exact.max(1) / exact.sum(1)).astype(np.float64)
    masks = np.stack([sample.mask for sample, _ in pictures])
    kept, right = masks != 255, scores.argmax(1) == masks
    bins = np.minimum((confidence * 15).astype(int), 14)
    gaps = [abs((right & kept)[bins == b].sum() - confidence[kept & (bins == b)].sum()) for b in range(15)]
    metric = counted(pictures)
    (score,) = [score for score in metric.scores() if score.name == "calibration_error"]
    assert score.key == "calibration_error[bins=15,void=ignore]"
    assert score.value == pytest.approx(sum(gaps) / kept.sum(), abs=2e-3)  # one pixel may change its interval
    assert not score.higher_is_better
    rows = metric.figures()["reliability"]
    assert sum(row["n"] for row in rows) == kept.sum() == score.support


def test_a_constant_has_the_share_of_a_class_as_its_precision() -> None:
    _, pictures = drawn(2)
    flat = np.full((*SIZE, 4), 30000, np.uint16)
    metric = counted([(sample, ClassMap(np.zeros(SIZE, np.uint8), None, flat)) for sample, _ in pictures])
    guess = metric.constant_guess()
    assert guess is not None
    for score in metric.scores()[:2]:
        assert score.value == pytest.approx(1 / 3) == pytest.approx(guess.scores[score.key])


def test_the_mean_ap_of_one_guess_for_all_pixels_is_the_same_on_any_pictures() -> None:
    """The precision of class c is its share of the pixels; the shares of all classes in the truth add up to 1."""
    metric = average_precision(info(4))
    recorder = Recorder([metric])
    _, made = drawn(24)
    guess = levels(np.broadcast_to(np.log([0.1, 0.2, 0.3, 0.4])[None, :, None, None], (1, 4, *SIZE)))[0]
    for index, (sample, _) in enumerate(made):
        metric.update(sample, ClassMap(np.full(SIZE, 3, np.uint8), None, guess))
        recorder.look(index)
    found = over_pictures(metric, States(24, metric.kept_states.shape, np.concatenate(recorder.rows[0])))
    means = [score for score in metric.scores() if score.name == "mean_ap"]
    assert means
    for score in means:
        assert score.value == pytest.approx(1 / 3)  # the fourth class never occurs
        assert found[score.key].low == found[score.key].high == score.value


def test_curve_reaches_every_recall_at_its_highest_level() -> None:
    _, pictures = drawn(3)
    recall, precision = curve(counted(pictures).state[0])
    assert recall[-1] == 1
    assert len(recall) == len(precision) <= 100
    assert (np.diff(recall) > 0).all()
    assert np.searchsorted(recall, np.arange(1, 101) / 100 - 1e-12).max() == len(recall) - 1


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, "the prediction has no levels of its classes' probabilities"),
        (np.zeros((*SIZE, 3), np.uint16), r"here \(24, 30, 4\); these are \(24, 30, 3\) uint16"),
        (np.zeros((*SIZE, 4), np.float32), r"`levels_of` of pixelwise.metrics.ranking makes them from probabilities"),
    ],
)
def test_predictions_that_cannot_be_ranked_are_refused(found: np.ndarray | None, said: str) -> None:
    ((sample, prediction),) = drawn(1)[1]
    with pytest.raises(DataError, match=said):
        average_precision(info(4)).update(sample, ClassMap(prediction.indices, None, found))


def test_mask_values_outside_the_classes_are_named() -> None:
    ((sample, prediction),) = drawn(1)[1]
    mask = sample.mask.copy()
    mask[0, 0] = 9
    with pytest.raises(DataError, match=r"mask values 9 are outside the classes; allowed: 0\.\.3 and 255"):
        average_precision(info(4)).update(Sample("p", sample.image, mask), prediction)


@pytest.mark.parametrize(
    "scores", [[[2.0, -1.0]], [[0.4, 0.4]], [[float("nan"), 1.0]], [[1.5, -0.5]]], ids=["raw", "sum", "nan", "outside"]
)
def test_scores_that_are_not_probabilities_are_refused(scores: list) -> None:
    with pytest.raises(DataError, match=r"are not probabilities\. Take the softmax of the scores"):
        levels_of(scores)
