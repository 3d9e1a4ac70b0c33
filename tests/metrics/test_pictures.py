"""Per-picture records of a metric: they add up to the split, and a draw of pictures scores like a recount."""

from pathlib import Path

import numpy as np
import pytest

from pixelwise.metrics.confusion import Confusion, confusion
from pixelwise.metrics.pictures import Recorder, keep_pictures, score_draws, score_states
from pixelwise.run.states import read_states
from pixelwise.statistics.bootstrap import draw_counts
from pixelwise.types import ClassMap, DatasetInfo, Sample

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
    assert score_states("confusion", {}, INFO, kept.metrics[0].total()) == whole.scores()
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
