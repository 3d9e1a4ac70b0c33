"""The runner with stand-ins for trainings: processes that write a run folder, fail, or are killed, as their name says."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console

from pixelwise.compare.gather import expanded
from pixelwise.errors import RunError
from pixelwise.experiments import runner
from pixelwise.experiments.display import ExperimentDisplay, follow
from pixelwise.experiments.folder import Folder, Outcome, Planned
from pixelwise.experiments.runner import Change, run_all
from pixelwise.experiments.search import Aim
from pixelwise.experiments.settings import plan
from pixelwise.recipe.load import load_recipe

# The word is the seed: 6 dies before its report; 7 fails; 8 dies of SIGKILL half way the first time; 9 waits to be stopped.
STAND_IN = """
if word == "7":
    sys.exit("error: this one always fails.")
if word == "8" and not begun:
    os.kill(os.getpid(), signal.SIGKILL)
if word == "9" and not begun:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
    (run / "ready").touch()
    time.sleep(60)
(run / "summary.json").write_text(json.dumps({"seconds": {"total": 1.5}}))
if word == "6":
    os.kill(os.getpid(), signal.SIGKILL)
(run / "report.html").touch()
"""


@pytest.fixture(autouse=True)
def reported(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runs whose report the sweep itself had to build."""
    names: list[str] = []
    monkeypatch.setattr("pixelwise.report.page.build_report", lambda run: names.append(run.path.name))
    return names


@pytest.fixture(autouse=True)
def _stand_in(train_by: Callable[[str, Callable[[str], str]], None]) -> None:
    train_by(STAND_IN, lambda name: name.rpartition("=")[2])


def begun(path: Path, seeds: str) -> tuple[Folder, tuple]:
    factors, runs = plan("quickstart", [f"train.seed={seeds}"])
    sweep = Folder(path)
    sweep.begin(runs, "quickstart", [{"path": path, "values": values} for path, values in factors.items()])
    return sweep, runs


def states(sweep: Folder) -> dict[str, str]:
    return {name: outcome.state for name, outcome in sweep.outcomes().items()}


def times(sweep: Folder, name: str) -> list[str]:
    return (sweep.run(name).path / "times").read_text().split()


def test_failures_stop_nothing_and_finished_runs_are_not_repeated(tmp_path: Path) -> None:
    sweep, runs = begun(tmp_path / "s", "7,1,8,2")
    most = max(len(change.jobs) for change in run_all(sweep, sweep.unfinished(runs), jobs=2))
    assert most == 2
    assert states(sweep) == {"seed=7": "failed", "seed=1": "done", "seed=8": "failed", "seed=2": "done"}
    outcomes = sweep.outcomes()
    assert outcomes["seed=7"].message == "error: this one always fails."
    assert outcomes["seed=8"].message == "was ended by SIGKILL"
    assert outcomes["seed=1"].seconds == 1.5
    again = Folder(tmp_path / "s")
    kinds = [
        (change.kind, change.run.name)
        for change in run_all(again, again.unfinished(again.plan()))
        if change.run is not None
    ]
    assert kinds == [("resumed", "seed=7"), ("ended", "seed=7"), ("resumed", "seed=8"), ("ended", "seed=8")]
    assert states(again) == {"seed=7": "failed", "seed=1": "done", "seed=8": "done", "seed=2": "done"}
    assert (times(sweep, "seed=1"), times(sweep, "seed=8")) == (["new"], ["new", "again"])


def test_a_run_that_was_killed_before_its_report_is_finished(tmp_path: Path, reported: list[str]) -> None:
    sweep, runs = begun(tmp_path / "s", "6,1")
    list(run_all(sweep, sweep.unfinished(runs)))
    assert states(sweep) == {"seed=6": "done", "seed=1": "done"}
    assert reported == ["seed=6"]
    (sweep.run("seed=1").path / "report.html").unlink()  # as after a kill of the sweep together with its run
    assert sweep.unfinished(runs) == []
    assert reported == ["seed=6", "seed=6", "seed=1"]  # the stand-in for the report wrote none for 6


