"""What belongs together, what does not, and what is refused."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pixelwise.compare.columns import column_sets
from pixelwise.compare.gather import Place, gather
from pixelwise.compare.runs import ComparedRuns
from pixelwise.compare.tables import cost, groups, scores
from pixelwise.errors import RunError
from pixelwise.run.folder import RunFolder

Made = Callable[..., Path]


def test_runs_that_differ_only_in_their_seed_are_one_group(made: Made) -> None:
    paths = [made("a1", seed=1, score=0.5), made("b0", batch=16, score=0.2), made("a0", seed=0, score=0.3)]
    comparison = gather(paths)
    assert [(g.letter, g.label, g.seeds) for g in comparison.groups] == [
        ("A", "batch 8", [0, 1]),
        ("B", "batch 16", [0]),
    ]
    assert dict(comparison.differing) == {"train.batch": ("8", "16")}
    main = comparison.main
    assert main.name == "mean IoU"
    assert comparison.groups[0].values(main) == [0.3, 0.5]
    assert comparison.groups[0].spread(main).mean == pytest.approx(0.4)
    assert comparison.groups[0].spread(main).sd == pytest.approx(0.2 / 2**0.5)


def test_a_group_of_several_seeds_is_not_called_by_one_of_them(made: Made) -> None:
    assert [g.label for g in gather([made("s/seed=0"), made("s/seed=1", seed=1)]).groups] == ["s"]
    assert [g.label for g in gather([made("t/size=32,seed=0"), made("t/size=32,seed=1", seed=1)]).groups] == ["size=32"]
    assert [g.label for g in gather([made("u/seed=0")]).groups] == ["seed=0"]


def test_titles_and_galleries_make_no_other_recipe(made: Made) -> None:
    comparison = gather([made("a", seed=0), made("b", seed=3)])
    assert len(comparison.groups) == 1
    assert not comparison.differing


def test_other_pictures_are_told_however_deep_the_folder_is_wrapped(made: Made) -> None:
    paths = [made("a"), made("b", resolution="160×128")]
    for path, folder in zip(paths, ("here", "there"), strict=True):
        run = RunFolder(path)
        setup = run.read("setup")
        inner = {"name": "longtail", "of": {"name": "folder", "path": folder}, "factor": 10.0}
        setup["recipe"]["data"]["dataset"] = {"name": "first", "of": inner, "count": 8}
        run.write("setup", setup)
    assert dict(gather(paths).differing) == {
        "pictures of train": ("train-80×64", "train-160×12"),
        "pictures of val": ("val-80×64", "val-160×128"),
    }


def test_numbers_that_mean_something_else_stand_in_columns_of_their_own(made: Made) -> None:
    comparison = gather([made("a"), made("b", batch=16, resolution="160×128")])
    keyed = [column for column in comparison.columns if column.key == comparison.main.key]
    assert [column.resolution for column in keyed] == ["80×64", "160×128"]
    assert any("scored on different pictures" in note and "--resolution own" in note for note in comparison.notes)
    for _, columns in column_sets(comparison.columns):
        assert len({(c.resolution, c.split, c.score.convention.get("void") == "background") for c in columns}) == 1
    tables = [scores(comparison, columns) for _, columns in column_sets(comparison.columns)]
    assert all(len(table.rows) == 1 for table in tables), "no table holds both"


def test_runs_of_different_tasks_are_refused(made: Made) -> None:
    with pytest.raises(RunError, match=r"runs of different tasks cannot be compared: segment: .*; classify: "):
        gather([made("a"), made("b", task="classify")])


def test_tasks_that_predict_the_same_are_compared(made: Made) -> None:
    runs = [made("a", task="separate"), made("b", task="detect"), made("c", task="measure")]
    for path, kind in zip(runs, ("instances", "instances", "values"), strict=True):
        run = RunFolder.open(path)
        run.write("setup", run.read("setup") | {"kind": kind})
    comparison = gather(runs[:2])
    assert comparison.task == "separate, detect"
    assert comparison.differing["task"] == ("separate", "detect")
    with pytest.raises(RunError, match="runs of different tasks cannot be compared"):
        gather(runs)


def test_a_seed_counts_once(made: Made) -> None:
    first, second = made("a"), made("b")
    with pytest.raises(RunError, match="is named twice"):
        gather([first, first])
    with pytest.raises(RunError, match="has the recipe and the seed of"):
        gather([first, second])


def test_unfinished_runs_are_named(made: Made) -> None:
    comparison = gather([made("a"), made("b", seed=1, finished=False)])
    assert any("b is not finished" in note for note in comparison.notes)
    assert comparison.groups[0].values(comparison.main)[1] is None


def test_what_is_no_run_is_refused(made: Made, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="this run folder does not exist"):
        gather([tmp_path / "nowhere"])
    (made("a") / "setup.json").unlink()
    with pytest.raises(RunError, match="stopped before its first step"):
        gather([tmp_path / "a"])


def test_evaluations_of_another_split(made: Made) -> None:
    paths = [made("a"), made("b", batch=16)]
    place = Place("test", "best", "own")
    with pytest.raises(RunError) as caught:
        gather(paths, place)
    assert str(caught.value).count("First run: pixelwise evaluate") == 2
    for path in paths:
        run = RunFolder(path)
        record = run.read("summary")["splits"]["val"]
        run.write(
            place.file, {"split": "test", "key": "x" + str(path), **record, "resolution": "each picture's own size"}
        )
    comparison = gather(paths, place)
    assert comparison.main.stands_on == "test of scenes, 213 pictures at each picture's own size"
    assert not comparison.notes


def test_csv_and_json_hold_the_numbers(made: Made) -> None:
    comparison = gather([made("a", seed=1, score=0.5), made("b", batch=16, score=0.25)])
    rows = list(csv.DictReader(io.StringIO(ComparedRuns(comparison, ()).as_csv())))
    assert [(row["group"], row["seed"], row["train.batch"], row[comparison.main.key]) for row in rows] == [
        ("A", "1", "8", "0.5"), ("B", "0", "16", "0.25"),
    ]  # fmt: skip
    assert float(rows[0]["minutes"]) == pytest.approx(26.5 / 60)
    told = ComparedRuns(comparison, ()).as_json()
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told["groups"][1]["scores"][0]["values"] == [0.25]


def test_no_cell_of_the_csv_is_a_formula(made: Made) -> None:
    paths = [
        made("a", loss='=HYPERLINK("http://x")'),
        made("b", loss="-2+3", batch=16),
        made("c", loss="a;@sum", batch=32),
    ]
    run = RunFolder(paths[0])
    summary = json.dumps(run.read("summary")).replace('"name": "mean_iou"', '"name": "+mean"')
    run.write("summary", json.loads(summary))
    text = ComparedRuns(gather(paths), ()).as_csv()
    cells = [cell for row in csv.reader(io.StringIO(text)) for part in row for cell in part.split(";")]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t"))]
    assert {'\'=HYPERLINK("http://x")', "'-2+3", "'@sum"} <= set(cells)


def with_palette_scores(path: Path, accuracy: float) -> Path:
    """The run's scores become those of a colourization: one over its palette, one against the original."""
    run = RunFolder(path)
    summary = run.read("summary")
    summary["best"]["metric"] = "accuracy[palette=4]"
    shared = {"support": 100, "higher_is_better": True}
    summary["splits"]["val"]["metrics"][0]["scores"] = [
        {"name": "accuracy", "key": "accuracy[palette=4]", "value": accuracy, "convention": "palette=4", **shared},
        {
            "name": "psnr",
            "key": "psnr[reference=original]",
            "value": 20.0,
            "convention": "reference=original",
            **shared,
        },
    ]
    run.write("summary", summary)
    return path


