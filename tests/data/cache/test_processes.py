"""Several processes at one cache."""

import json
import multiprocessing
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from cache_entries import entries, leftovers
from pixelwise.data.cache import building, open_split
from pixelwise.data.checks import check_cache
from pixelwise.data.scenes import scenes


def _build(folder: Path, barrier, answers) -> None:
    data = scenes(folder, size=32, train=40)
    barrier.wait()
    split = open_split(data, "train", (16, 16), folder=folder)
    answers.put((split.key, int(split.images.sum(dtype=np.int64)), str(split.entry)))


def test_processes_that_build_at_once(tmp_path):
    context = multiprocessing.get_context("fork")
    barrier, answers = context.Barrier(4), context.Queue()
    children = [context.Process(target=_build, args=(tmp_path, barrier, answers)) for _ in range(4)]
    for child in children:
        child.start()
    results = {answers.get(timeout=30) for _ in children}
    for child in children:
        child.join()
        assert child.exitcode == 0
    assert len(results) == 1
    assert len(entries(tmp_path)) == 1
    assert not leftovers(tmp_path)
    assert not list(tmp_path.rglob(".*.lock"))


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_builds_is_not(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from pixelwise.data.scenes import scenes\n"
        "from pixelwise.data.cache import open_split\n"
        "def wait(done, total):\n    print(done, flush=True)\n    time.sleep(60 if done == 3 else 0)\n"
        "open_split(scenes(Path('x'), size=32, train=6), 'train', None, folder=Path(sys.argv[1]), progress=wait)"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    while child.stdout.readline().strip() != b"3":
        time.sleep(0.01)
    assert len(leftovers(tmp_path)) == 1
    data = scenes(tmp_path, size=32, train=6)
    first = open_split(data, "train", None, folder=tmp_path)
    assert len(leftovers(tmp_path)) == 1  # of the living process
    child.kill()
    child.wait()
    child.stdout.close()
    (first.entry / "about.json").unlink()
    assert open_split(data, "train", None, folder=tmp_path).key == first.key
    assert not leftovers(tmp_path)
    assert not list(tmp_path.rglob(".*.lock"))


def flip_a_byte(entry: Path, name: str = "images.npy") -> None:
    with open(entry / name, "r+b") as file:
        file.seek(-9, os.SEEK_END)
        byte = file.read(1)
        file.seek(-9, os.SEEK_END)
        file.write(bytes([byte[0] ^ 16]))


def test_damaged_bytes_are_found_and_built_again(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(building, "BLOCK", 100)
    monkeypatch.setattr("pixelwise.data.cache.BLOCK", 100)
    sound = open_split(pictures.open(), "train", (6, 6), folder=tmp_path / "c")
    assert sound.damaged() == ()
    assert open_split(pictures.open(), "train", (6, 6), folder=tmp_path / "c", verify=True).entry == sound.entry
    images = sound.images.copy()
    for name in ("images.npy", "masks.npy"):
        flip_a_byte(sound.entry, name)
        damaged = open_split(pictures.open(), "train", (6, 6), folder=tmp_path / "c")
        assert damaged.damaged() == (name,)
        found = check_cache(pictures.open(), tmp_path / "c")
        assert [(one.severity, one.files) for one in found] == [("fatal", (str(sound.entry / name),))]
        mended = open_split(pictures.open(), "train", (6, 6), folder=tmp_path / "c", verify=True)
        assert (mended.key, mended.damaged()) == (sound.key, ())
        assert np.array_equal(mended.images, images)
    assert check_cache(pictures.open(), tmp_path / "c") == []


def test_an_entry_of_version_0_1_opens_and_is_built_again_where_it_has_to_be_verified(pictures, tmp_path):
    entry = open_split(pictures.open(), "train", (6, 6), folder=tmp_path / "c").entry
    about = json.loads((entry / "about.json").read_text())
    del about["checksums"]
    (entry / "about.json").write_text(json.dumps(about))
    old = open_split(pictures.open(), "train", (6, 6), folder=tmp_path / "c")
    assert old.key == about["key"]
    assert check_cache(pictures.open(), tmp_path / "c") == []
    new = open_split(pictures.open(), "train", (6, 6), folder=tmp_path / "c", verify=True)
    assert (new.key, new.damaged()) == (old.key, ())


def test_a_split_goes_to_another_process_as_a_path(pictures, tmp_path):
    split = open_split(pictures.open(), "train", (6, 6), folder=tmp_path / "c")
    content = pickle.dumps(split)
    assert len(content) < 3000
    other = pickle.loads(content)  # noqa: S301 - what a DataLoader does to reach its workers
    assert np.array_equal(other.images, split.images)
    assert other.names == split.names
