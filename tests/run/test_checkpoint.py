"""A checkpoint is the earlier one or the new one, to the byte, whatever happens while it is written."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from pixelwise.errors import RunError
from pixelwise.run import atomic, checkpoint
from pixelwise.run.checkpoint import load_checkpoint, load_state, save_checkpoint

FIRST = {"model": {"w": np.arange(6.0).reshape(2, 3)}, "optimizer": {"0000.step": np.array(3.0, np.float32)}}
SECOND = {"model": {"w": np.ones((2, 3))}, "optimizer": {"0000.step": np.array(4.0, np.float32)}}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def first(folder: Path) -> Path:
    save_checkpoint(folder, FIRST, {"epoch": 1}, step=3)
    return folder


def holds(folder: Path, parts: dict[str, Any], state: dict[str, Any]) -> bool:
    found, found_state = load_checkpoint(folder, "model", "optimizer")
    same = all(np.array_equal(found[p][n], a) for p in parts for n, a in parts[p].items())
    return same and found_state == state


# -- arrays come back as they were -----------------------------------------------------------------------------------

dtypes = st.sampled_from(
    [np.bool_, np.uint8, np.int8, np.int16, np.int32, np.int64, np.float16, np.float32, np.float64]
)


shapes = arrays_of.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
finite = {"allow_nan": False, "allow_infinity": False}


@given(arrays_of.arrays(dtypes, shapes, elements=finite), st.booleans())
@settings(max_examples=100, deadline=None)
def test_every_array_comes_back_to_the_bit(tmp_path_factory: pytest.TempPathFactory, array: Any, turned: bool) -> None:
    folder = tmp_path_factory.mktemp("checkpoint")
    array = array.T[::-1] if turned and array.ndim else array  # not contiguous
    save_checkpoint(folder, {"model": {"a": array, "é/ü.b": array}}, {}, step=0)
    for found in load_checkpoint(folder, "model")[0]["model"].values():
        assert found.dtype == array.dtype
        assert found.shape == array.shape
        assert found.tobytes() == array.tobytes()


def test_no_arrays_at_all(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, {"model": {}}, {}, step=0)
    assert load_checkpoint(tmp_path, "model") == ({"model": {}}, {})


@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**63), 2**63 - 1),
    st.text(st.characters(exclude_categories=["Cs"])),
)
@settings(max_examples=50, deadline=None)
def test_numbers_of_the_state_survive_to_the_bit(
    tmp_path_factory: pytest.TempPathFactory, number: float, whole: int, text: str
) -> None:
    folder = tmp_path_factory.mktemp("checkpoint")
    save_checkpoint(folder, {}, {"number": number, "nested": {text: [whole, None]}}, step=0)
    state = load_state(folder)
    assert state["nested"] == {text: [whole, None]}
    assert state["number"].hex() == float(number).hex()


# -- a crash at every point ------------------------------------------------------------------------------------------


class Crash(BaseException):
    """The process ends here: nothing catches it."""


def fail_at(call: int, function: Callable[..., Any], error: BaseException) -> Callable[..., Any]:
    counted = iter(range(10_000))

    def replaced(*given: Any, **options: Any) -> Any:
        if next(counted) == call:
            raise error
        return function(*given, **options)

    return replaced


# replace, fsync of a file and of its folder: once each for two parts and the state
POINTS = [("replace", call) for call in range(3)] + [("fsync", call) for call in range(6)]


@pytest.mark.parametrize("step", [3, 4], ids=["same step", "next step"])
@pytest.mark.parametrize(("name", "call"), POINTS)
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), Crash()], ids=["full", "crash"])
def test_a_failure_at_any_point_leaves_a_whole_checkpoint(
    error: BaseException, name: str, call: int, step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = first(tmp_path / "last")
    before = contents(folder)
    with monkeypatch.context() as patch:
        patch.setattr(atomic.os, name, fail_at(call, getattr(os, name), error))
        with pytest.raises(RunError if isinstance(error, OSError) else Crash) as raised:
            save_checkpoint(folder, SECOND, {"epoch": 2}, step=step)
    if isinstance(error, OSError):
        assert "could not be written: No space left on device" in str(raised.value)
    renamed_last = (name, call) == ("fsync", 5)  # the state stands; only its folder was not flushed
    assert holds(folder, SECOND, {"epoch": 2}) if renamed_last else holds(folder, FIRST, {"epoch": 1})
    if not renamed_last:
        assert before.items() <= contents(folder).items()
    save_checkpoint(folder, SECOND, {"epoch": 2}, step=4)  # and the next one finds nothing in its way
    assert holds(folder, SECOND, {"epoch": 2})
    assert len(contents(folder)) == 3


KILLED = """
import os, sys
import numpy as np
from pathlib import Path
from pixelwise.run import atomic, checkpoint
from pixelwise.run.checkpoint import save_checkpoint
replace, left = os.replace, int(sys.argv[2])
def kill(*given):
    global left
    if left == 0:
        os.kill(os.getpid(), 9)
    left -= 1
    replace(*given)
