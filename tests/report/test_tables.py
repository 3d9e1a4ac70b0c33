"""Tables and sentences of the report: the right number beside the right statement."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from pixelwise.report import tables
from pixelwise.report.record import Record, read_record
from pixelwise.run.folder import RunFolder

Make = Callable[..., RunFolder]


def record_of_scores(*keys: str) -> Record:
    scores = [
        {
            "name": key.partition("[")[0],
            "key": key,
            "value": number / 10,
            "convention": key.partition("[")[2].rstrip("]"),
        }
        for number, key in enumerate(keys, 1)
    ]
    summary = {"splits": {"val": {"metrics": [{"scores": scores}]}}}
    return Record("", {}, {}, {}, summary, {}, ())


@pytest.mark.parametrize(
    ("wanted", "value"),
    [
        ("mean_iou", 0.1),  # a short name is the recipe's own convention: the first
        ("mean_iou[void=background]", 0.2),
        ("mean IoU", 0.1),
        ("pixel_accuracy", 0.3),
    ],
)
def test_a_stated_number_finds_its_measured_one(wanted: str, value: float) -> None:
    record = record_of_scores("mean_iou[void=ignore]", "mean_iou[void=background]", "pixel_accuracy")
    split, score = tables.find_score(record, wanted)
    assert split == "val"
    assert score is not None
    assert score.value == value


@pytest.mark.parametrize("wanted", ["", "mean_io", "nothing"])
def test_no_number_is_put_beside_a_statement_it_does_not_belong_to(wanted: str) -> None:
    assert tables.find_score(record_of_scores("mean_iou[void=ignore]"), wanted) == ("", None)


def test_stated_numbers_stand_beside_measured_ones(fabricate: Make) -> None:
    table = tables.stated(read_record(fabricate()))
    assert table is not None
    by_name = {row[0]: row for row in table.rows}
    assert by_name["mean IoU"][1] == "0.05"
    assert by_name["mean IoU"][2].endswith("(val)")
    assert by_name["mean IoU"][4] == "course handout; void is background"
    assert by_name["pixel accuracy"][1] == "about .65"
    assert by_name["something else"][2:4] == ("–", "–")


def test_the_main_score_is_set_off_and_stands_first_among_the_tiles(fabricate: Make) -> None:
    record = read_record(fabricate())
    ((_, table, _),) = tables.scores(record)
    (strong,) = table.strong
    assert table.rows[strong][0] == "mean IoU"
    assert tables.tiles(record)[0][:2] == table.rows[strong][:2]
    assert len({label for label, _, _ in tables.tiles(record)}) == len(tables.tiles(record))


def test_an_absent_class_has_a_dash_and_never_a_number(fabricate: Make) -> None:
    record = read_record(fabricate())
    metric = record.metrics()[0][2]
    table = tables.per_class(record, [metric])
    assert table is not None
    assert table.headings == ("class", "training pixels", "weight", "IoU", "accuracy", "Dice", "pixels in truth")
    assert table.rows[-1][3:] == ("–", "–", "–", "0")
    assert tables.per_class(record, []) is not None  # before any score: counts and weights
    assert tables.per_class(Record("", {}, {}, {}, {}, {}, ()), []) is None


def test_time_comes_from_the_epochs_when_the_summary_is_missing(fabricate: Make) -> None:
    rows = dict(tables.times(read_record(fabricate(finished=False, epochs=4))))
    assert rows["training"] == "10.0 s"
    assert rows["training speed"] == "83.6 pictures/s"  # 4 × 209 / 10
    assert rows["training, per epoch"] == "2.5 s"


def test_an_unfinished_run_shows_the_scores_of_its_best_epoch_so_far(fabricate: Make) -> None:
    record = read_record(fabricate(finished=False, epochs=4))
    table = tables.stated(record)
    assert table is not None
    so_far = f"{record.epochs[-1]['scores'][record.main_score]:.4f}"
    assert table.rows[0][2:4] == (f"{so_far} (so far)", "void ignored, classes in truth or prediction")
    assert tables.tiles(record)[0] == (
        "mean IoU",
        so_far,
        "so far, epoch 4, void ignored, classes in truth or prediction",
    )


def test_notes_are_told_once(fabricate: Make) -> None:
    told = tables.notes(read_record(fabricate(note="said twice")))
    assert told == ["said twice", "left out of train: broken.png: is cut short"]


def test_the_same_score_on_every_split_stands_first(fabricate: Make) -> None:
    run = fabricate()
    summary = run.read("summary")
    test = json.loads(json.dumps(summary["splits"]["val"])) | {"pictures": 40}
    test["metrics"][0]["scores"][0]["value"] = 0.125
    run.write("summary", summary | {"splits": {**summary["splits"], "test": test}})
    labels, values, notes = zip(*tables.tiles(read_record(run)), strict=True)
    assert labels == ("mean IoU", "mean IoU", "pixel accuracy", "time")
    assert values[1] == "0.1250"
    stands_on = [note.partition(", void")[0] for note in notes[:3]]
    assert stands_on == ["val, 213 pictures", "test, 40 pictures", "val, 213 pictures"]


def test_classes_of_pictures_are_told_in_numbers_and_shares(fabricate: Make) -> None:
    run = fabricate(classes=("many", "few"))
    setup = run.read("setup")
    run.write("setup", setup | {"unit": "picture", "counts": [1500, 500], "weighting": "class_balanced"})
    record = read_record(run)
    table = tables.per_class(record, [record.metrics()[0][2]])
    assert table is not None
    assert table.headings[:3] == ("class", "training pictures", "share")
    assert [row[:3] for row in table.rows] == [("many", "1,500", "75 %"), ("few", "500", "25 %")]
    assert tables.weighting(record) == "class-balanced: effective number of pictures"


def test_the_balance_says_what_the_loss_of_each_phase_does(fabricate: Make) -> None:
    run = fabricate()
    record = read_record(run)
    bare = replace(record, setup={**record.setup, "weights": None})
    assert tables.balance_caption(bare).endswith("; the loss weighs every class the same.")
    phases = [{"epochs": 2}, {"epochs": 2, "loss": {"name": "class_balanced", "beta": 0.9}}]
    later = replace(bare, recipe={**bare.recipe, "train": {"phases": phases}})
    assert tables.balance_caption(later).endswith("every class the same, but class_balanced in phase 2.")
    phases[1]["loss"] = {"class": {"name": "focal"}, "edge": {"name": "cross_entropy"}}
    assert tables.balance_caption(later).endswith("but class focal and edge cross_entropy in phase 2.")
    weighted = replace(record, setup={**record.setup, "weights": [1, 2], "weighting": "class_balanced"})
    assert "the weight that the loss gives it (class-balanced: " in tables.balance_caption(weighted)


def test_a_score_stands_beside_what_a_constant_guess_would_score(fabricate: Make) -> None:
    ((_, table, _),) = tables.scores(read_record(fabricate()))
    assert table.headings[2] == "always “ground”"
    assert [row[2] for row in table.rows if row[0] == "mean IoU"] == ["0.0400", "–"]  # one a convention


def test_intervals_over_pictures_stand_in_tiles_and_tables_and_old_records_show_nothing_of_them() -> None:
    old = record_of_scores("mean_iou", "pixel_accuracy")
    assert tables.over_pictures(old) == ""
    assert tables.tiles(old)[0] == ("mean IoU", "0.1000", "val")
    split = old.summary["splits"]["val"]
    scores = [dict(score) for score in split["metrics"][0]["scores"]]
    scores[0]["interval"] = {"low": 0.05, "high": 0.2, "n": 72, "method": "m", "level": 0.95, "lack": ""}
    scores[1]["interval"] = {
        "low": None,
        "high": None,
        "n": 12,
        "method": "m",
        "level": 0.95,
        "lack": "too few pictures",
    }
    told = {**split, "pictures": 72, "chose_epoch": True, "metrics": [{"scores": scores}]}
    record = replace(old, summary={"splits": {"val": told}})
    (_, _, first), (_, _, second) = tables.tiles(record)
    assert first == "95 %: 0.0500 … 0.2000, val, 72 pictures, val chose the epoch"
    assert second.startswith("too few pictures, val")
    ((caption, table, said),) = tables.scores(record)
    assert caption == "Scores on the split “val”, 72 pictures, val chose the epoch."
    assert [row[2] for row in table.rows] == ["0.0500 … 0.2000", "too few pictures"]
    assert said == ""
    assert "a little too good" in tables.over_pictures(record)


def test_the_classes_have_the_columns_of_every_metric_of_the_split() -> None:
    first = {"per_class": [{"class": "sky", "support": 3, "iou": 0.5}, {"class": "sea", "support": 0, "iou": None}]}
    second = {"per_class": [{"class": "sky", "support": 3, "ap": 0.75}, {"class": "sea", "support": 0, "ap": None}]}
    other = {"per_class": [{"class": "land", "support": 3, "f1": 0.75}]}
    table = tables.per_class(Record("", {}, {}, {}, {}, {}, ()), [first, second, other])
    assert table is not None
    assert table.headings == ("class", "IoU", "AP", "pixels in truth")
    assert table.rows == (("sky", "0.500", "0.750", "3"), ("sea", "–", "–", "0"))


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (
            {"name": "unet", "parameters": 1234, "macs": 56789, "input": [3, 32, 48]},
            "unet: 1,234 parameters, 56,789 multiply-adds for one picture of 3×32×48.",
        ),
        ({"name": "unet", "parameters": 1234, "input": [3, 32, 48]}, "unet: 1,234 parameters."),
        ({"parameters": 1234, "macs": 5}, "The model: 1,234 parameters, 5 multiply-adds for one picture."),
        ({}, "The model: its size is not known."),
    ],
)
def test_the_sentence_of_the_architecture_needs_no_part_of_its_record(model: dict[str, object], sentence: str) -> None:
    assert tables.architecture(Record("", {}, {}, {"model": model}, {}, {}, ())) == sentence
