"""The trial of bf16: how it is remembered, and when a remembered one is taken again. No test here times anything."""

import json
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pixelwise.engine.hardware import trial
from pixelwise.engine.hardware.device import choose
from pixelwise.engine.hardware.trial import Trial, find_fair_trial, find_trial
from pixelwise.recipe.schema import Hardware

Machine = Callable[[float, float], None]


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let the trial in the child process be this program instead, on two idle cores."""
    monkeypatch.setattr(trial, "machine_load", lambda: 0.1)
    monkeypatch.setattr(trial.os, "cpu_count", lambda: 2)
    return lambda text: monkeypatch.setattr(trial, "PROGRAM", text)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Two cores with a load, on which a trial of bf16 would now give a speed."""

    def become(load: float, speed: float) -> None:
        monkeypatch.setattr(trial, "machine_load", lambda: load)
        monkeypatch.setattr(trial.os, "cpu_count", lambda: 2)
        monkeypatch.setattr(trial, "try_bf16", lambda threads: Trial(speed=speed, load=load))

    return become


@pytest.mark.parametrize(("threads", "before", "now", "again"), [
    (1, 0.9, 0.0, False),   # another process, but a core for each
    (1, 1.6, 1.4, True),    # more than the cores hold, and now they do
    (1, 6.0, 5.0, False),   # busy, and still busy
    (1, 6.0, 2.9, True),    # half as busy tells more
    (2, 0.9, 0.4, True),    # two threads want both cores
    (2, 0.4, 0.0, False),
    (2, 0.0, 9.0, False),   # a calm verdict stands
    (8, 0.4, 0.0, False),   # more threads than cores: their own doing
    (8, 2.0, 0.1, True),
])  # fmt: skip
def test_a_speed_taken_under_load_is_taken_again_when_the_machine_is_calmer(
    threads: int, before: float, now: float, again: bool, machine: Machine, tmp_path: Path
) -> None:
    machine(before, 0.8)
    assert find_fair_trial(threads, tmp_path) == Trial(speed=0.8, load=before)
    machine(now, 1.6)
    expected = Trial(speed=1.6, load=now) if again else Trial(speed=0.8, load=before)
    assert find_fair_trial(threads, tmp_path) == expected
    assert find_trial(threads, tmp_path) == expected  # what stands is what was written down
    machine(0.0, 3.0)
    assert find_trial(threads, tmp_path) == expected  # where the speed does not matter it is not tried again


def test_a_precision_chosen_in_a_busy_minute_is_not_for_ever(machine: Machine, tmp_path: Path) -> None:
    hardware = Hardware(device="cpu", threads=2)
    machine(2.3, 0.8)
    assert choose(hardware, memory=tmp_path).precision == "fp32"
    machine(0.1, 1.6)
    assert choose(hardware, memory=tmp_path).precision == "bf16"
    machine(7.0, 0.5)
    assert choose(hardware, memory=tmp_path).precision == "bf16"


@pytest.mark.parametrize("find", [find_trial, find_fair_trial])
def test_runs_that_begin_together_try_once_and_by_turns(
    find: Callable[[int, Path], Trial], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    began: list[int] = []
    running: list[int] = []
    disturbed: list[int] = []

    def slow(threads: int) -> Trial:
        began.append(threads)
        disturbed.extend(running)
        running.append(threads)
        time.sleep(0.2)
        running.remove(threads)
        return Trial(speed=float(threads), load=0.0)

    monkeypatch.setattr(trial, "try_bf16", slow)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda threads: find(threads, tmp_path), (1, 1, 2, 2)))
    assert [one.speed for one in found] == [1.0, 1.0, 2.0, 2.0]
    assert sorted(began) == [1, 2]
    assert not disturbed
    assert len(json.loads((tmp_path / "machine.json").read_text())) == 2


def test_an_entry_without_a_load_counts_as_taken_under_load(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "machine.json").write_text(json.dumps({trial._key(2): {"died": "", "speed": 0.8}, "other": 1}))
    machine(5.0, 1.5)
    assert find_trial(2, tmp_path).speed == 0.8
    assert find_fair_trial(2, tmp_path) == Trial(speed=1.5, load=5.0)  # also under load: its load is then known
    assert json.loads((tmp_path / "machine.json").read_text())["other"] == 1


