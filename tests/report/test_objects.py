"""The report's table of what became of the objects."""

import json

import numpy as np

from pixelwise.engine.setup import metric_record
from pixelwise.metrics.instances import instances
from pixelwise.report.objects import HEADINGS, mistakes
from pixelwise.rle import RLE
from pixelwise.types import DatasetInfo, Instances, Object, Sample

INFO = DatasetInfo("people", ("background", "person"), ((0, 0, 0), (255, 0, 0)), frozenset({"objects"}))
SIZE = (40, 60)


def rectangle(top, left, height, width):
    mask = np.zeros(SIZE, bool)
    mask[top : top + height, left : left + width] = True
    return RLE.of(mask)


def test_what_became_of_the_objects() -> None:
    truth = [rectangle(0, 0, 8, 8), rectangle(0, 8, 8, 8), rectangle(20, 12, 6, 6), rectangle(0, 24, 36, 36)]
    found = [rectangle(0, 0, 8, 17), rectangle(0, 24, 36, 36), rectangle(30, 0, 5, 5)]
    metric = instances(INFO)
    sample = Sample("a", np.zeros((*SIZE, 3), np.uint8), objects=tuple(Object.of(1, one) for one in truth))
    metric.update(sample, Instances(SIZE, tuple(Object.of(1, one, score=0.9) for one in found)))
    table = mistakes([{"figures": {"matrix": []}}, json.loads(json.dumps(metric_record(metric)))])
    assert table is not None
    assert table.headings == HEADINGS
    assert HEADINGS[1:8] == ("in the truth", "found", "confused", "merged", "split", "missed", "invented")
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["all"][:7] == ("4", "1", "0", "2", "0", "1", "1")  # two merged into one, one missed, one invented
    assert rows["small"][:7] == ("3", "0", "0", "2", "0", "1", "1")
    assert rows["medium"][:7] == ("1", "1", "0", "0", "0", "0", "0")
    assert rows["large"][:7] == ("0", "0", "0", "0", "0", "0", "0")
    assert rows["touching"][:7] == ("2", "0", "0", "2", "0", "0", "–")
    assert [rows[size][7] for size in ("small", "medium", "large")] == ["0.0000", "1.0000", "–"]


def test_other_metrics_have_no_such_table() -> None:
    assert mistakes([{"figures": {"matrix": []}}, {}]) is None
