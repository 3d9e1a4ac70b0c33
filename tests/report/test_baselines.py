"""Baselines beside a run: found in the same parent folder, on the same pictures only, and shown in its report."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fabricated_runs import MEAN_IOU
from pixelwise.compare.gather import gather
from pixelwise.report.baselines import keep_baselines, lines, tables, warning
from pixelwise.report.page import build_report
from pixelwise.report.record import read_record
from pixelwise.run.folder import RunFolder

Made = Callable[..., Path]


def made_baseline(made: Made, name: str, score: float, **options: str) -> RunFolder:
    run = RunFolder(made(name, score=score, **options))
    setup = run.read("setup")
    setup["model"] = {"name": "pixel_frequency", "parameters": 0}
    run.write("setup", setup)
    run.recipe_file.write_text(run.recipe_text().replace("name: unet", "name: pixel_frequency"))
    return run


def test_a_baseline_beside_a_run_is_recorded_and_shown(made: Made) -> None:
    run = RunFolder(made("trained", score=0.4))
    made_baseline(made, "frequency", 0.1465)
    keep_baselines(run)
    (entry,) = run.read("baselines")["baselines"]
    assert (entry["run"], entry["splits"]["val"][MEAN_IOU]) == ("frequency", 0.1465)
    record = read_record(run)
    ((caption, table),) = tables(record)
    assert caption == "Baselines on the split “val”"
    assert table.headings == ("score", "this run", "frequency", "convention")
    assert table.rows[0][:3] == ("mean IoU", "0.4000", "0.1465")
    assert warning(record) == ""
    assert list(lines(run, record.summary)) == ["baselines on val: mean IoU 0.1465 frequency (this run 0.4000)"]
    assert "Baselines on the split “val”" in build_report(run).read_text()


def test_a_run_that_is_not_better_says_so(made: Made) -> None:
    run = RunFolder(made("trained", score=0.1))
    made_baseline(made, "frequency", 0.1465)
    keep_baselines(run)
    assert warning(read_record(run)) == (
        "On val, mean IoU 0.1000 is not better than the 0.1465 of the baseline frequency, which does not look at the pictures."
    )


def test_other_pictures_other_tasks_and_damaged_folders_are_not_beside_it(made: Made) -> None:
    run = RunFolder(made("trained"))
    before = build_report(run).read_bytes()
    made_baseline(made, "smaller", 0.2, resolution="40×32")
    made_baseline(made, "labels", 0.2, task="classify")
    made("network", seed=1)
    (made_baseline(made, "damaged", 0.2).path / "setup.json").write_text("{")
    (run.path.parent / "linked").symlink_to(run.path, target_is_directory=True)
    keep_baselines(run)
    assert not run.has("baselines")
    assert build_report(run).read_bytes() == before


def test_what_was_recorded_stays_when_the_run_is_moved(made: Made, tmp_path: Path) -> None:
    run = RunFolder(made("trained"))
    made_baseline(made, "frequency", 0.2)
    keep_baselines(run)
    moved = RunFolder(Path(shutil.move(run.path, tmp_path / "elsewhere" / "trained")))
    page = build_report(moved).read_bytes()
    keep_baselines(moved)
    assert build_report(moved).read_bytes() == page
    assert b"Baselines on the split" in page


@pytest.mark.parametrize("splits", ['{"val": {"mean_iou": "high"}}', "[]"])
def test_a_damaged_record_of_baselines_is_refused(made: Made, splits: str) -> None:
    run = RunFolder(made("trained"))
    (run.path / "baselines.json").write_text(f'{{"baselines": [{{"run": "a", "splits": {splits}}}]}}')
    with pytest.raises(Exception, match=r"baselines\.json"):
        build_report(run)


def test_a_comparison_names_the_baseline(made: Made) -> None:
    paths = [made_baseline(made, "frequency", 0.2).path, made("trained", score=0.4, batch=4)]
    assert f"{paths[0]} is a baseline: it counts" in "\n".join(gather(paths).notes)
    assert f"{paths[1]} is a baseline" not in "\n".join(gather(paths).notes)
