"""The confusion matrix against scikit-learn and torchmetrics, its two void conventions, and what it refuses."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix as sklearn_matrix
from torchmetrics.functional.classification import multiclass_confusion_matrix, multiclass_jaccard_index

from pixelwise.errors import DataError
from pixelwise.metrics.confusion import confusion, confusion_matrix
from pixelwise.types import ClassMap, DatasetInfo, Sample

VOID = 255


def described(classes=("background", "cat", "dog"), void=VOID):
    return DatasetInfo("toy", classes, tuple((c, c, c) for c in range(len(classes))), frozenset({"mask"}), void)


def pair(truth, prediction, name="one"):
    truth, prediction = np.atleast_2d(truth), np.atleast_2d(prediction)
    sample = Sample(name, np.zeros((*truth.shape, 3), np.uint8), mask=truth.astype(np.uint8))
    return sample, ClassMap(prediction.astype(np.uint8))


def drawn(seed, pictures=5):
    generator = np.random.default_rng(seed)
    for _ in range(pictures):
        size = generator.integers(1, 12, 2)
        yield pair(generator.choice([0, 1, 2, VOID], size), generator.integers(0, 3, size))


def by_key(metric):
    return {score.key: score.value for score in metric.scores()}


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([2, 21, 40]), st.sampled_from([np.uint8, np.uint16]))
def test_matrix_is_scikit_learns_and_torchmetrics(seed, classes, dtype):
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, classes, (9, 13)).astype(dtype)
    truth[generator.random(truth.shape) < 0.2] = VOID
    prediction = generator.integers(0, classes, (9, 13)).astype(dtype)
    matrix = confusion_matrix(truth, prediction, classes, VOID)
    valid = truth != VOID
    assert np.array_equal(matrix[:-1], sklearn_matrix(truth[valid], prediction[valid], labels=np.arange(classes)))
    tensors = (torch.from_numpy(plane.astype(np.int64)) for plane in (prediction, truth))
    assert np.array_equal(matrix[:-1], multiclass_confusion_matrix(*tensors, classes, ignore_index=VOID).numpy())
    assert np.array_equal(matrix[-1], np.bincount(prediction[~valid], minlength=classes))


def test_mean_iou_is_torchmetrics_where_no_class_is_absent():
    generator = np.random.default_rng(0)
    truth, prediction = generator.integers(0, 3, (2, 30, 30))
    metric = confusion(described())
    metric.update(*pair(truth, prediction))
    theirs = multiclass_jaccard_index(torch.from_numpy(prediction), torch.from_numpy(truth), 3)
    assert by_key(metric)["mean_iou[void=ignore,classes=truth_or_prediction]"] == pytest.approx(theirs.item())


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.randoms(use_true_random=False), st.integers(1, 4))
def test_any_order_and_any_number_of_processes_give_the_same_bits(seed, random, processes):
    pictures = list(drawn(seed, pictures=8))
    whole = confusion(described())
    for picture in pictures:
        whole.update(*picture)
    random.shuffle(pictures)
    parts = [confusion(described()) for _ in range(processes)]
    for index, picture in enumerate(pictures):
        parts[index % processes].update(*picture)
    joined = confusion(described())
    joined.state = sum(part.state for part in parts)
    assert joined.scores() == whole.scores()
    assert joined.figures() == whole.figures()


def test_both_void_conventions_come_from_one_count():
    truth, prediction = [0, 0, 1, VOID, VOID], [0, 1, 1, 0, 1]
    ignoring, as_background = confusion(described()), confusion(described(), void="background")
    for metric in (ignoring, as_background):
        metric.update(*pair(truth, prediction))
    assert by_key(ignoring) == by_key(as_background)
    assert by_key(ignoring)["pixel_accuracy[void=ignore]"] == 2 / 3
    assert by_key(ignoring)["pixel_accuracy[void=background]"] == 3 / 5
    assert ignoring.scores()[0].key == "mean_iou[void=ignore,classes=truth_or_prediction]"
    assert as_background.scores()[0].key == "mean_iou[void=background,classes=truth_or_prediction]"
    assert [score.support for score in ignoring.scores()] == [3] * 7 + [5] * 7
    assert [row.support for row in ignoring.per_class()] == [2, 1, 0]
    assert [row.support for row in as_background.per_class()] == [4, 1, 0]


def test_a_data_set_without_void_says_so():
    metric = confusion(described(void=None))
    metric.update(*pair([0, 1], [0, 0]))
    assert [score.convention for score in metric.scores()][:3] == [
        {"void": "none", "classes": "truth_or_prediction"},
        {"void": "none", "classes": "truth"},
        {"void": "none"},
    ]
    assert len(metric.scores()) == 7


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 9))
def test_means_are_those_of_plain_numpy_over_exactly_the_classes_that_they_name(seed, classes):
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, max(1, classes - 2), (9, 13))  # the last two classes are never in the truth
    truth[generator.random(truth.shape) < 0.2] = VOID
    prediction = generator.integers(0, generator.integers(1, classes + 1), (9, 13))
    info = DatasetInfo("d", tuple(map(str, range(classes))), ((0, 0, 0),) * classes, frozenset({"mask"}), void=VOID)
    metric = confusion(info)
    metric.update(*pair(truth, prediction))
    t, p = truth[truth != VOID], prediction[truth != VOID]
    iou, accuracy, dice = {}, {}, {}
    for c in np.union1d(t, p).tolist():
        both, either = np.sum((t == c) & (p == c)), np.sum((t == c) | (p == c))
        iou[c], dice[c] = both / either, 2 * both / (np.sum(t == c) + np.sum(p == c))
        accuracy[c] = both / np.sum(t == c) if c in t else None
    in_truth = np.unique(t).tolist()
    for key, values in {
        "mean_iou[void=ignore,classes=truth_or_prediction]": list(iou.values()),
        "mean_iou[void=ignore,classes=truth]": [iou[c] for c in in_truth],
        "mean_class_accuracy[void=ignore,classes=truth]": [accuracy[c] for c in in_truth],
        "mean_dice[void=ignore,classes=truth_or_prediction]": list(dice.values()),
        "mean_dice[void=ignore,classes=truth]": [dice[c] for c in in_truth],
    }.items():
        assert by_key(metric)[key] == float(np.sum(np.array(values, np.longdouble))) / len(values)
    assert metric.scores()[0].key == "mean_iou[void=ignore,classes=truth_or_prediction]"  # what a plain name means


def test_thirty_pixels_of_a_class_that_is_not_in_the_truth_show_in_one_mean_and_not_in_the_other():
    metric = confusion(described(void=None))
    metric.state[:-1] = [[150_000, 20_000, 30], [20_000, 35_240, 0], [0, 0, 0]]
    either, truth = (by_key(metric)[f"mean_iou[void=none,classes={rule}]"] for rule in ("truth_or_prediction", "truth"))
    assert either == pytest.approx(2 / 3 * truth)
    guess = metric.constant_guess().scores  # it predicts no class that is not in the truth
    assert guess["mean_iou[void=none,classes=truth]"] == guess["mean_iou[void=none,classes=truth_or_prediction]"]


def test_absent_classes_have_no_number():
    metric = confusion(described())
    metric.update(*pair([0, 0], [0, 1]))
    assert metric.per_class()[2].values == {"iou": None, "accuracy": None, "dice": None}
    assert metric.per_class()[1].values == {"iou": 0, "accuracy": None, "dice": 0}
    assert by_key(metric)["mean_iou[void=ignore,classes=truth_or_prediction]"] == 0.25


def test_averaging_over_pictures_gives_another_number():
    """The reason for one matrix over the split (course 000's definition)."""
    metric = confusion(described())
    pictures = [pair([0, 0, 0, 1], [0, 0, 0, 1]), pair([0, 1, 1, 1], [1, 1, 1, 1])]
    for picture in pictures:
        metric.update(*picture)
    average = sum(metric.sample_score(*picture) for picture in pictures) / 2
    assert metric.scores()[0].value == pytest.approx((3 / 4 + 4 / 5) / 2)
    assert average == pytest.approx((1 + (0 + 3 / 4) / 2) / 2)


def test_a_picture_of_void_only_has_no_score_of_its_own():
    assert confusion(described()).sample_score(*pair([VOID], [1])) is None


def test_sample_score_counts_nothing():
    metric = confusion(described())
    metric.sample_score(*pair([0, 1], [0, 1]))
    assert not metric.state.any()


def test_figures_are_json_values():
    metric = confusion(described(), void="background")
    metric.update(*pair([0, 1, VOID], [0, 2, 2]))
    figures = metric.figures()
    assert json.loads(json.dumps(figures)) == figures
    assert figures["matrix"] == [[1, 0, 1], [0, 0, 1], [0, 0, 0]]
    assert figures["void_row"] == [0, 0, 1]


def test_reset_forgets():
    metric = confusion(described())
    metric.update(*pair([0], [0]))
    metric.reset()
    assert not metric.state.any()
    assert metric.scores()[0].value is None


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_values_out_of_range_name_the_value_and_what_is_allowed_and_count_nothing(dtype):
    metric = confusion(described())
    image = np.zeros((1, 3, 3), np.uint8)
    bad_mask = Sample("cat.png", image, mask=np.array([[0, 7, VOID]], dtype))
    good_mask = Sample("cat.png", image, mask=np.array([[0, 1, VOID]], dtype))
    with pytest.raises(DataError, match=r"cat.png: mask values 7 are outside.*0\.\.2 and 255 \(void\)"):
        metric.update(bad_mask, ClassMap(np.zeros((1, 3), dtype)))
    with pytest.raises(DataError, match=r"cat.png: class 3 was predicted.*0\.\.2"):
        metric.update(good_mask, ClassMap(np.array([[0, 1, 3]], dtype)))
    with pytest.raises(DataError, match="the mask is 3×1, the prediction 1×3"):
        metric.update(good_mask, ClassMap(np.zeros((3, 1), dtype)))
    assert not metric.state.any()


def test_what_cannot_be_compared_is_refused():
    metric = confusion(described())
    sample, prediction = pair([0], [0])
    with pytest.raises(DataError, match="has no mask"):
        metric.update(Sample("bare", sample.image), prediction)


def test_void_as_background_needs_a_background():
    with pytest.raises(DataError, match=r"no class has that name; the classes are sky, tree.*void: ignore"):
        confusion(described(("sky", "tree")), void="background")
    metric = confusion(described(("sky", "tree")))
    assert {score.convention["void"] for score in metric.scores()} == {"ignore"}


@pytest.mark.parametrize("void", ["ignore", "background"])
def test_the_constant_guess_is_what_a_constant_predictor_scores(void):
    metric, constant = confusion(described(), void=void), confusion(described(), void=void)
    for sample, prediction in drawn(3):
        metric.update(sample, prediction)
    guess = metric.constant_guess()
    index = metric.info.classes.index(guess.name)
    for sample, _ in drawn(3):
        constant.update(sample, ClassMap(np.full_like(sample.mask, index)))
    assert dict(guess.scores) == by_key(constant)
    truth = np.asarray(metric.figures()["matrix"]).sum(axis=1)
    assert truth[index] == truth.max()


def test_nothing_counted_leaves_nothing_to_guess():
    assert confusion(described()).constant_guess() is None
