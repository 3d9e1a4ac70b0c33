"""Losses are part of every output, for runs of version 0.1 too, and losses of different functions share no column."""

import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from collect import collect, markdown_table, merge

from pixelwise.cli import app
from pixelwise.compare.columns import column_sets, headings
from pixelwise.compare.figures import draw_runs
from pixelwise.compare.gather import gather
from pixelwise.compare.page import build_comparison_page
from pixelwise.compare.runs import ComparedRuns, compare_runs
from pixelwise.errors import RunError
from pixelwise.report.record import losses_at, read_record
from pixelwise.run.folder import RunFolder

Made = Callable[..., Path]
OLD = Path(__file__).parents[1] / "safety" / "runs-0.1"
KEYS = [f"{part}_loss[epoch={which}]" for which in ("best", "last") for part in ("train", "validation")]


def loss(epoch: int, part: str) -> float:
    """What `fabricated_runs.py` writes into the events."""
    fit = float(np.exp(-epoch / 4))
    return 0.3 + 1.4 * fit if part == "train" else 0.45 + 1.2 * fit + 0.01 * max(0, epoch - 5)


def test_the_summary_has_the_losses_of_the_best_and_the_last_epoch(tiny_run: Path) -> None:
    summary = json.loads((tiny_run / "summary.json").read_text())
    (epoch,) = RunFolder(tiny_run).events("epoch")
    told = {"epoch": 1, "train": epoch["train"], "validation": epoch["validation"]}
    assert summary["losses"] == {"best": told, "last": told}
    assert summary["losses"]["best"]["validation"] == summary["splits"]["val"]["losses"]


def test_without_an_epoch_there_are_no_losses() -> None:
    assert losses_at([], None) == {"best": None, "last": None}


def test_runs_of_version_0_1_have_losses_in_their_events(made: Made) -> None:
    record = read_record(RunFolder.open(made("a", epochs=8)))
    assert "losses" not in record.summary
    best = record.best["epoch"]
    assert record.losses["best"]["train"]["loss"] == pytest.approx(loss(best, "train"))
    assert record.losses["last"]["validation"]["loss"] == pytest.approx(loss(8, "validation"))
    old = read_record(RunFolder.open(OLD / "segment"))
    assert "losses" not in old.summary
    assert old.losses["best"]["validation"] == old.summary["splits"]["val"]["losses"]


def test_tables_json_and_csv_have_the_losses(made: Made) -> None:
    comparison = gather([made("a", seed=1), made("a2", seed=2), made("b", batch=16)])
    assert [column.key for column in comparison.losses] == KEYS
    caption, columns = column_sets([*comparison.columns, *comparison.losses])[-1]
    assert (
        caption
        == "losses (cross_entropy): train of scenes, 209 pictures at 80×64; val of scenes, 213 pictures at 80×64."
    )
    names = ("training loss", "validation loss")
    assert headings(columns) == [f"{name} ({which} epoch)" for which in ("best", "last") for name in names]
    told = ComparedRuns(comparison, ()).as_json()["groups"][0]["losses"]
    assert [entry["score"]["key"] for entry in told] == KEYS
    assert told[3]["values"] == pytest.approx([loss(4, "validation")] * 2)
    assert not told[3]["score"]["higher_is_better"]
    row = next(csv.DictReader(io.StringIO(ComparedRuns(comparison, ()).as_csv())))
    found = {name: value for name, value in row.items() if "_loss[" in name}
    assert [name.partition(" on ")[0] for name in found] == KEYS
    assert float(found[f"{KEYS[2]} on train of scenes, 209 pictures at 80×64"]) == pytest.approx(loss(4, "train"))


def test_a_loss_of_training_pictures_is_not_called_validation(made: Made) -> None:
    path = made("a")
    (path / "recipe.yaml").write_text("title: toy\ndata: {train: train, validation: train}\n")
    comparison = gather([path])
    assert {column.score.name for column in comparison.losses} == {"train_loss", "evaluated_loss"}
    assert [axes.get_ylabel() for axes in draw_runs(comparison, "epochs", 7.6).axes][:2] == [
        "training loss",
        "evaluated loss",
    ]


def test_losses_of_different_functions_share_no_column(made: Made) -> None:
    comparison = gather([made("a"), made("b", loss="focal"), made("c", batch=16)])
    sets = [found for _, found in column_sets(comparison.losses)]
    assert len(sets) == 2
    for columns, filled in zip(sets, ("AC", "B"), strict=True):
        for column in columns:
            assert "".join(group.letter for group in comparison.groups if group.has(column)) == filled
    rows = list(csv.reader(io.StringIO(ComparedRuns(comparison, ()).as_csv())))
    assert len(set(rows[0])) == len(rows[0])


