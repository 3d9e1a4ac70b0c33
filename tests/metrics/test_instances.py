"""Scores of objects beside pycocotools on whole data sets, hotcoco, and panoptic quality by naive loops over pixels."""

import contextlib
import io

import numpy as np
import pytest
from hotcoco import COCO as HotCOCO
from hotcoco import COCOeval as HotEvaluation
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from pixelwise.metrics.instances import instances
from pixelwise.metrics.objects import matching
from pixelwise.metrics.pictures import Recorder, keep_pictures, over_pictures, score_draws, score_states, total_state
from pixelwise.rle import RLE
from pixelwise.run.states import read_states
from pixelwise.types import DatasetInfo, Instances, Object, Sample

CLASSES = ("background", "cat", "dog", "cow")
INFO = DatasetInfo("pets", CLASSES, tuple((n, n, n) for n in range(4)), frozenset({"objects"}))
SIZE = (72, 90)


def blob(generator, size=SIZE):
    """A random ellipse; some are larger than 32² pixels."""
    row, column = generator.uniform(0, size[0]), generator.uniform(0, size[1])
    tall, wide = generator.uniform(2, 30, 2)
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    mask = ((y - row) / tall) ** 2 + ((x - column) / wide) ** 2 < 1
    mask[int(row), int(column)] = True
    return mask


def moved(generator, mask):
    return np.roll(mask, tuple(generator.integers(-4, 5, 2)), (0, 1))


def draw(seed, pictures=14):
    """Pictures with truth and predictions: crowds, equal scores, pictures without truth, without predictions, without both."""
    generator = np.random.default_rng(seed)
    drawn = []
    for number in range(pictures):
        planes = [blob(generator) for _ in range(generator.integers(0, 7))] if number % 5 else []
        truth = [Object.of(int(generator.integers(1, 4)), RLE.of(m), crowd=generator.random() < 0.15) for m in planes]
        found = [
            Object.of(
                one.label if generator.random() < 0.8 else int(generator.integers(1, 4)),
                RLE.of(moved(generator, one.mask.mask())),
                score=float(generator.integers(1, 6)) / 5,
            )
            for one in truth
            for _ in range(generator.integers(0, 3))
        ]
        found += [
            Object.of(int(generator.integers(1, 4)), RLE.of(blob(generator)), score=0.6)
            for _ in range(generator.integers(0, 3))
        ]
        found = [one for one in found if one.mask.area] if number % 7 != 3 else []
        found.sort(key=lambda one: -one.score)
        sample = Sample(f"picture {number}", np.zeros((*SIZE, 3), np.uint8), objects=tuple(truth))
        drawn.append((sample, Instances(SIZE, tuple(found))))
    return drawn


def count(drawn):
    metric = instances(INFO)
    for sample, prediction in drawn:
        metric.update(sample, prediction)
    return metric


def values(metric):
    return {score.key: score.value for score in metric.scores()}


def whole_data_set(drawn, metric):
    """The same as COCO's dictionaries, with the pictures in the order in which the metric ranks equal scores."""
    digests = {digest: number for number, digest in enumerate(sorted(set(metric.state[:, 1].tolist())))}
    firsts = metric.state[metric.state[:, 0] == 1, 1].tolist()
    truth, found = [], []
    for digest, (sample, prediction) in zip(firsts, drawn, strict=True):
        for one, where in [(o, truth) for o in sample.objects] + [(o, found) for o in prediction.objects]:
            x0, y0, x1, y1 = one.box
            mask = one.mask.to_coco()
            entry = {"image_id": digests[digest] + 1, "category_id": one.label, "score": one.score}
            entry |= {"bbox": [x0, y0, x1 - x0, y1 - y0], "area": one.mask.area, "iscrowd": int(one.crowd)}
            entry["segmentation"] = {"size": mask["size"], "counts": mask["counts"].decode()}
            where.append(entry | {"id": len(where) + 1})
    pictures = [{"id": number + 1, "height": SIZE[0], "width": SIZE[1]} for number in digests.values()]
    categories = [{"id": label, "name": CLASSES[label]} for label in range(len(CLASSES))]
    return {"images": pictures, "categories": categories, "annotations": truth}, found


def reference(truth, found, form, dataset, evaluation):
    with contextlib.redirect_stdout(io.StringIO()):
        known = dataset()
        known.dataset = truth
        known.createIndex()
        # of boxes COCO takes the area of the box, of masks that of the mask
        left_out = "segmentation" if form == "bbox" else "bbox"
        results = known.loadRes([{k: v for k, v in one.items() if k != left_out} for one in found])
        made = evaluation(known, results, form)
        made.evaluate()
        made.accumulate()
        made.summarize()
    return list(made.stats)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("form", ["mask", "box"])