def test_accuracy_over_different_palettes_of_one_size_shares_no_column(made: Made) -> None:
    first, second = ("#000000", "#111111", "#222222", "#333333"), ("#000000", "#111111", "#222222", "#444444")
    paths = [
        with_palette_scores(made("a", task="colourize", classes=first), 0.4),
        with_palette_scores(made("b", task="colourize", classes=second, batch=16), 0.5),
        with_palette_scores(made("c", task="colourize", classes=second, batch=32), 0.6),
    ]
    comparison = gather(paths)
    columns = [column for column in comparison.columns if column.key == "accuracy[palette=4]"]
    assert len(columns) == 2
    assert [comparison.groups[0].values(column) for column in columns] == [[0.4], [None]]
    (psnr,) = [column for column in comparison.columns if column not in columns]
    assert [group.values(psnr) for group in comparison.groups] == [[20.0]] * 3, "against the original all compare"
    (note,) = comparison.notes
    assert "different palettes" in note
    tables = [scores(comparison, found) for _, found in column_sets(comparison.columns)]
    assert [len(table.rows) for table in tables] == [1, 2, 3]
    (row, *_) = csv.reader(io.StringIO(ComparedRuns(comparison, ()).as_csv()))
    assert len(set(row)) == len(row)
    assert len([name for name in row if name.startswith("accuracy[palette=4], palette ")]) == 2


