"""Per-picture records of a metric: they add up to the split, and a draw of pictures scores like a recount."""

from pathlib import Path

import numpy as np
import pytest

from pixelwise.metrics.accuracy import accuracy
from pixelwise.metrics.base import Metric
from pixelwise.metrics.confusion import Confusion, confusion
from pixelwise.metrics.pictures import METHOD, Recorder, keep_pictures, over_pictures, score_draws, score_states
from pixelwise.run.states import States, read_states
from pixelwise.statistics.bootstrap import draw_counts
from pixelwise.statistics.jackknife import score_interval
from pixelwise.types import ClassMap, DatasetInfo, Labels, OverPictures, Sample, Score

INFO = DatasetInfo("toy", ("background", "cat", "dog"), ((0, 0, 0),) * 3, frozenset({"mask"}), void=255)


def pictures(count: int) -> list[tuple[Sample, ClassMap]]:
    generator = np.random.default_rng(0)
    masks = generator.choice(np.array([0, 1, 2, 255], np.uint8), (count, 6, 7))
    drawn = generator.integers(0, 3, (count, 6, 7), dtype=np.uint8)
    image = np.zeros((6, 7, 3), np.uint8)
    return [(Sample(f"p{i}", image, mask=masks[i]), ClassMap(drawn[i])) for i in range(count)]


@pytest.mark.parametrize("processes", [1, 2])
def test_draws_score_like_a_recount_of_the_drawn_pictures(processes: int, tmp_path: Path) -> None:
    split, recorders, whole = pictures(6), [], confusion(INFO)
    for first in range(processes):
        metric = confusion(INFO)
        recorder = Recorder([metric])
        for index in range(first, 6, processes):
            metric.update(*split[index])
            recorder.look(index)
        whole.state += metric.state
        recorders.append(recorder.rows)
    keep_pictures(tmp_path / "s.npz", [sample.name for sample, _ in split], recorders, [whole])
    kept = read_states(tmp_path / "s.npz")
    assert np.array_equal(kept.metrics[0].total(), whole.state)
    assert score_states("confusion", {}, INFO, kept.metrics[0]) == (whole.scores(), True)
    drawn = score_draws("confusion", {"void": "ignore"}, INFO, kept.metrics[0], draws=5)
    for number, counts in enumerate(np.concatenate(list(draw_counts(6, 5)))):
        again = confusion(INFO)
        for index, times in enumerate(counts):
            for _ in range(times):
                again.update(*split[index])
        assert {key: values[number] for key, values in drawn.items()} == {s.key: s.value for s in again.scores()}


class Coarse(Confusion):
    """A metric that keeps less of each picture than it counts: no void row."""

    @property
    def kept_states(self) -> np.ndarray:
        return self.state[:-1]


def test_a_metric_may_keep_a_coarser_state_of_each_picture(tmp_path: Path) -> None:
    metric, names = Coarse(INFO, "ignore"), []
    recorder = Recorder([metric])
    for index, (sample, prediction) in enumerate(pictures(4)):
        metric.update(sample, prediction)
        recorder.look(index)
        names.append(sample.name)
    keep_pictures(tmp_path / "s.npz", names, [recorder.rows], [metric])
    kept = read_states(tmp_path / "s.npz").metrics[0]
    assert kept.shape == (3, 3)
    assert np.array_equal(kept.total(), metric.state[:-1])


def added(metric: Metric, count: int) -> tuple[Metric, States]:
    """The metric after so many pictures, and what each of them added."""
    recorder = Recorder([metric])
    for index, (sample, prediction) in enumerate(pictures(count)):
        metric.update(sample, prediction)
        recorder.look(index)
    return metric, States(count, metric.kept_states.shape, np.concatenate(recorder.rows[0]))