def test_averages_are_those_of_pycocotools_and_hotcoco(seed, form, tmp_path):
    drawn = draw(seed)
    metric = count(drawn)
    truth, found = whole_data_set(drawn, metric)
    coco_form = {"mask": "segm", "box": "bbox"}[form]
    theirs = reference(truth, found, coco_form, COCO, COCOeval)
    hot = HotCOCO(truth)
    evaluation = HotEvaluation(hot, hot.load_res(found), coco_form)
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    ours = values(metric)
    recalls = [f"{form}_ar[iou=.50:.95,detections={most}]" for most in (1, 10, 100)]
    keys, places = [f"{form}_ap[iou=.50:.95]", f"{form}_ap50", f"{form}_ap75", *recalls], (0, 1, 2, 6, 7, 8)
    assert [ours[key] for key in keys] == [theirs[place] for place in places]
    assert ours[recalls[0]] < ours[recalls[2]]
    second = [evaluation.stats[place] for place in places]
    assert np.allclose([ours[key] for key in keys], second, rtol=0, atol=1e-9)
    sizes = [row[f"{form}_ap"] for row in metric.figures()["sizes"][1:]]
    assert [-1 if value is None else value for value in sizes] == theirs[3:6]


def test_few_levels_at_once_give_the_same(monkeypatch):
    metric = count(draw(3))
    told = metric.scores(), metric.figures()
    monkeypatch.setattr(matching, "AT_ONCE", 1)  # one IoU level after the other
    assert (metric.scores(), metric.figures()) == told