def test_a_difference_can_be_taken_in_a_loss(made: Made) -> None:
    (verdict,) = compare_runs([made("a"), made("b", batch=16)], scores=["validation_loss"]).verdicts
    assert verdict.column.key == KEYS[1]
    assert verdict.seeds.value == 0
    assert "runs do not keep the loss of each picture" in verdict.words


@pytest.mark.parametrize(
    ("over", "label", "last"), [("epochs", "epoch", 4), ("updates", "updates", 24), ("minutes", "minutes", 0.2)]
)
def test_curves_over_epochs_updates_and_minutes(over: str, label: str, last: float, made: Made) -> None:
    figure = draw_runs(gather([made("a"), made("b", batch=16)]), over, 7.6)  # type: ignore[arg-type]
    assert [axes.get_ylabel() for axes in figure.axes] == ["training loss", "validation loss", "mean IoU"]
    assert figure.axes[-1].get_xlabel().startswith(label)
    for axes, part in zip(figure.axes[:2], ("train", "validation"), strict=True):
        x, y = axes.lines[0].get_data()
        assert x[-1] == pytest.approx(last)
        assert list(y) == pytest.approx([loss(epoch, part) for epoch in (1, 2, 3, 4)])


def test_seeds_that_took_different_minutes_have_one_mean(made: Made) -> None:
    paths = [made("a"), made("b", seed=1)]
    events = paths[1] / "events.jsonl"
    events.write_text(events.read_text().replace('"train": 2.5', '"train": 5.5'))
    figure = draw_runs(gather(paths), "minutes", 7.6)
    lines = [line.get_xdata()[-1] for line in figure.axes[0].lines]
    assert lines == pytest.approx([0.2, 0.4, 0.3])


def test_over_is_an_option_of_the_command(made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "out" / "c.html"
    with pytest.raises(SystemExit) as end:
        app(["compare", str(made("a")), str(made("b", batch=16)), "--html", str(page), "--over", "minutes"])
    assert end.value.code in (0, None)
    assert "losses (cross_entropy)" in capsys.readouterr().out
    assert "minutes of training" in page.read_text()


def test_an_interrupted_run_shows_no_losses(made: Made, tmp_path: Path) -> None:
    comparison = gather([made("a"), made("b", seed=1, finished=False)])
    assert all(comparison.groups[0].values(column)[1] is None for column in comparison.losses)
    build_comparison_page(comparison, [], tmp_path / "c.html")


def with_another_seed(run: Path, copy: Path) -> Path:
    """A copy of a run whose record says that it had the next seed."""
    shutil.copytree(run, copy)
    setup = json.loads((copy / "setup.json").read_text())
    setup["recipe"]["train"]["seed"] += 1
    (copy / "setup.json").write_text(json.dumps(setup))
    return copy


def test_results_collect_the_losses(tiny_run: Path, tmp_path: Path) -> None:
    again = with_another_seed(tiny_run, tmp_path / "again")
    summary = json.loads((again / "summary.json").read_text())
    del summary["losses"]  # as version 0.1 wrote it
    (again / "summary.json").write_text(json.dumps(summary))
    record = collect("quickstart", [RunFolder(tiny_run), RunFolder(again)])
    (epoch,) = RunFolder(tiny_run).events("epoch")
    assert record["loss"].startswith("cross_entropy ")
    for which in ("best", "last"):
        for part in ("train", "validation"):
            value = epoch[part]["loss"]
            assert record["losses"][which][part]["loss"] == {"mean": value, "sd": 0.0, "values": [value, value]}
    head, _, row, *_ = markdown_table([record], "val", {}).splitlines()
    assert "| train loss | validation loss |" in head
    assert f"| {epoch['train']['loss']:.4f} ± 0.0000 |" in row
    older = {**record, "loss": None, "losses": None}
    assert "loss" not in markdown_table([record, older], "val", {})


def test_results_of_other_seeds_join_those_recorded(tiny_run: Path, tmp_path: Path) -> None:
    again = with_another_seed(tiny_run, tmp_path / "again")
    environment = json.loads((again / "environment.json").read_text())
    environment["packages"]["torch"], environment["gpu"] = "9.9", "A GPU"
    (again / "environment.json").write_text(json.dumps(environment))
    one, other = ({**collect("quickstart", [RunFolder(path)]), "differs": [path.name]} for path in (tiny_run, again))
    joined = merge(one, other)
    assert joined.pop("differs") == sorted([tiny_run.name, "again"])
    assert joined == collect("quickstart", [RunFolder(tiny_run), RunFolder(again)])
    assert len(joined["machine"]) == 2
    assert joined["machine"][-1].endswith("A GPU") or joined["machine"][0].endswith("A GPU")
    assert joined["versions"]["torch"].endswith(", 9.9")
    with pytest.raises(RunError, match=r"the seeds \[\d+\] are recorded already"):
        merge({**joined, "differs": []}, other)
    with pytest.raises(RunError, match="the runs differ from those recorded in parameters"):
        merge(one, {**other, "parameters": 1})