def test_every_score_has_the_interval_of_its_recounts_without_each_picture() -> None:
    metric, states = added(confusion(INFO), 24)
    before = metric.state.copy()
    found = over_pictures(metric, states)
    assert np.array_equal(metric.state, before)
    recounts: dict[str, list[float]] = {}
    for left in range(24):
        again = confusion(INFO)
        for index, one in enumerate(pictures(24)):
            if index != left:
                again.update(*one)
        for score in again.scores():
            recounts.setdefault(score.key, []).append(score.value)
    for score in metric.scores():
        interval = score_interval(score.value, recounts[score.key])
        assert found[score.key] == OverPictures(interval.low, interval.high, 24, METHOD)
        assert interval.low < score.value < interval.high


class Rounded(Metric):
    """The share of right pixels; of each picture only tens of them are kept."""

    def __init__(self) -> None:
        self.state = np.zeros((2,), np.int64)

    @property
    def kept_states(self) -> np.ndarray:
        return self.state // 10

    def update(self, sample: Sample, prediction: ClassMap) -> None:
        self.state += (prediction.indices.size * 10, int((sample.mask == prediction.indices).sum()) * 10 + 7)

    def scores(self) -> list[Score]:
        return [Score("share", min(1.0, self.state[1] / self.state[0]), {}, 24)]

    per_class = sample_score = figures = lambda self, *given: None


def test_coarser_states_give_the_width_of_an_interval_and_the_exact_score_its_centre() -> None:
    metric, states = added(Rounded(), 24)
    (found,) = over_pictures(metric, states).values()
    exact, kept = metric.scores()[0].value, states.total()
    assert exact != kept[1] / kept[0]
    left = [kept - row for row in states.matrix().toarray()]
    moved = [one[1] / one[0] + (exact - kept[1] / kept[0]) for one in left]
    interval = score_interval(exact, moved)
    assert (found.low, found.high) == (interval.low, interval.high)
    assert found.low < exact < found.high


def test_few_pictures_are_said_to_be_too_few() -> None:
    found = over_pictures(*added(confusion(INFO), 19))
    assert {(one.low, one.high, one.n, one.lack) for one in found.values()} == {(None, None, 19, "too few pictures")}


def test_accuracy_over_rare_classes_stands_on_their_pictures_alone_and_a_biased_score_has_no_interval() -> None:
    info = DatasetInfo("toy", ("a", "b"), ((0, 0, 0),) * 2, frozenset({"label"}), frequencies=(500, 5))
    metric = accuracy(info)
    recorder = Recorder([metric])
    for index in range(40):
        sample = Sample(str(index), np.zeros((1, 1, 3), np.uint8), label=int(index < 12))
        metric.update(sample, Labels(np.array([0.6, 0.4] if index % 3 else [0.3, 0.7], np.float32)))
        recorder.look(index)
    found = over_pictures(metric, States(40, metric.state.shape, np.concatenate(recorder.rows[0])))
    assert (found["accuracy"].n, found["accuracy_many[n>100]"].n, found["accuracy_few[n<20]"].n) == (40, 28, 12)
    assert found["accuracy_many[n>100]"].low is not None
    assert found["accuracy_few[n<20]"].lack == "too few pictures"
    assert not any(key.startswith("calibration_error") for key in found)


class Faulty(Confusion):
    """Its scores fail once a class does not occur."""

    def scores(self) -> list[Score]:
        return [Score("share", {1: 0.5}[int(self.state.any())], {}, 24)]


def test_a_fault_of_a_metric_from_outside_is_said_and_one_of_our_own_is_not_hidden() -> None:
    metric, _ = added(Faulty(INFO, "ignore"), 24)
    states = States(24, metric.state.shape, np.zeros((0, 3), np.int64))
    with pytest.raises(KeyError):
        over_pictures(metric, states)
    metric.name = "mine:share"
    (found,) = over_pictures(metric, states).values()
    assert found.lack.startswith("cannot be counted: metric 'mine:share' raised KeyError: 0 (test_pictures.py, line ")