def test_a_state_has_one_row_for_each_detection_and_few_others():
    specks = [square(8 * (n // 11), 8 * (n % 11), 4, score=0.5) for n in range(90)]
    rows = scored([square(0, 0, 4)], specks).state
    assert np.bincount(rows[:, 0]).tolist() == [
        0,
        1,
        1,
        90,
        2,
    ]  # picture, truth, detections, and one found and 89 invented
    assert mistakes([square(0, 0, 4)], specks) == {"truth": 1, "found": 1, "invented": 89}


def test_rows_of_older_runs_count_one_prediction_each():
    truth, found = [square(0, 0)], [square(0, 0), square(20, 20), square(40, 40)]
    metric = scored(truth, found)
    told, rows = values(metric), metric.state
    (many,) = np.flatnonzero((rows[:, 0] == 4) & (rows[:, 6] == 2))
    older = rows.copy()
    older[older[:, 0] == 4, 6] = 0
    metric.state = np.concatenate([older, older[[many]]])
    assert values(metric) == told


def test_a_picture_more_or_less_and_the_number_of_processes_change_nothing_else():
    drawn = draw(1)
    metric, first, second = count(drawn), count(drawn[::2]), count(drawn[1::2])
    joined = instances(INFO)
    joined.state = joined.joined([second.state, first.state])
    assert values(joined) == values(metric)
    metric.reset()
    assert all(score.value is None for score in metric.scores())


def test_rows_are_kept_and_can_be_drawn_again(tmp_path):
    drawn = draw(2, pictures=25)
    metric = instances(INFO)
    recorder = Recorder([metric])
    for index, (sample, prediction) in enumerate(drawn):
        metric.update(sample, prediction)
        recorder.look(index)
    names = [sample.name for sample, _ in drawn]
    keep_pictures(tmp_path / "states.npz", names, [recorder.rows], [metric])
    states = read_states(tmp_path / "states.npz").metrics[0]
    assert np.array_equal(total_state(metric, states), metric.state)
    assert score_states("instances", {}, INFO, states) == (metric.scores(), True)
    found = over_pictures(metric, states)
    assert all(one.low <= value <= one.high for key, one in found.items() if (value := values(metric)[key]) is not None)
    drawn_again = score_draws("instances", {}, INFO, states, draws=30)
    spread = drawn_again["mask_ap[iou=.50:.95]"]
    assert len(set(spread)) > 20
    assert min(spread) < values(metric)["mask_ap[iou=.50:.95]"] < max(spread)


def square(top, left, size=8, label=1, score=1.0):
    mask = np.zeros(SIZE, bool)
    mask[top : top + size, left : left + size] = True
    return Object.of(label, RLE.of(mask), score=score)


def scored(truth, found):
    sample = Sample("one", np.zeros((*SIZE, 3), np.uint8), objects=tuple(truth))
    metric = instances(INFO)
    metric.update(sample, Instances(SIZE, tuple(found)))
    return metric


def mistakes(truth, found, objects="all"):
    rows = scored(truth, found).figures()["mistakes"]
    (row,) = [row for row in rows if row["objects"] == objects]
    return {name: n for name, n in row.items() if name != "objects" and n}


def wide(top, left, tall, across, label=1, score=1.0):
    mask = np.zeros(SIZE, bool)
    mask[top : top + tall, left : left + across] = True
    return Object.of(label, RLE.of(mask), score=score)


def test_each_mistake_has_its_name():
    left, right, far = square(10, 10), square(10, 18), square(40, 60)
    assert mistakes([left, right, far], [left, right, far]) == {"truth": 3, "found": 3}
    assert mistakes([left, right, far], [wide(10, 10, 8, 16), far]) == {"truth": 3, "found": 1, "merged": 2}
    assert mistakes([left, right, far], [wide(10, 10, 8, 16), far], "touching") == {"truth": 2, "merged": 2}
    halves = [wide(10, 10, 4, 8), wide(14, 10, 4, 8)]
    assert mistakes([left, far], [far, *halves]) == {"truth": 2, "found": 1, "split": 1}
    assert mistakes([left, far], [square(60, 5)]) == {"truth": 2, "missed": 2, "invented": 1}
    assert mistakes([left], [square(10, 10, label=2)]) == {"truth": 1, "confused": 1}
    assert mistakes([], [left]) == {"invented": 1}
    assert mistakes([square(0, 0, 40)], [], "medium") == {"truth": 1, "missed": 1}
    assert mistakes([square(10, 10), square(18, 18)], [], "touching") == {"truth": 2, "missed": 2}  # at a corner


def test_of_overlapping_predictions_the_higher_score_wins_and_void_does_not_count():
    low, high = wide(10, 10, 8, 12, score=0.4), square(10, 10, score=0.9)
    quality = {s.name: s.value for s in scored([square(10, 10)], [high, low]).scores()}
    assert quality["segmentation_quality"] == 1
    assert quality["panoptic_quality"] == 2 / 3
    crowd = Object(1, wide(40, 40, 20, 30).mask, wide(40, 40, 20, 30).box, crowd=True)
    assert mistakes([square(10, 10), crowd], [square(10, 10), square(45, 45)]) == {"truth": 1, "found": 1}


def test_only_objects_that_count_as_found_are_counted_but_all_are_ranked():
    one, unsure = square(10, 10, score=0.9), square(40, 40, score=0.2)
    sample = Sample("one", np.zeros((*SIZE, 3), np.uint8), objects=(one, unsure))
    metric = instances(INFO)
    metric.update(sample, Instances(SIZE, (one, unsure), least_score=0.5))
    told = values(metric)
    assert told["mask_ap50"] == 1
    assert told["count_error"] == 1
    assert told["missed_objects[objects=all]"] == 0.5


def naive_quality(drawn):
    """Panoptic quality by loops over pairs of segments, as in Kirillov et al. 2019."""
    sums = {}
    for sample, prediction in drawn:
        truth = [one for one in sample.objects if not one.crowd]
        taken, segments = np.zeros(SIZE, bool), []
        for one in prediction.objects:
            segments.append((one.label, one.mask.mask() & ~taken))
            taken |= one.mask.mask()
        shown, known = np.zeros(SIZE, bool), {}
        for place in sorted(range(len(truth)), key=lambda n: truth[n].mask.area):
            known[place] = truth[place].mask.mask() & ~shown
            shown |= truth[place].mask.mask()
        void = np.zeros(SIZE, bool)
        for one in sample.objects:
            void |= one.mask.mask() if one.crowd else False
        void &= ~shown
        matched = set()
        for place, one in enumerate(truth):
            hit = 0
            for number, (label, segment) in enumerate(segments):
                union = (known[place] | (segment & ~void)).sum()
                iou = (known[place] & segment).sum() / union if union else 0
                if label == one.label and iou > 0.5:
                    matched.add(number)
                    hit = iou
            row = sums.setdefault(one.label, [0, 0, 0, 0])
            row[0] += hit
            row[1 if hit else 2] += 1
        for number, (label, segment) in enumerate(segments):
            if number not in matched and 2 * (segment & void).sum() <= segment.sum():
                sums.setdefault(label, [0, 0, 0, 0])[3] += 1
    return np.mean([iou / (tp + fn / 2 + fp / 2) for iou, tp, fn, fp in sums.values() if tp + fn + fp])


@pytest.mark.parametrize("seed", range(2))
def test_panoptic_quality_is_that_of_naive_loops(seed):
    drawn = draw(seed + 10)
    assert values(count(drawn))["panoptic_quality[classes=truth_or_prediction]"] == pytest.approx(
        naive_quality(drawn), abs=1e-9
    )


def test_boxes_alone_have_no_scores_of_masks():
    boxes = (Object(1, None, (10, 10, 20, 20), 0.9),)
    sample = Sample("one", np.zeros((*SIZE, 3), np.uint8), objects=boxes)
    metric = instances(INFO)
    metric.update(sample, Instances(SIZE, boxes))
    told = {score.name: score.value for score in metric.scores()}
    assert told["box_ap"] == pytest.approx(1)
    assert told["mask_ap"] is None
    assert told["panoptic_quality"] is None
    assert told["count_error"] == 0
