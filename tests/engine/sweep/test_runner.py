"""Sweeps of stand-ins for trainings: processes that write a run folder, fail, or are killed, as their name says."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pixelwise.engine.sweep import runner
from pixelwise.engine.sweep.folder import SweepFolder, take_lock
from pixelwise.engine.sweep.grid import plan
from pixelwise.engine.sweep.runner import run_all
from pixelwise.errors import RunError

# argv: run folder, recipe, seed. Seed 7 fails; 8 dies of SIGKILL half way the first time; 9 waits to be stopped.
STAND_IN = """
import json, os, shutil, signal, sys, time
from pathlib import Path
run, recipe, seed = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
begun = run.exists()
run.mkdir(exist_ok=True)
shutil.copy(recipe, run / "recipe.yaml")
(run / "setup.json").write_text("{}")
with open(run / "times", "a") as file:
    file.write("again\\n" if begun else "new\\n")
if seed == "7":
    sys.exit("error: this one always fails.")
if seed == "8" and not begun:
    os.kill(os.getpid(), signal.SIGKILL)
if seed == "9" and not begun:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
    (run / "ready").touch()
    time.sleep(60)
(run / "summary.json").write_text(json.dumps({"seconds": {"total": 1.5}}))
"""


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    def command(sweep: SweepFolder, name: str, data: object, *, going_on: bool) -> list[str]:
        seed = name.rpartition("=")[2]
        return [sys.executable, "-S", "-c", STAND_IN, str(sweep.run(name).path), str(sweep.recipe_file(name)), seed]

    monkeypatch.setattr(runner, "train_command", command)
    monkeypatch.setattr(runner, "POLL", 0.02)


def begun(path: Path, seeds: str) -> tuple[SweepFolder, tuple]:
    factors, runs = plan("quickstart", [f"train.seed={seeds}"])
    sweep = SweepFolder(path)
    sweep.begin("quickstart", factors, runs, None)
    return sweep, runs


def states(sweep: SweepFolder) -> dict[str, str]:
    return {name: outcome.state for name, outcome in sweep.outcomes().items()}


def times(sweep: SweepFolder, name: str) -> list[str]:
    return (sweep.run(name).path / "times").read_text().split()


def test_failures_stop_nothing_and_finished_runs_are_not_repeated(tmp_path: Path) -> None:
    sweep, runs = begun(tmp_path / "s", "7,1,8,2")
    most = max(len(change.jobs) for change in run_all(sweep, runs, jobs=2))
    assert most == 2
    assert states(sweep) == {"seed=7": "failed", "seed=1": "done", "seed=8": "failed", "seed=2": "done"}
    outcomes = sweep.outcomes()
    assert outcomes["seed=7"].message == "error: this one always fails."
    assert outcomes["seed=8"].message == "was ended by SIGKILL"
    assert outcomes["seed=1"].seconds == 1.5
    again = SweepFolder(tmp_path / "s")
    kinds = [(change.kind, change.run.name) for change in run_all(again, again.plan()) if change.run is not None]
    assert kinds == [("went on", "seed=7"), ("ended", "seed=7"), ("went on", "seed=8"), ("ended", "seed=8")]
    assert states(again) == {"seed=7": "failed", "seed=1": "done", "seed=8": "done", "seed=2": "done"}
    assert (times(sweep, "seed=1"), times(sweep, "seed=8")) == (["new"], ["new", "again"])


def test_a_grid_may_grow(tmp_path: Path) -> None:
    sweep, runs = begun(tmp_path / "s", "1,2")
    list(run_all(sweep, runs))
    sweep, runs = begun(tmp_path / "s", "1,2,3")
    list(run_all(sweep, runs))
    assert set(states(sweep).values()) == {"done"}
    assert times(sweep, "seed=1") == ["new"]


def test_who_stops_a_sweep_stops_its_runs_saved(tmp_path: Path) -> None:
    sweep, runs = begun(tmp_path / "s", "1,9")
    changes = run_all(sweep, runs)
    for _ in changes:
        if (sweep.run("seed=9").path / "ready").exists():
            break
    changes.close()
    assert states(sweep) == {"seed=1": "done", "seed=9": "stopped"}
    list(run_all(sweep, runs))
    assert states(sweep) == {"seed=1": "done", "seed=9": "done"}


def test_what_a_killed_sweep_left_behind_is_waited_for(tmp_path: Path) -> None:
    sweep, runs = begun(tmp_path / "s", "4,5")
    with sweep.run_lock("seed=4") as lock:  # as if a process of the killed sweep still held it
        assert take_lock(lock)
        sleeper = subprocess.Popen(
            [sys.executable, "-S", "-c", "import time; time.sleep(60)"], pass_fds=[lock.fileno()]
        )
    changes = run_all(sweep, runs)
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
    list(run_all(sweep, runs))
    before = sweep.record_file.read_bytes()
    factors, others = plan("quickstart", ["train.seed=1,3", "train.batch=4"])
    with pytest.raises(RunError) as caught:
        sweep.begin("quickstart", factors, others, None)
    assert "seed=1: its recipe says something else" in str(caught.value)
    assert "seed=2: is a run of the sweep in this folder" in str(caught.value)
    assert sweep.record_file.read_bytes() == before
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "diary").write_text("mine")
    with pytest.raises(RunError, match="is already there and not empty"):
        begun(tmp_path / "taken", "1")
    (sweep.run("seed=1").path / "recipe.yaml").write_text("title: another\n")
    with pytest.raises(RunError, match="is in the way"):
        list(run_all(sweep, runs))


def test_damaged_records_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no folder of a sweep"):
        SweepFolder(tmp_path).plan()
    for content in ("{", "[]", json.dumps({"format": 1, "runs": [{}]})):
        (tmp_path / "sweep.json").write_text(content)
        with pytest.raises(RunError):
            SweepFolder(tmp_path).plan()


def test_a_run_that_died_before_its_first_step_begins_anew(tmp_path: Path) -> None:
    sweep, runs = begun(tmp_path / "s", "1,2")
    run = sweep.run("seed=1")
    run.path.mkdir()
    run.recipe_file.write_text(runs[0].text)
    run.lock_file.touch()
    list(run_all(sweep, runs))
    assert set(states(sweep).values()) == {"done"}
    assert times(sweep, "seed=1") == ["new"]


def test_two_sweeps_do_not_work_in_one_folder(tmp_path: Path) -> None:
    sweep, _ = begun(tmp_path / "s", "1,2")
    with sweep.writing(), pytest.raises(RunError, match="another process is at this sweep"), sweep.writing():
        pass
