"""Intervals over pictures, from counts that fabricated runs keep; a trained run keeps them by itself."""

import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from pixelwise.compare.gather import Comparison, Place, gather
from pixelwise.compare.judge import judge, leading, leading_words
from pixelwise.compare.runs import compare_runs
from pixelwise.compare.tables import intervals
from pixelwise.metrics.confusion import confusion
from pixelwise.metrics.pictures import Recorder, add_intervals, keep_pictures, score_states
from pixelwise.run.states import States, read_states, write_states
from pixelwise.types import ClassMap, DatasetInfo, Sample

INFO = DatasetInfo("toy", ("ground", "disc"), ((0, 0, 0), (9, 9, 9)), frozenset({"mask"}))
KEY = "mean_iou[void=none,classes=truth_or_prediction]"


def run(path: Path, *, batch: int, seed: int = 0, right: float = 0.8, pictures: int = 40, keep: bool = True) -> Path:
    """A run whose predictions are right with a probability, on pictures that are the same for all."""
    truth = np.random.default_rng(0).integers(0, 2, (pictures, 8, 8), dtype=np.uint8)
    wrong = np.random.default_rng([batch, seed]).random(truth.shape) > right
    metric, names = confusion(INFO), [f"p{number}" for number in range(pictures)]
    recorder = Recorder([metric])
    for index, name in enumerate(names):
        sample = Sample(name, np.zeros((8, 8, 3), np.uint8), mask=truth[index])
        metric.update(sample, ClassMap(np.where(wrong[index], 1 - truth[index], truth[index])))
        recorder.look(index)
    path.mkdir(parents=True)
    if keep:
        kept = keep_pictures(path / "predictions" / "states.npz", names, [recorder.rows], [metric])
    recipe = {"metrics": [{"name": "confusion"}], "train": {"seed": seed, "batch": batch}}
    data = {
        "name": "toy",
        "classes": ["ground", "disc"],
        "colours": [[0, 0, 0], [9, 9, 9]],
        "knows": ["mask"],
        "void": None,
    }
    told = {"scores": [score.as_record() for score in metric.scores()]}
    if keep:
        add_intervals([told], [metric], kept)
    split = {"pictures": pictures, "resolution": "8×8", "checkpoint": "best", "chose_epoch": True, "metrics": [told]}
    summary = {"finished": "complete", "splits": {"val": split}, "best": {"metric": KEY}}
    (path / "recipe.yaml").write_text("title: toy\n")
    (path / "setup.json").write_text(json.dumps({"task": "segment", "recipe": recipe, "data": data}))
    (path / "summary.json").write_text(json.dumps(summary))
    return path


def judged(*paths: Path, draws: int = 400):
    comparison = gather(paths)
    (verdict,) = judge(comparison, [comparison.main], draws)
    return verdict


def test_a_real_difference_is_told(tmp_path: Path) -> None:
    better = [run(tmp_path / f"b{seed}", batch=2, seed=seed, right=0.9) for seed in (0, 1, 2)]
    worse = [run(tmp_path / f"a{seed}", batch=1, seed=seed, right=0.7) for seed in (0, 1, 2)]
    verdict = judged(*worse, *better)
    assert verdict.words.startswith("B is better: neither")
    low, high = verdict.pictures.interval.low, verdict.pictures.interval.high
    assert 0 < low < verdict.seeds.value < high


def test_groups_that_are_not_clearly_worse_than_the_best_lead_with_it(tmp_path: Path) -> None:
    shares = {1: 0.9, 2: 0.9, 3: 0.7}  # two batch sizes whose runs differ by their draws alone
    paths = [run(tmp_path / f"{b}-{s}", batch=b, seed=s, right=right) for b, right in shares.items() for s in (0, 1, 2)]
    comparison = gather(paths)
    letters = leading(comparison, comparison.main, 400)
    assert letters == {"A", "B"}
    assert "or do not differ clearly from it" in leading_words(letters, comparison.main.name)
    alone = gather([run(tmp_path / "alone", batch=4, right=0.95), paths[0], paths[6]])
    assert leading(alone, alone.main, 400) == {"A"}  # one seed each: the paired interval over pictures decides