atomic.os.replace = kill
save_checkpoint(Path(sys.argv[1]), {"model": {"w": np.ones((2, 3))}, "optimizer": {}}, {"epoch": 2}, step=4)
"""


@pytest.mark.parametrize("call", range(3))
def test_a_kill_before_any_rename_leaves_the_earlier_one_and_its_litter_is_cleared(call: int, tmp_path: Path) -> None:
    folder = first(tmp_path / "last")
    before = contents(folder)
    done = subprocess.run([sys.executable, "-c", KILLED, str(folder), str(call)], check=False)
    assert done.returncode == -9
    assert before.items() <= contents(folder).items()
    assert holds(folder, FIRST, {"epoch": 1})
    assert list(folder.glob(".*.part"))
    save_checkpoint(folder, SECOND, {"epoch": 2}, step=4)
    assert len(contents(folder)) == 3


def test_files_that_are_not_the_checkpoints_are_left_alone(tmp_path: Path) -> None:
    folder = first(tmp_path / "last")
    (folder / "notes.txt").write_text("mine")
    (folder / "mine").mkdir()
    save_checkpoint(folder, SECOND, {"epoch": 2}, step=4)
    assert (folder / "notes.txt").read_text() == "mine"
    assert (folder / "mine").is_dir()


FULL = """
import resource, sys
import numpy as np
from pathlib import Path
from pixelwise.errors import RunError
from pixelwise.run.checkpoint import save_checkpoint
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    save_checkpoint(Path(sys.argv[1]), {"model": {"w": np.ones(4000)}, "optimizer": {}}, {"epoch": 2}, step=4)
except RunError as error:
    print(error)
"""


@pytest.mark.parametrize("limit", [0, 1, 300, 20_000])
def test_a_file_that_the_system_refuses_to_write(limit: int, tmp_path: Path) -> None:
    """No mock: the kernel stops the write after `limit` bytes."""
    folder = first(tmp_path / "last")
    before = contents(folder)
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(folder), str(limit)], capture_output=True, text=True, check=True
    )
    assert "could not be written: File too large. The earlier content is unchanged." in done.stdout
    assert contents(folder) == before
    assert holds(folder, FIRST, {"epoch": 1})


@pytest.fixture
def full_disk(tmp_path: Path) -> Any:
    """A file system of 64 KiB, where this process may make one."""
    place = tmp_path / "disk"
    place.mkdir()
    try:
        mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
        made = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except OSError:
        made = False
    if not made:
        pytest.skip("no right to mount a file system")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_is_really_full(full_disk: Path) -> None:
    folder = first(full_disk / "last")
    before = contents(folder)
    with pytest.raises(RunError, match="could not be written: No space left on device"):
        save_checkpoint(folder, {"model": {"w": np.ones(20_000)}, "optimizer": {}}, {"epoch": 2}, step=4)
    assert contents(folder) == before
    assert holds(folder, FIRST, {"epoch": 1})


# -- damage is noticed -----------------------------------------------------------------------------------------------


def test_a_flipped_bit_anywhere_is_noticed(tmp_path: Path) -> None:
    folder = first(tmp_path / "last")
    for path in sorted(folder.iterdir()):
        whole = path.read_bytes()
        for place in range(0, len(whole), 7):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            if path.suffix == ".json" and _loads_as_written(folder):
                continue  # white space, or the name of the checksum: nothing that is read was changed
            with pytest.raises(RunError, match=r"state\.json|model-|optimizer-"):
                load_checkpoint(folder, "model", "optimizer")
        path.write_bytes(whole)


def _loads_as_written(folder: Path) -> bool:
    try:
        return holds(folder, FIRST, {"epoch": 1})
    except RunError:
        return False


@pytest.mark.parametrize("length", [0, 1, 10, -2])
def test_a_file_cut_short_is_named(length: int, tmp_path: Path) -> None:
    folder = first(tmp_path / "last")
    for path in sorted(folder.iterdir()):
        whole = path.read_bytes()
        path.write_bytes(whole[:length])
        with pytest.raises(RunError) as refused:
            load_checkpoint(folder, "model", "optimizer")
        assert str(refused.value).startswith(f"{path}: ")
        path.write_bytes(whole)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    folder = first(tmp_path / "last")
    (weights,) = folder.glob("model-*")
    weights.unlink()
    with pytest.raises(RunError, match=r"model-.*: is missing\. If the run's other checkpoint"):
        load_checkpoint(folder, "model")
    weights.mkdir()
    with pytest.raises(RunError, match="is a folder; only plain files"):
        load_checkpoint(folder, "model")
    assert load_checkpoint(folder, "optimizer")[1] == {"epoch": 1}


def test_no_checkpoint_another_part_another_format(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"this folder has no checkpoint\. The run may have stopped"):
        load_state(tmp_path / "none")
    folder = first(tmp_path / "last")
    with pytest.raises(
        RunError, match=r"best: this folder has no checkpoint\..* Take the last weights with --checkpoint last"
    ):
        load_state(tmp_path / "best")
    with pytest.raises(RunError, match="has no 'loss'; it has model, optimizer"):
        load_checkpoint(folder, "loss")
    record = json.loads((folder / "state.json").read_text())
    for other in ({**record, "format": 2}, [], 3, None):
        (folder / "state.json").write_text(json.dumps(other))
        with pytest.raises(RunError, match="is not a checkpoint of format 1"):
            load_state(folder)
    (folder / "state.json").write_text(json.dumps({**record, "state": {"epoch": 7}}))
    with pytest.raises(RunError, match=r"state\.json: was changed after it was written"):
        load_state(folder)


def test_a_checkpoint_that_a_training_replaces_while_it_is_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_checkpoint(tmp_path, FIRST, {"epoch": 1}, step=3)
    read = checkpoint._load_part
    calls: list[str] = []

    def replaced_before(folder: Path, part: str, files: Any) -> Any:
        calls.append(part)
        if len(calls) == 1:
            save_checkpoint(tmp_path, FIRST, {"epoch": 2}, step=6)
        return read(folder, part, files)

    monkeypatch.setattr(checkpoint, "_load_part", replaced_before)
    assert load_checkpoint(tmp_path, "model")[1] == {"epoch": 2}
    assert calls == ["model", "model"]