def test_a_sweep_that_is_killed_while_it_is_planned_is_planned_again(tmp_path: Path) -> None:
    sweep, _ = begun(tmp_path / "s", "1,2")
    sweep.recipe_file("seed=2").unlink()
    with pytest.raises(RunError, match=r"seed=2\.yaml: is missing\. Repeat the command that began this sweep"):
        sweep.plan()
    sweep, _ = begun(tmp_path / "s", "1,2")
    list(run_all(sweep, sweep.unfinished(sweep.plan())))
    assert set(states(sweep).values()) == {"done"}


def test_a_grid_may_grow(tmp_path: Path) -> None:
    sweep, runs = begun(tmp_path / "s", "1,2")
    list(run_all(sweep, sweep.unfinished(runs)))
    sweep, runs = begun(tmp_path / "s", "1,2,3")
    list(run_all(sweep, sweep.unfinished(runs)))
    assert set(states(sweep).values()) == {"done"}
    assert times(sweep, "seed=1") == ["new"]


def test_a_sweep_of_a_version_with_other_names_keeps_them(tmp_path: Path) -> None:
    """A run is found by its values: only new ones are named as now."""
    words = "train.optimizer={name: sgd, momentum: 0.8},{name: sgd, momentum: 0.7}"
    _, runs = plan("quickstart", [words])
    sweep = Folder(tmp_path / "s")
    before = [
        Planned(f"optimizer=name-sgd-momentum-{number}", run.values, run.recipe) for number, run in enumerate(runs)
    ]
    sweep.begin(before)
    list(run_all(sweep, sweep.unfinished(before)))
    _, runs = plan("quickstart", [f"{words},{{name: sgd, momentum: 0.6}}"])
    again = sweep.named(runs)
    assert [run.name for run in again] == [*(run.name for run in before), "optimizer=sgd-momentum-0.6"]
    sweep.begin(again)
    assert [run.name for run in sweep.unfinished(again)] == ["optimizer=sgd-momentum-0.6"]
    assert Folder(tmp_path / "none").named(runs) == runs


def test_who_stops_a_sweep_stops_its_runs_saved(tmp_path: Path) -> None:
    sweep, runs = begun(tmp_path / "s", "1,9")
    changes = run_all(sweep, sweep.unfinished(runs))
    for _ in changes:
        if (sweep.run("seed=9").path / "ready").exists():
            break
    changes.close()
    assert states(sweep) == {"seed=1": "done", "seed=9": "stopped"}
    list(run_all(sweep, sweep.unfinished(runs)))
    assert states(sweep) == {"seed=1": "done", "seed=9": "done"}


FORKS = """
import os, sys, time
from pixelwise.run.lock import adopt_lock
adopt_lock()
if os.fork() == 0:  # as a process that loads pictures, which outlives the training
    print("forked", flush=True)
time.sleep(60)
"""


def test_a_process_that_a_killed_training_left_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "train_command", lambda *_, **__: [sys.executable, "-c", FORKS])
    sweep, runs = begun(tmp_path / "s", "1")
    job = runner.start_job(sweep, runs[0], 1, None)
    assert job.process is not None
    while "forked" not in sweep.log_file(runs[0].name).read_text():
        time.sleep(0.01)
    with sweep.run_lock(runs[0].name) as lock:
        assert lock is None
    job.process.kill()
    job.process.wait()
    with sweep.run_lock(runs[0].name) as lock:
        assert lock is not None
    os.killpg(job.process.pid, signal.SIGKILL)


def test_what_a_killed_sweep_left_behind_is_waited_for(tmp_path: Path) -> None:
    sweep, runs = begun(tmp_path / "s", "4,5")
    with sweep.run_lock("seed=4") as lock:  # as if a process of the killed sweep still held it
        assert lock is not None
        sleeper = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"], pass_fds=[lock])
    changes = run_all(sweep, sweep.unfinished(runs))
    began = time.monotonic()
    while time.monotonic() - began < 0.3:
        next(changes)
    assert not sweep.run("seed=4").path.exists()
    sleeper.send_signal(signal.SIGKILL)
    sleeper.wait()
    list(changes)
    assert set(states(sweep).values()) == {"done"}