def test_where_no_difference_is_clear_none_leads(tmp_path: Path) -> None:
    comparison = gather([run(tmp_path / str(b), batch=b, right=0.8, keep=False) for b in (1, 2)])
    assert leading(comparison, comparison.main) == frozenset()
    assert leading_words((), "mean IoU") == "No row is marked: no difference from the best mean IoU is clear."
    assert leading(gather([tmp_path / "1"]), comparison.main) == frozenset()


def test_pairing_makes_the_interval_narrow(tmp_path: Path) -> None:
    """Two runs that err in the same places differ by nothing, whatever pictures are drawn."""
    first = run(tmp_path / "a", batch=1, right=0.7)
    second = shutil.copytree(first, tmp_path / "b")
    setup = json.loads((second / "setup.json").read_text())
    setup["recipe"]["train"]["batch"] = 2
    (second / "setup.json").write_text(json.dumps(setup))
    verdict = judged(first, second)
    assert (verdict.pictures.interval.low, verdict.pictures.interval.high) == (0.0, 0.0)
    assert "No clear difference" in verdict.words


@pytest.mark.parametrize(
    ("change", "lack"),
    [
        ({"keep": False}, "has not kept what each picture counted"),
        ({"pictures": 39}, ""),
    ],
)
def test_what_is_missing_is_said(change: dict[str, object], lack: str, tmp_path: Path) -> None:
    comparison = gather([run(tmp_path / "a", batch=1), run(tmp_path / "b", batch=2, **change)])
    verdicts = judge(comparison, [comparison.main], 200)
    assert [lack in verdict.pictures.lack for verdict in verdicts] == ([True] if lack else [])


def test_too_few_pictures_and_counts_that_do_not_add_up(tmp_path: Path) -> None:
    few = judged(*(run(tmp_path / name, batch=batch, pictures=6) for name, batch in (("a", 1), ("b", 2))))
    assert "6 pictures are too few" in few.pictures.lack
    assert few.words.startswith("Not enough data to say")
    paths = [run(tmp_path / name, batch=batch) for name, batch in (("c", 1), ("d", 2))]
    shutil.copy(paths[0] / "predictions" / "states.npz", paths[1] / "predictions" / "states.npz")
    assert "does not add up to the recorded scores" in judged(*paths).pictures.lack
    (paths[1] / "predictions" / "states.npz").write_bytes(b"no")
    assert "is damaged" in judged(*paths).pictures.lack


def test_counts_of_something_else_are_refused_in_words(tmp_path: Path) -> None:
    paths = [run(tmp_path / name, batch=batch) for name, batch in (("a", 1), ("b", 2))]
    states = paths[1] / "predictions" / "states.npz"
    kept = read_states(states)
    write_states(states, kept.names, [kept.metrics[0], kept.metrics[0]])
    assert "it has 2 metrics, the recipe 1, the scores 1" in judged(*paths).pictures.lack
    write_states(states, kept.names, [States(40, (5,), np.zeros((0, 3), np.int64))])
    assert "it is not what the metric 'confusion' counts: " in judged(*paths).pictures.lack


def test_a_fault_of_our_own_metric_is_not_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [run(tmp_path / name, batch=batch) for name, batch in (("a", 1), ("b", 2))]

    def fail(*given: object) -> None:
        raise LookupError("a regression")

    monkeypatch.setattr("pixelwise.compare.judge.score_draws", fail)
    with pytest.raises(LookupError, match="a regression"):
        judged(*paths)


def test_a_metric_gets_all_that_is_known_about_the_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [run(tmp_path / name, batch=batch) for name, batch in (("a", 1), ("b", 2))]
    for path in paths:
        setup = json.loads((path / "setup.json").read_text())
        setup["data"] |= {"channels": 5, "padded": True}
        (path / "setup.json").write_text(json.dumps(setup))
    given = []
    monkeypatch.setattr(
        "pixelwise.compare.judge.score_states", lambda *told: given.append(told[2]) or score_states(*told)
    )
    judged(*paths)
    assert {(info.channels, info.padded) for info in given} == {(5, True)}