def test_a_death_is_never_tried_again(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "machine.json").write_text(json.dumps({trial._key(1): {"died": "SIGILL", "speed": None}}))
    machine(0.0, 1.5)
    assert find_fair_trial(1, tmp_path).died == "SIGILL"


def test_a_second_trial_that_tells_nothing_leaves_the_first(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machine(4.0, 1.5)
    find_fair_trial(1, tmp_path)
    machine(0.0, 1.0)
    monkeypatch.setattr(trial, "try_bf16", lambda threads: Trial(why="no answer in 120 s"))
    assert find_fair_trial(1, tmp_path) == Trial(speed=1.5, load=4.0)


def test_a_system_that_does_not_tell_its_load_counts_as_calm(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OSError

    monkeypatch.setattr(trial.os, "getloadavg", refuse)
    assert trial.machine_load() == 0.0
    monkeypatch.delattr(trial.os, "getloadavg")  # as on Windows
    assert trial.machine_load() == 0.0


def test_the_program_gives_a_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    short = trial.PROGRAM.replace("rounds < 5 or", "rounds < 1 or").replace("rounds < 100 and", "rounds < 0 and")
    assert short != trial.PROGRAM
    monkeypatch.setattr(trial, "PROGRAM", short)
    found = trial.try_bf16(1)
    assert found.told_something  # a speed, or the signal that bf16 ends with here
    assert found.load is not None
    assert found.speed is None or 0.01 < found.speed < 100


def test_the_outcome_is_remembered_beside_those_of_other_settings(
    program: Callable[[str], None], tmp_path: Path
) -> None:
    program("print(2.5)")
    choose(Hardware(device="cpu", threads=1), memory=tmp_path)
    program("print(0.5)")
    assert choose(Hardware(device="cpu", threads=1), memory=tmp_path).precision == "bf16"  # not tried again
    assert choose(Hardware(device="cpu", threads=2), memory=tmp_path).precision == "fp32"
    assert sorted(v["speed"] for v in json.loads((tmp_path / "machine.json").read_text()).values()) == [0.5, 2.5]


@pytest.mark.parametrize("damage", ['{"cut sho', "[]", "null", '{"KEY": {}}', '{"KEY": 3}', b"\xff\x00"])
def test_a_damaged_memory_is_mended(damage: str | bytes, program: Callable[[str], None], tmp_path: Path) -> None:
    program("print(2.5)")
    choose(Hardware(device="cpu", threads=1), memory=tmp_path)
    file = tmp_path / "machine.json"
    sound = file.read_text()
    (key,) = json.loads(sound)
    file.write_bytes(damage if isinstance(damage, bytes) else damage.replace("KEY", key).encode())
    assert choose(Hardware(device="cpu", threads=1), memory=tmp_path).precision == "bf16"
    assert file.read_text() == sound


def test_a_folder_that_cannot_be_written_only_means_trying_again(
    program: Callable[[str], None], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    program("print(2.5)")
    assert choose(Hardware(device="cpu"), memory=tmp_path / "file" / "cache").precision == "bf16"


@pytest.mark.parametrize("text", ["raise SystemExit('torch is broken')", "import sys; sys.exit(3)"])
def test_a_trial_that_told_nothing_is_not_remembered(text: str, program: Callable[[str], None], tmp_path: Path) -> None:
    program(text)
    chosen = choose(Hardware(device="cpu"), memory=tmp_path)
    assert chosen.precision == "fp32"
    assert "bf16 could not be tried here" in chosen.notes[0]
    assert not (tmp_path / "machine.json").exists()


def test_a_trial_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def hang(command: list[str], **options: object) -> None:
        raise subprocess.TimeoutExpired(command, 120)

    monkeypatch.setattr(subprocess, "run", hang)
    assert choose(Hardware(device="cpu"), memory=tmp_path).notes[0].endswith("(no answer in 120 s)")