def test_another_sweep_in_the_folder_is_refused_and_left_alone(tmp_path: Path) -> None:
    sweep, runs = begun(tmp_path / "s", "1,2")
    list(run_all(sweep, sweep.unfinished(runs)))
    before = sweep.record_file.read_bytes()
    _, others = plan("quickstart", ["train.seed=1,3", "train.batch=4"])
    with pytest.raises(RunError) as caught:
        sweep.begin(others, "quickstart")
    assert "seed=1: its recipe differs from the one" in str(caught.value)
    assert "seed=2: is a run of the sweep in this folder" in str(caught.value)
    assert sweep.record_file.read_bytes() == before
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "diary").write_text("mine")
    with pytest.raises(RunError, match="is already there and not empty"):
        begun(tmp_path / "taken", "1")
    (sweep.run("seed=1").path / "recipe.yaml").write_text("title: another\n")
    with pytest.raises(RunError, match="is in the way"):
        list(run_all(sweep, sweep.unfinished(runs)))


def test_damaged_records_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is not the folder of a sweep"):
        Folder(tmp_path).plan()
    whole = {"format": 1, "recipe": "quickstart"}
    records = [[], {"format": 1, "runs": [{}]}, *({**whole, "runs": runs} for runs in (None, 5, [5], [{}]))]
    for content in ("{", *map(json.dumps, records)):
        (tmp_path / "sweep.json").write_text(content)
        with pytest.raises(RunError):
            Folder(tmp_path).plan()
        with pytest.raises(RunError):
            expanded([tmp_path])


@pytest.mark.parametrize("name", ["../elsewhere", "..", ".", "", "a/b", "a\\b", "C:run", "/tmp/run", "a\0b", 5, None])
def test_a_run_is_in_the_folder_of_its_sweep(name: object, tmp_path: Path) -> None:
    sweep, _ = begun(tmp_path / "s", "1,2")
    record = json.loads(sweep.record_file.read_text())
    record["runs"][0]["name"] = name
    sweep.record_file.write_text(json.dumps(record))
    for use in (sweep.plan, sweep.outcomes, lambda: expanded([sweep.path])):
        with pytest.raises(RunError, match=r"sweep\.json: runs\.0\.name: read"):
            use()


def test_a_training_that_ends_without_a_summary_says_what_it_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep, runs = begun(tmp_path / "s", "1")
    command = [sys.executable, "-S", "-c", "print('nothing to do')"]
    monkeypatch.setattr(runner, "train_command", lambda *_, **__: command)
    list(run_all(sweep, sweep.unfinished(runs)))
    (outcome,) = sweep.outcomes().values()
    assert (outcome.state, outcome.message) == ("failed", "nothing to do")


def test_a_run_that_died_before_its_first_step_is_resumed(tmp_path: Path) -> None:
    sweep, runs = begun(tmp_path / "s", "1,2")
    run = sweep.run("seed=1")
    run.path.mkdir()
    run.recipe_file.write_text(runs[0].text)
    run.lock_file.touch()
    list(run_all(sweep, sweep.unfinished(runs)))
    assert set(states(sweep).values()) == {"done"}
    assert times(sweep, "seed=1") == ["again"]


def test_two_sweeps_do_not_work_in_one_folder(tmp_path: Path) -> None:
    sweep, _ = begun(tmp_path / "s", "1,2")
    with sweep.writing(), pytest.raises(RunError, match="another process is working on this sweep"), sweep.writing():
        pass


