"""A run folder is made once, by one process, whole or not at all; damage in it is named."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pixelwise.errors import RunError
from pixelwise.run import folder as folder_module
from pixelwise.run.events import Noted, StepDone
from pixelwise.run.folder import RunFolder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "run", "title: T\n")


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder of this process's own, while it has no more rights than anyone (the superuser may write anywhere)."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o777)
        if os.geteuid() != 0:
            yield place
            return
        os.seteuid(65534)
        try:
            yield place
        finally:
            os.seteuid(0)


def names(path: Path) -> set[str]:
    return {found.name for found in path.iterdir()}


# -- making ----------------------------------------------------------------------------------------------------------


def test_a_new_run_and_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "a" / "b" / "run", tmp_path / "empty"):
        run = RunFolder.create(path, "title: é\n")
        assert RunFolder.open(path).recipe_file.read_text(encoding="utf-8") == "title: é\n"
        assert run.events() == []
        assert run.events_length() == 0


def test_a_run_that_is_there_stays_untouched(run: RunFolder) -> None:
    with pytest.raises(RunError) as refused:
        RunFolder.create(run.path, "title: other\n")
    assert "is already there and not empty. Resume it with `pixelwise train --resume" in str(refused.value)
    assert run.recipe_file.read_text() == "title: T\n"


def test_something_else_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("mine")
    with pytest.raises(RunError) as refused:
        RunFolder.check_free(tmp_path / "thesis")
    assert "is already there and not empty. Choose another folder with --out." in str(refused.value)
    with pytest.raises(RunError, match=r"is already there and not a folder\. Choose another"):
        RunFolder.create(tmp_path / "thesis" / "chapter.txt", "")
    with pytest.raises(RunError, match=r"cannot be made: .*chapter\.txt is not a folder"):
        RunFolder.create(tmp_path / "thesis" / "chapter.txt" / "run", "")
    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "mine"
    assert names(tmp_path / "thesis") == {"chapter.txt"}


def test_a_read_only_folder_is_refused_before_anything_is_made(unprivileged: Path) -> None:
    (unprivileged / "shelf").mkdir()
    (unprivileged / "shelf").chmod(0o555)
    for path in (unprivileged / "shelf" / "run", unprivileged / "shelf" / "deeper" / "run", unprivileged / "shelf"):
        with pytest.raises(RunError, match=r"cannot be made: .*shelf is read-only\. Choose another folder"):
            RunFolder.check_free(path)
    (unprivileged / "locked").mkdir()
    (unprivileged / "locked").chmod(0)
    with pytest.raises(RunError, match="cannot be looked into: Permission denied"):
        RunFolder.check_free(unprivileged / "locked")
    assert names(unprivileged / "shelf") == set()


def test_a_disk_that_is_full_leaves_nothing_half_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: str) -> None:
        raise RunError("could not be written: No space left on device.", where=str(path))

    monkeypatch.setattr(folder_module, "write_text", full)
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "run", tmp_path / "empty"):
        with pytest.raises(RunError, match="No space left"):
            RunFolder.create(path, "title: T\n")
    assert names(tmp_path) == {"empty"}
    assert names(tmp_path / "empty") == set()


def test_of_two_who_make_one_run_at_once_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with RunFolder(tmp_path / "run").beginning("title: first\n"), monkeypatch.context() as patch:
        patch.setattr(
            RunFolder, "check_free", staticmethod(lambda path: None)
        )  # both have looked before either made it
        with pytest.raises(RunError, match="another process is writing to this run"):
            RunFolder.create(tmp_path / "run", "title: second\n")
    with pytest.raises(RunError, match="is already there and not empty"):
        RunFolder.create(tmp_path / "run", "title: third\n")
    assert RunFolder.open(tmp_path / "run").recipe_file.read_text() == "title: first\n"


def test_opening_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"this run folder does not exist\. Runs are written under runs/"):
        RunFolder.open(tmp_path / "gone")
    with pytest.raises(RunError, match=r"is not a run folder: it has no recipe\.yaml"):
        RunFolder.open(tmp_path)


# -- one writer ------------------------------------------------------------------------------------------------------

SECOND = """
import sys
from pathlib import Path
from pixelwise.errors import RunError
from pixelwise.run.folder import RunFolder
try:
    with RunFolder.open(Path(sys.argv[1])).writing():
        print("writing")
except RunError as error:
    print(error)
