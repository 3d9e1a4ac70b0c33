"""What every metric on the shelf owes: a state of whole numbers that adds up, scores that say how they were counted."""

import json

import numpy as np
import pytest

from pixelwise.metrics import METRICS
from pixelwise.metrics.base import Metric
from pixelwise.types import ClassMap, DatasetInfo, Sample

INFO = DatasetInfo("toy", ("background", "cat"), ((0, 0, 0), (9, 9, 9)), frozenset({"mask"}), void=255)


@pytest.fixture(params=sorted(METRICS))
def build(request):
    return lambda: METRICS.build(request.param, INFO)


def drawn(count):
    generator = np.random.default_rng(0)
    for index in range(count):
        mask = generator.choice(np.array([0, 1, 255], np.uint8), (6, 7))
        sample = Sample(f"{index}", np.zeros((6, 7, 3), np.uint8), mask=mask)
        yield sample, ClassMap(generator.integers(0, 2, (6, 7), dtype=np.uint8))


def test_states_add_up(build):
    pictures = list(drawn(4))
    whole, first, second = build(), build(), build()
    for index, picture in enumerate(pictures):
        whole.update(*picture)
        (first if index % 2 else second).update(*picture)
    assert isinstance(whole, Metric)
    assert whole.state.dtype == np.int64
    assert np.array_equal(first.state + second.state, whole.state)
    first.state = first.state + second.state
    assert first.scores() == whole.scores()


def test_keys_are_unique_and_values_plain(build):
    metric = build()
    for picture in drawn(3):
        metric.update(*picture)
    scores = metric.scores()
    assert len({score.key for score in scores}) == len(scores)
    assert all(score.value is None or type(score.value) is float for score in scores)
    assert all(type(score.support) is int and score.support > 0 for score in scores)


def test_before_anything_is_counted_there_is_no_number(build):
    assert all(score.value is None and score.support == 0 for score in build().scores())


def test_what_a_report_reads_is_json(build):
    metric = build()
    for picture in drawn(3):
        metric.update(*picture)
    figures = metric.figures()
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures
    assert [row.name for row in metric.per_class()] == list(INFO.classes)


def test_right_pictures_rank_above_wrong_ones(build):
    metric = build()
    sample, _ = next(drawn(1))
    right = np.where(sample.mask == 255, 0, sample.mask).astype(np.uint8)
    scores = [metric.sample_score(sample, ClassMap(indices)) for indices in (right, 1 - right)]
    assert scores[0] > scores[1]
    assert not metric.state.any()