def test_test_scores_of_the_trainings_end_have_an_interval_over_pictures_too(tmp_path: Path) -> None:
    paths = [run(tmp_path / name, batch=batch, right=right) for name, batch, right in (("a", 1, 0.7), ("b", 2, 0.9))]
    for path in paths:
        summary = json.loads((path / "summary.json").read_text())
        summary["splits"]["test"] = summary["splits"]["val"]
        (path / "summary.json").write_text(json.dumps(summary))
        shutil.move(path / "predictions" / "states.npz", path / "predictions" / "states-test.npz")
    comparison = gather(paths, Place("test"))
    (verdict,) = judge(comparison, [comparison.main], 400)
    assert verdict.pictures.interval.low > 0
    comparison = gather(paths, Place("val"))
    (verdict,) = judge(comparison, [comparison.main], 400)
    assert f"`pixelwise evaluate {paths[0]} --split val` keeps it" in verdict.pictures.lack
    for path in paths:
        shutil.copy(path / "predictions" / "states-test.npz", path / "predictions" / "states.npz")
    (verdict,) = judge(comparison, [comparison.main], 400)
    assert verdict.pictures.interval.low > 0  # the split is named, and its counts are those of the training's end


def test_a_metric_recorded_by_its_name_alone_is_that_metric(tmp_path: Path) -> None:
    first, second = run(tmp_path / "a", batch=1), run(tmp_path / "b", batch=2)
    for path in (first, second):
        setup = json.loads((path / "setup.json").read_text())
        setup["recipe"]["metrics"] = ["confusion"]
        (path / "setup.json").write_text(json.dumps(setup))
    assert judged(first, second).pictures.interval is not None


def test_one_group_needs_no_verdict(tmp_path: Path) -> None:
    comparison: Comparison = gather([run(tmp_path / "a", batch=1)])
    assert judge(comparison, list(comparison.columns)) == []


def test_a_training_keeps_what_its_pictures_counted(tiny_run: Path) -> None:
    kept = read_states(tiny_run / "predictions" / "states.npz")
    summary = json.loads((tiny_run / "summary.json").read_text())
    matrix = kept.metrics[0].total()
    assert matrix[:-1].tolist() == summary["splits"]["val"]["metrics"][0]["figures"]["matrix"]
    index = json.loads((tiny_run / "predictions" / "index.json").read_text())
    assert {entry["name"] for entry in index["shared"]} <= set(kept.names)
    assert len(index["shared"]) == 3
    assert all((tiny_run / "predictions" / f).is_file() for entry in index["shared"] for f in entry["files"].values())


def test_the_main_score_of_each_group_has_its_interval_and_a_run_without_one_is_left_out(tmp_path: Path) -> None:
    paths = [run(tmp_path / "a", batch=1, seed=3), run(tmp_path / "b", batch=2, right=0.9)]
    comparison = gather([*paths, run(tmp_path / "c", batch=3, keep=False)])
    table = intervals(comparison)
    assert [row[0] for row in table.rows] == ["A", "B"]
    told = json.loads((paths[0] / "summary.json").read_text())["splits"]["val"]["metrics"][0]["scores"][0]
    low, high = told["interval"]["low"], told["interval"]["high"]
    name = "mean IoU (val chose the epoch)"
    assert table.rows[0] == ("A", name, f"{told['value']:.4f}", f"{low:.4f} … {high:.4f}", "40")
    (score, *_), *_ = [group["scores"] for group in compare_runs(paths).as_json()["groups"]]
    assert (score["over_pictures"][0]["low"], score["over_pictures"][0]["n"]) == (low, 40)
    assert "interval" not in score["score"]
    assert intervals(gather([tmp_path / "c"])) is None
    rows = list(csv.DictReader(io.StringIO(compare_runs([*paths, tmp_path / "c"]).as_csv())))
    assert [row[f"{KEY}, low over pictures"] for row in rows] == [str(low), rows[1][f"{KEY}, low over pictures"], ""]
    assert [float(row[f"{KEY}, high over pictures"] or 0) > float(row[KEY]) for row in rows] == [True, True, False]
    assert "over pictures" not in compare_runs([tmp_path / "c"]).as_csv()
