"""Results over seeds: the sums done again by NumPy, and what is refused."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest
from collect import COLUMNS, PAGE, RESULTS, collect, complete, markdown_table, shared_metrics, without_seed

from pixelwise.errors import RunError
from pixelwise.metrics import METRICS
from pixelwise.recipe.load import load_recipe
from pixelwise.recipe.shipped import shipped_recipes
from pixelwise.run.folder import RunFolder
from pixelwise.types import DatasetInfo

KEY = "mean_iou[void=ignore,classes=truth_or_prediction]"


def finished_run(path: Path, seed: int, value: float | None, minutes: float = 2.0) -> RunFolder:
    recipe = {"title": "A", "about": "", "stated": [], "gallery": 3, "train": {"seed": seed, "batch": 4}}
    model = {"parameters": 1234, "macs": 5_600_000_000}
    data = {"splits": {"train": {"pictures": 9}, "val": {"pictures": 4}}}
    path.mkdir()
    run = RunFolder(path)
    run.write(
        "setup", {"recipe": recipe, "model": model, "data": data, "choices": {"device": "cpu", "precision": "fp32"}}
    )
    run.write("environment", {"commit": "abc", "processor": "P", "cores": 2, "packages": {"torch": "2"}})
    score = {
        "name": "mean_iou",
        "key": KEY,
        "value": value,
        "convention": KEY[9:-1],
        "support": 1,
        "higher_is_better": True,
    }
    split = {"pictures": 4, "resolution": "8×8", "metrics": [{"name": "confusion", "scores": [score]}]}
    best = {"epoch": 3, "step": 9, "metric": KEY, "value": value}
    run.write(
        "summary",
        {"epochs": 5, "steps": 15, "seconds": {"total": 60 * minutes}, "best": best, "splits": {"val": split}},
    )
    return run


def test_mean_and_spread_over_seeds(tmp_path: Path) -> None:
    values = [0.1, 0.4, 0.25]
    record = collect("a/b", [finished_run(tmp_path / str(s), s, v) for s, v in enumerate(values)])
    score = record["scores"]["val"][KEY]
    assert score["mean"] == pytest.approx(np.mean(values))
    assert score["sd"] == pytest.approx(np.std(values, ddof=1))
    assert score["values"] == values
    assert (score["n"], record["seeds"], record["minutes"]) == (4, [0, 1, 2], [2.0, 2.0, 2.0])
    row = markdown_table([record], "val", {KEY: "mean IoU"}).splitlines()[-1]
    assert row == "| `a/b` | 0.2500 ± 0.1500 | 1,234 | 5.6 | 5 | 2.0 | fp32 | 3 |"


def test_the_interval_over_pictures_of_each_seed_is_kept(tmp_path: Path) -> None:
    runs = [finished_run(tmp_path / str(seed), seed, 0.4) for seed in range(2)]
    assert "intervals" not in collect("a/b", runs)["scores"]["val"][KEY]
    summary = runs[1].read("summary")
    interval = {"low": 0.3, "high": 0.5, "n": 4, "method": "", "level": 0.95, "lack": ""}
    summary["splits"]["val"]["metrics"][0]["scores"][0]["interval"] = interval
    runs[1].write("summary", summary)
    assert collect("a/b", runs)["scores"]["val"][KEY]["intervals"] == [None, [0.3, 0.5]]


def test_a_run_may_have_counted_more_than_its_recipe_asks_for() -> None:
    recipe = load_recipe("voc2007/lite0_linear_probe").model_dump(mode="json")
    twice = {**recipe, "metrics": [*recipe["metrics"], {**recipe["metrics"][0], "void": "background"}]}
    assert shared_metrics(twice, recipe) == shared_metrics(recipe, recipe) == recipe["metrics"]
    assert shared_metrics({**recipe, "metrics": twice["metrics"][1:]}, recipe) == []


@pytest.mark.parametrize("name", [name for name in shipped_recipes() if name.startswith("voc2007/")])
def test_one_confusion_matrix_gives_every_column_of_voc_once(name: str) -> None:
    info = DatasetInfo("voc", ("background", "cat"), ((0, 0, 0), (9, 9, 9)), frozenset({"mask"}), void=255)
    metrics = [METRICS.build(one.name, info, **one.options) for one in load_recipe(name).metrics]
    keys = [score.key for metric in metrics for score in metric.scores()]
    assert len(set(keys)) == len(keys)
    assert set(COLUMNS["voc2007", "val"]) <= set(keys)


def test_a_length_in_steps_is_told_in_steps(tmp_path: Path) -> None:
    runs = [finished_run(tmp_path / str(seed), seed, 0.5) for seed in (0, 1)]
    for run, steps in zip(runs, (1125, 1250), strict=True):
        setup, summary = run.read("setup"), run.read("summary")
        setup["recipe"]["train"]["phases"] = [{"steps": steps}]
        run.write("setup", setup)
        run.write("summary", {**summary, "steps": steps})
    row = markdown_table([collect("a", runs)], "val", {KEY: "mean IoU"}).splitlines()[-1]
    assert " | 1,125–1,250 steps | 2.0 | " in row
    assert collect("a", [finished_run(tmp_path / "epochs", 0, 0.5)])["steps"] is None


def test_what_a_paper_states_stands_beside_the_measured(tmp_path: Path) -> None:
    known = {
        "what": "mean IoU of a baseline",
        "value": 0.05,
        "metric": "mean_iou",
        "convention": "void",
        "source": "A 2023",
    }
    one = collect("a", [finished_run(tmp_path / "one", 0, 0.5)])
    other = collect("b", [finished_run(tmp_path / "other", 0, 0.5)])
    other["stated"] = [{**known, "split": ""}, {**known, "split": "test"}]
    head, _, *rows, empty, source = markdown_table([one, other], "val", {KEY: "mean IoU"}).splitlines()
    assert head.split(" | ")[2] == "stated"
    assert [row.split(" | ")[2] for row in rows] == ["–", "mean iou 0.05"]
    assert (empty, source) == ("", "- `b`, stated: mean IoU of a baseline 0.05 (void; A 2023)")


def test_one_seed_has_no_spread_and_no_value_is_a_dash(tmp_path: Path) -> None:
    one = collect("a", [finished_run(tmp_path / "one", 0, 0.5)])
    none = collect("b", [finished_run(tmp_path / "none", 0, None)])
    rows = markdown_table([one, none], "val", {KEY: "mean IoU"}).splitlines()[2:]
    assert [row.split(" | ")[1] for row in rows] == ["0.5000", "–"]


def test_a_score_of_two_metrics_counts_once(tmp_path: Path) -> None:
    run = finished_run(tmp_path / "twice", 0, 0.5)
    summary = run.read("summary")
    summary["splits"]["val"]["metrics"] *= 2
    run.write("summary", summary)
    score = collect("a", [run])["scores"]["val"][KEY]
    assert (score["values"], score["mean"], score["sd"]) == ([0.5], 0.5, None)


def test_a_seed_counts_once_and_a_run_must_be_finished(tmp_path: Path) -> None:
    run = finished_run(tmp_path / "a", 7, 0.5)
    with pytest.raises(RunError, match=r"the seeds \[7, 7\] repeat"):
        collect("a", [run, run])
    run.write("summary", {"finished": "interrupted"})
    with pytest.raises(RunError, match="has no final scores"):
        collect("a", [run])


def test_recipes_are_the_same_whatever_their_seed_and_words(tmp_path: Path) -> None:
    one = finished_run(tmp_path / "a", 0, 0.5).read("setup")["recipe"]
    other = copy.deepcopy(one) | {"title": "B", "about": "new words"}
    other["train"]["seed"] = 5
    other["hardware"] = {"precision": "bf16"}
    assert without_seed(one) == without_seed(other)
    other["train"]["batch"] = 8
    assert without_seed(one) != without_seed(other)


def test_a_run_in_another_precision_than_its_recipe_asks_for_is_marked(tmp_path: Path) -> None:
    record = collect("a", [finished_run(tmp_path / "a", 0, 0.5)])
    rows = {
        "auto": "fp32",
        "fp32": "fp32",
        "bf16": "fp32 (recipe: bf16)",
    }
    for asked, shown in rows.items():
        row = markdown_table([{**record, "asked": asked}], "val", {KEY: "mean IoU"}).splitlines()[-1]
        assert row.split(" | ")[-2] == shown
    told = {**record, "differs": ["hardware.threads=1, in the recipe null"]}
    assert markdown_table([told], "val", {KEY: "mean IoU"}).endswith(
        "\n- `a` was run with hardware.threads=1, in the recipe null\n"
    )


def test_published_results_say_where_their_precision_is_not_the_recipes() -> None:
    for file in RESULTS.rglob("*.json"):
        record = json.loads(file.read_text(encoding="utf-8"))
        asked = load_recipe(record["recipe"]).hardware.precision
        (row,) = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if f"| `{record['recipe']}` |" in line]
        assert (f"(recipe: {asked})" in row) == (asked != "auto" and record["precision"] != [asked])


def test_keys_of_results_are_renamed_and_values_stay(tmp_path: Path) -> None:
    old = {
        "recipe": "a",
        "chosen_by": "mean_iou[void=none,absent=skipped]",
        "scores": {"val": {"mean_iou[void=none,absent=skipped]": {"mean": 0.1 + 0.2}, "accuracy": {"mean": 1 / 3}}},
    }
    file = tmp_path / "a.json"
    file.write_text(json.dumps(old))
    complete(file)
    new = json.loads(file.read_text())
    assert new["chosen_by"] == "mean_iou[void=none,classes=truth_or_prediction]"
    assert list(new["scores"]["val"].values()) == list(old["scores"]["val"].values())  # type: ignore[index]
    assert list(new["scores"]["val"]) == [new["chosen_by"], "accuracy"]
    before = file.read_bytes()
    complete(file)
    assert file.read_bytes() == before


def test_numbers_of_cui_et_al_are_those_of_their_table() -> None:
    """Table 2: errors in percent of ResNet-32 on CIFAR-10 with a long tail."""
    errors = {
        "resnet32_ce": 29.64,
        "resnet32_focal": 29.77,  # at the recipe's γ of .5; 29.62 at 1, 30.41 at 2
        "resnet32_cb_focal": 25.43,
        "ratio_50/resnet32_ce": 25.19,
        "ratio_50/resnet32_focal": 23.28,
        "ratio_50/resnet32_cb_focal": 20.73,
    }
    for name, error in errors.items():
        recipe = load_recipe(f"cifar10_longtail/{name}")
        (stated,) = recipe.stated
        assert stated.value == pytest.approx(1 - error / 100)
        assert f"error {error} %" in stated.what
    assert load_recipe("cifar10_longtail/resnet32_focal").loss.options["gamma"] == 0.5  # type: ignore[union-attr]