"""


def second_writer(run: RunFolder) -> str:
    done = subprocess.run([sys.executable, "-c", SECOND, str(run.path)], capture_output=True, text=True, check=True)
    return done.stdout


def test_a_second_process_may_not_write(run: RunFolder) -> None:
    with run.writing():
        assert "another process is writing to this run. Wait for it, stop it" in second_writer(run)
    assert second_writer(run) == "writing\n"


def test_the_lock_of_a_killed_process_is_free(run: RunFolder) -> None:
    killed = SECOND.replace('print("writing")', "import os; os.kill(os.getpid(), 9)")
    assert subprocess.run([sys.executable, "-c", killed, str(run.path)], check=False).returncode == -9
    assert second_writer(run) == "writing\n"


def test_a_run_that_cannot_be_locked(run: RunFolder) -> None:
    run.lock_file.unlink()
    run.lock_file.mkdir()
    with pytest.raises(RunError, match="is a folder; only plain files"), run.writing():
        pass


# -- records and events ----------------------------------------------------------------------------------------------


def test_records(run: RunFolder) -> None:
    run.write("setup", {"é": [1, 0.1, None, True]})
    assert run.has("setup")
    assert run.read("setup") == {"é": [1, 0.1, None, True]}
    with pytest.raises(RunError, match=r"summary\.json: this file does not exist"):
        run.read("summary")
    for damaged in (b'{"a": 1', b"", b"\xff", b"[" * 100_000):
        (run.path / "setup.json").write_bytes(damaged)
        with pytest.raises(
            RunError, match=r"setup\.json: is (not a readable JSON file|not UTF-8 text|nested more than 40)"
        ):
            run.read("setup")
    with pytest.raises(ValueError, match="not JSON compliant"):
        run.write("setup", float("nan"))
    assert (run.path / "setup.json").read_bytes() == damaged, "what cannot be written changes nothing"
    assert names(run.path) == {".lock", "recipe.yaml", "setup.json"}


def step(number: int) -> StepDone:
    return StepDone(number, 0, {"loss": 0.1 * number, "aux": None}, 1e-3)


def test_events_come_back_in_order_and_by_kind(run: RunFolder) -> None:
    text = 'a "quoted"\nline\u2028and\r another – é'
    for event in (step(1), Noted(text), step(2)):
        run.append(event)
    assert [event["event"] for event in run.events()] == ["step", "note", "step"]
    assert run.events("note") == [{"event": "note", "text": text}]
    assert run.events("step")[1] == {
        "event": "step",
        "step": 2,
        "epoch": 0,
        "losses": {"loss": 0.2, "aux": None},
        "learning_rate": 1e-3,
    }


def test_a_cut_at_every_byte_loses_only_the_last_line(run: RunFolder) -> None:
    for number in range(1, 4):
        run.append(step(number))
    whole = run.events_file.read_bytes()
    ends = [index + 1 for index, byte in enumerate(whole) if byte == ord("\n")]
    for length in range(len(whole) + 1):
        run.events_file.write_bytes(whole[:length])
        assert len(run.events()) == sum(end <= length for end in ends)


def test_events_are_forgotten_from_a_length_on_and_written_again(run: RunFolder) -> None:
    run.append(step(1))
    length = run.events_length()
    whole = run.events_file.read_bytes()
    run.append(step(2))
    with open(run.events_file, "ab") as file:
        file.write(b'{"event": "st')  # a kill in the middle of a line
    run.cut_events(length)
    assert run.events_file.read_bytes() == whole
    run.append(step(2))
    assert [event["step"] for event in run.events()] == [1, 2]
    run.cut_events(0)
    assert run.events() == []


def test_events_that_are_fewer_than_the_checkpoint_says_are_refused(run: RunFolder) -> None:
    with pytest.raises(RunError, match=r"events\.jsonl: is missing, but the checkpoint says"):
        run.cut_events(10)
    run.cut_events(0)
    run.append(step(1))
    whole = run.events_file.read_bytes()
    with pytest.raises(
        RunError, match=f"has {len(whole)} bytes; when the checkpoint was written it had {len(whole) + 1}"
    ):
        run.cut_events(len(whole) + 1)
    assert run.events_file.read_bytes() == whole


@pytest.mark.parametrize("line", [b"{half", b"", b"3", b'{"no": "event"}', b"\xff"])
def test_a_damaged_line_in_the_middle_is_named(line: bytes, run: RunFolder) -> None:
    good = json.dumps({"event": "note", "text": "x"}).encode()
    run.events_file.write_bytes(good + b"\n" + line + b"\n" + good + b"\n")
    with pytest.raises(RunError, match=r"events\.jsonl, line 2: is not (an event|a readable JSON file|UTF-8 text)"):
        run.events()


def test_events_that_cannot_be_written(run: RunFolder) -> None:
    run.events_file.mkdir()
    for call in (lambda: run.append(step(1)), run.events_length, run.events):
        with pytest.raises(RunError, match="is a folder; only plain files and folders are read and written here"):
            call()