def test_runs_of_one_palette_share_a_table(made: Made) -> None:
    named = ("#000000", "#111111", "#222222", "#333333")
    paths = [
        with_palette_scores(made(name, task="colourize", classes=named, batch=batch), 0.4)
        for name, batch in (("a", 8), ("b", 16))
    ]
    comparison = gather(paths)
    assert not comparison.notes
    ((_, columns),) = column_sets(comparison.columns)
    assert len(columns) == 2


def test_classes_of_other_names_share_no_column_though_they_are_as_many(made: Made) -> None:
    comparison = gather([made("a"), made("b", batch=16, classes=("ground", "cat", "dog", "cow"))])
    assert len([column for column in comparison.columns if column.key == comparison.main.key]) == 2


def test_a_split_that_the_training_scored_at_its_end_needs_no_evaluation(made: Made) -> None:
    paths = [made("a"), made("b", batch=16)]
    for path in paths:
        run = RunFolder(path)
        summary = run.read("summary")
        summary["splits"]["test"] = {**summary["splits"]["val"], "pictures": 40}
        run.write("summary", summary)
    comparison = gather(paths, Place("test"))
    assert comparison.main.stands_on == "test of scenes, 40 pictures at 80×64"
    with pytest.raises(RunError, match="was not evaluated on this split"):
        gather(paths, Place("test", "last"))
    with pytest.raises(RunError, match="was not evaluated on this split"):
        gather(paths, Place("test", "best", "own"))


def test_a_length_in_steps_is_told_in_steps(made: Made) -> None:
    paths = [made("a"), made("b", batch=16), made("c", batch=16, seed=1)]
    for path in paths[1:]:
        run = RunFolder(path)
        setup, summary = run.read("setup"), run.read("summary")
        setup["recipe"]["train"]["phases"] = [{"steps": 1125}]
        run.write("setup", setup)
        run.write("summary", {**summary, "steps": 1125})
    table = cost(gather(paths))
    assert [row[table.headings.index("length")] for row in table.rows] == ["4 epochs", "1,125 steps"]


def test_seeds_are_in_the_plural_where_there_are_several(made: Made) -> None:
    alone = gather([made("a", seed=0), made("b", seed=0, batch=4)])
    assert groups(alone).headings[2] == cost(alone).headings[2] == "seed"
    several = gather([made("c", seed=0), made("d", seed=1), made("e", seed=0, batch=4)])
    assert groups(several).headings[2] == cost(several).headings[2] == "seeds"


def test_extended_runs_are_apart_where_a_longer_one_would_have_gone_another_way(made: Made) -> None:
    runs = [made(name, seed=seed) for seed, name in enumerate("abc")]
    for path, exact in zip(runs, (True, False), strict=False):
        folder = RunFolder.open(path)
        change = {"what": "extended", "epoch": 2, "step": 6, "exact": exact, "note": "extended from 2 to 4 epochs"}
        setup = folder.read("setup")
        folder.write("setup", {**setup, "changes": [{**change, "recipe": setup["recipe"]}]})
    compared = gather(runs)
    assert [[run.path.name for run in group.runs] for group in compared.groups] == [["a", "c"], ["b"]]
    assert compared.differing == {"extended after": ("–", "epoch 2")}
    assert sum("extended from 2 to 4 epochs" in note for note in compared.notes) == 2


def test_weights_of_another_run_set_runs_apart(made: Made) -> None:
    runs = [made(name, seed=seed) for seed, name in enumerate("abc")]
    for path, digest in zip(runs, ("1" * 64, "2" * 64), strict=False):
        folder = RunFolder.open(path)
        place = {"run": "runs/first", "key": "k", "checkpoint": "best", "epoch": 3, "step": 9, "sha256": digest}
        origin = {**place, "taken": 4, "new": ["head.weight"], "left": [], "note": "started from it"}
        folder.write("setup", {**folder.read("setup"), "origin": origin})
    compared = gather(runs)
    assert [[run.path.name for run in group.runs] for group in compared.groups] == [["a", "b"], ["c"]]
    assert compared.differing == {"weights of": ("runs/first 11111111, without head.weight", "–")}