def test_a_plain_list_is_run_like_a_grid_and_a_search(tmp_path: Path) -> None:
    """The third proposer: an iterator of named recipes, asked for the next one only when there is room."""
    recipe = load_recipe("quickstart", ["train.seed=1"])
    asked: list[str] = []
    ends: dict[str, Outcome] = {}

    def folds() -> Iterator[Planned]:
        for name in ("fold=1", "fold=7", "fold=3"):
            asked.append(name)
            yield Planned(name, {"fold": name[-1]}, recipe)
        yield Planned("fold=4", {"fold": "4"}, None, outcome=Outcome("failed", message="no pictures"))

    def ended(run: Planned, outcome: Outcome) -> Outcome:
        ends[run.name] = outcome
        return outcome

    folder = Folder(tmp_path / "folds", "folds")
    changes = run_all(folder, folds(), ended=ended)
    assert (next(changes).kind, asked) == ("began", ["fold=1"])
    kinds = [(change.kind, change.run.name) for change in changes if change.run is not None]
    assert kinds == [
        ("ended", "fold=1"), ("began", "fold=7"), ("ended", "fold=7"), ("began", "fold=3"), ("ended", "fold=3"),
        ("ended", "fold=4"),
    ]  # fmt: skip
    assert {name: outcome.state for name, outcome in ends.items()} == {
        "fold=1": "done", "fold=7": "failed", "fold=3": "done", "fold=4": "failed",
    }  # fmt: skip
    again = [change.kind for change in run_all(folder, folds(), ended=ended) if change.run is not None]
    assert again == ["ended", "resumed", "ended", "ended", "ended"]  # what is done is not trained again
    assert times(folder, "fold=1") == ["new"]


def test_a_list_may_be_a_plan_in_a_folder_of_its_own_kind(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "folds", "folds")
    runs = [Planned(f"fold={n}", {"fold": str(n)}, load_recipe("quickstart", [f"train.seed={n}"])) for n in (1, 2)]
    folder.begin(runs)
    list(run_all(folder, folder.unfinished(runs), jobs=2))
    assert set(states(Folder(tmp_path / "folds", "folds")).values()) == {"done"}
    assert folder.unfinished(folder.plan()) == []


def test_the_display_shows_any_runs(tmp_path: Path) -> None:
    sweep, runs = begun(tmp_path / "s", "1,7")
    console = Console(file=io.StringIO(), width=100)
    follow(run_all(sweep, sweep.unfinished(runs)), ExperimentDisplay("runs", 2, before={}, console=console))
    lines = [line.strip() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]
    assert lines == [
        "2 runs, 1 at a time", "began    seed=1", "done     seed=1    1.5 s", "began    seed=7", lines[-1],
    ]  # fmt: skip
    assert lines[-1].startswith("failed   seed=7")
    assert lines[-1].endswith("error: this one always fails.")


def test_the_display_marks_the_best_so_far() -> None:
    console = Console(file=io.StringIO(), width=100)
    aim = Aim("mean_iou[void=none]", True, "val")
    display = ExperimentDisplay("trials", 3, before={"trial-0": Outcome("done", score=0.2)}, aim=aim, console=console)
    with display:
        for name, score in (("trial-1", 0.1), ("trial-2", 0.4)):
            run = Planned(name, {}, None, "rate 0.1")
            display.show(Change("ended", run, Outcome("done", 0, 2.0, "", score), ()))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert lines[0] == "3 trials, 1 of them finished before, 1 at a time"
    assert lines[1] == "by mean IoU on val; higher is better"
    assert [line.split() for line in lines[2:]] == [
        ["done", "trial-1", "0.1000", "2.0", "s", "rate", "0.1"],
        ["done", "trial-2", "0.4000", "*", "best", "2.0", "s", "rate", "0.1"],
    ]


def test_nothing_here_imports_torch() -> None:
    code = (
        "import sys, pkgutil, importlib, pixelwise.experiments as package\n"
        "for one in pkgutil.iter_modules(package.__path__, 'pixelwise.experiments.'): importlib.import_module(one.name)\n"
        "print('torch' in sys.modules, 'optuna' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"
