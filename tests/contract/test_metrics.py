"""What every metric on the shelf owes: a state of whole numbers that adds up, scores that say how they were counted."""

import json

import numpy as np
import pytest

from pixelwise.imaging.colour import nearest_colours, paint
from pixelwise.metrics import METRICS
from pixelwise.metrics.base import Metric, RowMetric
from pixelwise.metrics.ranking import levels_of
from pixelwise.report.page import RANKED_BY
from pixelwise.rle import RLE
from pixelwise.types import ClassMap, Colours, DatasetInfo, Instances, Labels, Object, Sample

INFO = DatasetInfo("toy", ("background", "cat"), ((0, 0, 0), (9, 9, 9)), frozenset({"mask", "label"}), void=255)
BLACK = np.zeros((6, 7, 3), np.uint8)


def class_map(generator, name):
    """(sample, a prediction, the right one, a wrong one)"""
    mask = generator.choice(np.array([0, 1, 255], np.uint8), (6, 7))
    right = np.where(mask == 255, 0, mask).astype(np.uint8)
    maps = generator.integers(0, 2, (6, 7), dtype=np.uint8), right, 1 - right
    predictions = (ClassMap(one, None, levels_of(np.where(one[..., None] == (0, 1), 0.9, 0.1))) for one in maps)
    return Sample(name, BLACK, mask=mask), *predictions


def labels(generator, name):
    label = int(generator.integers(2))
    one = np.eye(2, dtype=np.float32)
    predicted = generator.dirichlet((1, 1)).astype(np.float32)
    return Sample(name, BLACK, label=label), Labels(predicted), Labels(one[label]), Labels(one[1 - label])


def coloured(generator, name):
    """The palette is the two colours of INFO."""
    image = generator.integers(0, 10, (6, 7, 3), dtype=np.uint8)
    right = nearest_colours(image, INFO.colours)
    maps = generator.integers(0, 2, (6, 7), dtype=np.uint8), right, 1 - right
    return Sample(name, image), *(Colours(paint(indices, INFO.colours), indices) for indices in maps)


def objects(generator, name):
    """Two touching objects and a third one; predicted at random, rightly, and not at all."""
    planes = np.zeros((3, 6, 7), bool)
    planes[0, :3, :2], planes[1, :3, 2:4], planes[2, 4:, 5:] = True, True, True
    truth = tuple(Object.of(1, RLE.of(plane)) for plane in planes)
    drawn = tuple(Object.of(1, RLE.of(generator.random((6, 7)) < 0.5), score=score) for score in (0.9, 0.8))
    predictions = (Instances((6, 7), found) for found in (drawn, truth, ()))
    return Sample(name, BLACK, objects=truth), *predictions


DRAW = {  # what each metric counts
    "confusion": class_map,
    "average_precision": class_map,
    "foreground_iou": class_map,
    "accuracy": labels,
    "colour": coloured,
    "instances": objects,
}


@pytest.fixture(params=sorted(METRICS))
def metric_name(request):
    return request.param


@pytest.fixture
def build(metric_name):
    return lambda: METRICS.build(metric_name, INFO)


@pytest.fixture
def drawn(metric_name):
    def draw(count):
        generator = np.random.default_rng(0)
        return [DRAW[metric_name](generator, f"{index}") for index in range(count)]

    return draw


def test_states_add_up_or_are_put_together(build, drawn):
    pictures = [(sample, prediction) for sample, prediction, _, _ in drawn(4)]
    whole, first, second = build(), build(), build()
    for index, picture in enumerate(pictures):
        whole.update(*picture)
        (first if index % 2 else second).update(*picture)
    assert isinstance(whole, Metric)
    assert whole.state.dtype == np.int64
    joined = first.joined([first.state, second.state])
    if not isinstance(whole, RowMetric):
        assert np.array_equal(joined, first.state + second.state)
        assert np.array_equal(joined, whole.state)
    first.state = joined
    assert first.scores() == whole.scores()


def test_keys_are_unique_and_values_plain(build, drawn):
    metric = build()
    for sample, prediction, _, _ in drawn(3):
        metric.update(sample, prediction)
    scores = metric.scores()
    assert len({score.key for score in scores}) == len(scores)
    assert all(score.value is None or type(score.value) is float for score in scores)
    assert all(type(score.support) is int and score.support > 0 for score in scores)


def test_before_anything_is_counted_there_is_no_number(build):
    assert all(score.value is None and score.support == 0 for score in build().scores())


def test_what_a_report_reads_is_json(build, drawn):
    metric = build()
    for sample, prediction, _, _ in drawn(3):
        metric.update(sample, prediction)
    figures = metric.figures()
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures
    assert [row.name for row in metric.per_class()] == list(INFO.classes)


def test_right_pictures_rank_above_wrong_ones(build, drawn):
    metric = build()
    ((sample, _, right, wrong),) = drawn(1)
    scores = [metric.sample_score(sample, prediction) for prediction in (right, wrong)]
    assert scores[0] > scores[1]
    assert not metric.state.any()


def test_the_report_says_what_ranks_its_gallery_as_it_did_for_old_runs():
    made = {name: METRICS.build(name, INFO) for name in METRICS}
    assert {type(metric).__name__.lower(): metric.ranks_by for metric in made.values()} == RANKED_BY
    assert all(metric.ranks_by != Metric.ranks_by for metric in made.values())
