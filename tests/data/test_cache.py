import errno
import json
import multiprocessing
import os
import pickle
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image as Pillow

from pixelwise.data.base import Dataset
from pixelwise.data.cache import building, open_split
from pixelwise.data.checks import check_cache
from pixelwise.data.counts import class_counts
from pixelwise.data.folder import Folder
from pixelwise.data.scenes import scenes
from pixelwise.errors import DataError
from pixelwise.imaging.resize import resize_image, resize_mask
from pixelwise.rle import RLE
from pixelwise.types import DatasetInfo, Object, Sample


def entries(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.rglob("about.json"))


def leftovers(folder: Path) -> list[Path]:
    return list(folder.rglob("*.part")) if folder.exists() else []


def test_a_split_is_what_was_read_and_resized(tmp_path):
    data = scenes(tmp_path, size=32, train=5, void_rim=1)
    calls = []
    split = open_split(data, "train", (20, 24), folder=tmp_path / "cache", progress=lambda *a: calls.append(a))
    assert calls == [(done, 5) for done in range(1, 6)]
    assert (len(split), split.size, split.split, split.skipped) == (5, (20, 24), "train", ())
    assert split.names == data.names("train")
    for index in range(5):
        got, want = split[index], data.read("train", index)
        assert got.name == want.name
        assert got.label == want.label
        assert np.array_equal(got.image, resize_image(want.image, (20, 24)))
        assert np.array_equal(got.mask, resize_mask(want.mask, (20, 24)))
        resized = [resize_mask(one.mask.mask(), (20, 24)) for one in want.objects]
        assert len(got.objects) == sum(mask.any() for mask in resized)
        for one, mask in zip(got.objects, [mask for mask in resized if mask.any()], strict=True):
            assert np.array_equal(one.mask.mask(), mask)
            assert one.box == one.mask.box
        for array in (got.image, got.mask):
            assert type(array) is np.ndarray
            assert not array.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        split[0].image[0, 0, 0] = 1
    assert split.images.shape == (5, 20, 24, 3)
    assert split.masks.dtype == np.uint8


@pytest.mark.parametrize(
    ("size", "key"),
    [
        (None, "7c0e857039c01a99677751f2289da8c7bf51e7f7473159abde350c65b53b68e1"),
        ((20, 24), "28a0c8a091f585ba715f027e74671e2b339718b0f0fe410f5d0cf30c1456f770"),
    ],
)
def test_scenes_have_the_key_they_had_in_version_0_1(tmp_path, size, key):
    assert open_split(scenes(tmp_path, size=32, train=5, void_rim=1), "train", size, folder=tmp_path).key == key


class WithObjects(Dataset):
    """One black picture of 4×6 (width × height) with the given objects."""

    def __init__(self, *objects):
        self.objects = objects
        self.info = DatasetInfo("objects", ("a", "b"), ((0, 0, 0), (9, 9, 9)), frozenset({"objects"}))

    splits = lambda self: ("train",)  # noqa: E731
    names = lambda self, split: ("s", "empty")  # noqa: E731
    sources = lambda self, split, index: ()  # noqa: E731
    settings = lambda self: {"objects": [str(one) for one in self.objects]}  # noqa: E731

    def read(self, split, index):
        return Sample("s", np.zeros((6, 4, 3), np.uint8), objects=() if index else self.objects)


def test_objects_come_back_as_they_were_and_decide_the_key(tmp_path):
    planes = np.zeros((2, 6, 4), bool)
    planes[0, 1:5, :3], planes[1, 2:, 2:] = True, True  # they overlap
    first, second = (Object.of(label, RLE.of(plane)) for label, plane in enumerate(planes))
    crowd, boxed = Object.of(0, second.mask, crowd=True), Object(1, None, (0.5, 1, 3.25, 6), 0.25)
    keys = set()
    for objects in [(), (first,), (first, second), (second, first), (crowd,), (second,), (first, second, boxed)]:
        split = open_split(WithObjects(*objects), "train", None, folder=tmp_path)
        keys.add(split.key)
        assert [len(sample.objects) for sample in split] == [len(objects), 0]
        for one, want in zip(split[0].objects, objects, strict=True):
            assert (one.label, one.box, one.score, one.crowd) == (want.label, want.box, want.score, want.crowd)
            assert (one.mask is None) == (want.mask is None)
            assert one.mask is None or np.array_equal(one.mask.counts, want.mask.counts)
        split.release()
    assert len(keys) == 7
    (half,) = open_split(WithObjects(boxed), "train", (3, 8), folder=tmp_path)[0].objects
    assert half.box == (1, 0.5, 6.5, 3)
    with pytest.raises(DataError, match="has an object of class 2; allowed are 0 to 1"):
        open_split(WithObjects(Object(2, None, boxed.box)), "train", None, folder=tmp_path)


def test_the_second_opening_decodes_nothing(pictures, tmp_path, monkeypatch):
    data = pictures.open()
    first = open_split(data, "train", (6, 6), folder=tmp_path / "cache")
    monkeypatch.setattr(type(data), "read", lambda *a: pytest.fail("decoded again"))
    again = open_split(data, "train", (6, 6), folder=tmp_path / "cache", progress=lambda *a: pytest.fail("built"))
    assert again.key == first.key
    assert np.array_equal(again.images, first.images)


def test_the_key_is_of_the_content(pictures, tmp_path):
    data = pictures.open()
    keys = {
        open_split(data, split, size, folder=tmp_path / "c").key for split in data.splits() for size in (None, (6, 6))
    }
    assert len(keys) == 4
    first = open_split(data, "train", (6, 6), folder=tmp_path / "c")
    for file in pictures.path.rglob("*.png"):
        os.utime(file, (1, 1))  # another time, the same pixels
    moved = pictures.path.rename(
        tmp_path / "elsewhere" if (tmp_path / "elsewhere").mkdir() else tmp_path / "elsewhere/zoo"
    )
    second = open_split(Folder(moved), "train", (6, 6), folder=tmp_path / "c")
    assert second.entry != first.entry
    assert second.key == first.key


@pytest.mark.parametrize("change", ["picture", "mask", "time", "classes"])
def test_a_changed_source_rebuilds_and_the_old_entry_goes(pictures, tmp_path, change):
    first = open_split(pictures.open(), "train", (6, 6), folder=tmp_path / "c")
    other = open_split(pictures.open(), "val", (6, 6), folder=tmp_path / "c")
    old = np.array(first.images)
    if change == "picture":
        Pillow.new("RGB", (10, 8), (1, 2, 3)).save(pictures.path / "train/images/p1.png")
    elif change == "mask":
        pictures.mask(pictures.path / "train/masks/p1.png", (2, 2, 1))
    elif change == "time":
        os.utime(pictures.path / "train/images/p1.png", ns=(5, 5))
    else:
        pictures.classes("ground", "cat", "hound")
    second = open_split(pictures.open(), "train", (6, 6), folder=tmp_path / "c")
    assert second.entry != first.entry
    assert (second.key == first.key) == (change == "time")
    if change != "classes":  # other classes are another data set to the cache
        assert entries(tmp_path / "c") == sorted([second.entry, other.entry])
    assert np.array_equal(first.images, old)  # whoever has it open keeps it
    if change == "picture":
        assert (second[1].image == (1, 2, 3)).all()


def test_own_size_needs_equal_sizes(pictures, tmp_path):
    assert open_split(pictures.open(), "train", None, folder=tmp_path / "c").size == (8, 10)
    pictures.add("wide", split="train", size=(8, 11))
    with pytest.raises(
        DataError, match=r"wide\.png: is 11×8, the pictures before it 10×8 \(width × height\)\. Pictures of diff"
    ):
        open_split(pictures.open(), "train", None, folder=tmp_path / "c")
    assert len(open_split(pictures.open(), "train", (8, 8), folder=tmp_path / "c")) == 5


# -- bad input -------------------------------------------------------------------------------------------------------


def spoil(pictures) -> None:
    pictures.truncate("train/images/p1.png")
    pictures.mask(pictures.path / "train/masks/p2.png", (0, 1, 9, 7))
    pictures.mask(pictures.path / "train/masks/p3.png", (0, 1), size=(8, 12))
    pictures.add("p4", split="train")


def test_all_faults_are_told_at_once(pictures, tmp_path):
    data = pictures.open()
    before = open_split(data, "train", (6, 6), folder=tmp_path / "c").entry
    spoil(pictures)
    with pytest.raises(DataError) as caught:
        open_split(pictures.open(), "train", (6, 6), folder=tmp_path / "c")
    truncated, strange, sizes = caught.value.problems
    assert truncated.where.endswith("train/images/p1.png")
    assert truncated.what.startswith("is damaged or cut short")
    assert "data.on_corrupt: skip" in truncated.hint
    assert strange.where.endswith("train/masks/p2.png")
    assert strange.what == "its mask has the values 7, 9; allowed are 0 to 2."
    assert sizes.where.endswith("train/masks/p3.png")
    assert sizes.what == "the mask is 12×8, its picture 10×8 (width × height)"
    assert entries(tmp_path / "c") == [before]
    assert not leftovers(tmp_path / "c")


def test_faulty_samples_can_be_passed_over(pictures, tmp_path):
    pictures.add("p4", split="train")
    spoil(pictures)
    for _ in range(2):  # built, then from the cache
        split = open_split(pictures.open(), "train", (6, 6), folder=tmp_path / "c", on_corrupt="skip")
        assert split.names == ("p0", "p4")
        assert [problem.what[:12] for problem in split.skipped] == ["is damaged o", "its mask has", "the mask is "]
        assert len(split.images) == len(split.masks) == 2
    Pillow.new("RGB", (10, 8)).save(pictures.path / "train/images/p1.png")
    assert len(open_split(pictures.open(), "train", (6, 6), folder=tmp_path / "c", on_corrupt="skip")) == 3


def test_a_missing_file_is_named(pictures, tmp_path):
    data = pictures.open()
    (pictures.path / "train/masks/p0.png").unlink()
    with pytest.raises(DataError, match=r"train/masks/p0\.png: there is no such file"):
        open_split(data, "train", (6, 6), folder=tmp_path / "c")


def test_nothing_left_is_refused_even_when_skipping(pictures, tmp_path):
    for index in range(2):
        pictures.truncate(f"val/images/p{index}.png")
    with pytest.raises(DataError, match="damaged or cut short"):
        open_split(pictures.open(), "val", (6, 6), folder=tmp_path / "c", on_corrupt="skip")


def test_an_empty_split_is_refused(pictures, tmp_path):
    for kind in ("images", "masks"):
        for file in (pictures.path / "val" / kind).iterdir():
            file.rename(pictures.path / "train" / kind / f"v{file.name}")
    (pictures.path / "splits").mkdir()
    pictures.path.joinpath("train").rename(pictures.path / "all")
    (pictures.path / "splits/train.txt").write_text("p0\n")
    (pictures.path / "splits/val.txt").write_text("\n")
    data = pictures.open(images="all/images", masks="all/masks")
    with pytest.raises(DataError, match="zoo: the split 'val' is empty"):
        open_split(data, "val", (6, 6), folder=tmp_path / "c")
    with pytest.raises(DataError, match=r"zoo: there is no split 'tain'; it has train, val\. Did you mean 'train'\?"):
        open_split(data, "tain", (6, 6), folder=tmp_path / "c")


def test_many_faults_are_cut_with_their_number(tmp_path, pictures):
    for index in range(30):
        pictures.add(f"q{index:02d}", split="val", values=(77,))
    with pytest.raises(DataError) as caught:
        open_split(pictures.open(), "val", (6, 6), folder=tmp_path / "c")
    assert len(caught.value.problems) == 21
    assert "and 10 more faults in the split 'val'. `pixelwise data check` lists them all." in str(caught.value)


def test_void_that_was_not_declared_has_a_hint(pictures, tmp_path):
    pictures.mask(pictures.path / "val/masks/p0.png", (0, 255))  # without an object, 255 may be the object
    with pytest.raises(DataError, match=r"value 255; allowed are 0 to 2\. `pixelwise data check` looks at all masks"):
        open_split(pictures.open(), "val", (6, 6), folder=tmp_path / "c")
    pictures.mask(pictures.path / "val/masks/p0.png", (0, 1, 255))
    with pytest.raises(
        DataError, match=r"masks/p0\.png: its mask has the value 255; allowed are 0 to 2\..*set void: 255"
    ):
        open_split(pictures.open(), "val", (6, 6), folder=tmp_path / "c")
    assert open_split(pictures.open(void=255), "val", (6, 6), folder=tmp_path / "c")[0].mask.max() == 255
    pictures.mask(pictures.path / "val/masks/p0.png", (0, 254))
    with pytest.raises(DataError, match=r"the value 254; allowed are 0 to 2, and 255 for void"):
        open_split(pictures.open(void=255), "val", (6, 6), folder=tmp_path / "c")


def test_a_full_disk_while_building(pictures, tmp_path, monkeypatch):
    data = pictures.open()
    kept = open_split(data, "val", (6, 6), folder=tmp_path / "c").entry
    monkeypatch.setattr(building.shutil, "disk_usage", lambda path: SimpleNamespace(free=1))
    with pytest.raises(DataError) as caught:
        open_split(data, "train", (600, 600), folder=tmp_path / "c", on_corrupt="skip")
    assert "the cache of 'zoo' could not be written here: 5 MiB are needed and 0 MiB are free." in str(caught.value)
    assert "Make room, or choose another folder for the cache" in str(caught.value)
    monkeypatch.undo()

    def full(self, row):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(building._Column, "append", full)
    with pytest.raises(DataError, match=r"could not be written here: No space left on device\. Make room"):
        open_split(data, "train", (6, 6), folder=tmp_path / "c", on_corrupt="skip")
    assert entries(tmp_path / "c") == [kept]
    assert not leftovers(tmp_path / "c")


def _limited(data: Dataset, folder: Path, answer) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
    try:
        open_split(data, "train", (100, 100), folder=folder)
    except DataError as error:
        answer.send(str(error))


def test_a_real_limit_of_the_disk(pictures, tmp_path):
    """The kernel itself refuses to write on after 40,000 bytes: an error, not a signal that ends the process."""
    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=_limited, args=(pictures.open(), tmp_path / "c", there))
    child.start()
    assert here.poll(20)
    assert "could not be written here: File too large. Make room" in here.recv()
    child.join()
    assert child.exitcode == 0
    assert not entries(tmp_path / "c")
    assert not leftovers(tmp_path / "c")


def test_a_folder_that_cannot_be_written(pictures, tmp_path):
    (tmp_path / "c").write_text("a file")
    with pytest.raises(
        DataError, match=r"c/zoo/train-6x6-\w+: the cache of 'zoo' could not be written here: Not a dir"
    ):
        open_split(pictures.open(), "train", (6, 6), folder=tmp_path / "c")
    assert (tmp_path / "c").read_text() == "a file"


def test_a_read_only_disk(pictures, tmp_path, monkeypatch):
    data = pictures.open()
    kept = open_split(data, "val", (6, 6), folder=tmp_path / "c")

    def read_only(*a, **k):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "mkdir", read_only)
    with pytest.raises(
        DataError, match=r"could not be written here: Read-only file system\. Make room, or choose another"
    ):
        open_split(data, "train", (6, 6), folder=tmp_path / "c")
    assert open_split(data, "val", (6, 6), folder=tmp_path / "c").key == kept.key  # what is there can be read


@pytest.mark.parametrize("damage", ["images.npy", "masks.npy", "about.json"])
def test_a_damaged_entry_is_built_again(pictures, tmp_path, damage):
    first = open_split(pictures.open(), "train", (6, 6), folder=tmp_path / "c")
    file = first.entry / damage
    file.write_bytes(file.read_bytes()[:-40])
    again = open_split(pictures.open(), "train", (6, 6), folder=tmp_path / "c")
    assert again.key == first.key
    file.unlink()
    assert open_split(pictures.open(), "train", (6, 6), folder=tmp_path / "c").key == first.key


# -- several processes -----------------------------------------------------------------------------------------------


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


# -- kinds of masks, counts ------------------------------------------------------------------------------------------


class Given(Dataset):
    """A data set of one sample that is handed over."""

    def __init__(self, sample: Sample, info: DatasetInfo) -> None:
        self.sample, self.info = sample, info

    def splits(self):
        return ("train",)

    def names(self, split):
        return (self.sample.name,)

    def read(self, split, index):
        return self.sample

    def sources(self, split, index):
        return ()

    def settings(self):
        return {}


def given(mask=None, label=None, classes=3, void=None, knows=("mask",)) -> Given:
    names = tuple(f"c{index}" for index in range(classes))
    info = DatasetInfo("given", names, ((0, 0, 0),) * classes, frozenset(knows), void)
    return Given(Sample("s", np.zeros((2, 3, 3), np.uint8), mask, None, label), info)


def test_masks_of_many_classes_are_kept_in_sixteen_bits(tmp_path):
    mask = np.array([[0, 299, 65535], [1, 2, 3]], np.uint16)
    split = open_split(given(mask, classes=300, void=65535), "train", None, folder=tmp_path)
    assert np.array_equal(split[0].mask, mask)
    counts = class_counts(split)
    assert counts.shape == (300,)
    assert counts.sum() == 5
    assert counts[299] == 1


def test_labels_without_masks(tmp_path):
    split = open_split(given(label=2, knows=("label",)), "train", None, folder=tmp_path)
    assert (split[0].label, split[0].mask, split.masks) == (2, None, None)
    with pytest.raises(DataError, match="given: the split 'train' has no masks to count"):
        class_counts(split)


def test_samples_keep_their_promises(tmp_path):
    with pytest.raises(DataError, match="s: has no mask, which every sample of 'given' should have"):
        open_split(given(), "train", None, folder=tmp_path)
    with pytest.raises(DataError, match="s: has the label 3; allowed are 0 to 2"):
        open_split(given(label=3, knows=("label",)), "train", None, folder=tmp_path)


def test_counts_are_exact_and_leave_void_out(tmp_path):
    data = scenes(tmp_path, size=32, train=7, void_rim=2)
    split = open_split(data, "train", None, folder=tmp_path)
    expected = np.zeros(7, np.int64)
    for index in range(7):
        for value in data.read("train", index).mask.ravel():
            if value != 255:
                expected[value] += 1
    assert np.array_equal(class_counts(split), expected)


def test_about_is_plain_json(tmp_path):
    split = open_split(scenes(tmp_path, size=32, train=2), "train", None, folder=tmp_path)
    about = json.loads((split.entry / "about.json").read_text())
    assert about["arrays"].pop("objects").startswith("[('label', '<i8')")
    assert about["arrays"] == {"images": "uint8", "masks": "uint8", "labels": "int64"} | {
        "runs": "uint32",
        "object_ends": "int64",
    }
    assert len(about["key"]) == 64


def test_a_cache_that_cannot_be_written_is_read_and_another_one_built(pictures, tmp_path):
    there = open_split(pictures.open(), "train", (6, 6), folder=tmp_path / "shared")
    again = open_split(pictures.open(), "train", (6, 6), folder=tmp_path / "own", also=tmp_path / "shared")
    assert again.entry == there.entry
    other = open_split(pictures.open(), "val", (6, 6), folder=tmp_path / "own", also=tmp_path / "shared")
    assert other.entry.is_relative_to(tmp_path / "own")
    (tmp_path / "file").write_text("no folder")
    open_split(pictures.open(), "val", (6, 6), folder=tmp_path / "own", also=tmp_path / "file")
    assert not list((tmp_path / "shared").rglob("val*"))


def test_what_the_pixel_limit_skipped_is_read_with_a_higher_one(pictures, tmp_path, monkeypatch):
    pictures.add("large", split="train")
    Pillow.new("RGB", (30, 30)).save(pictures.path / "train/images/large.png")
    Pillow.new("L", (30, 30)).save(pictures.path / "train/masks/large.png")
    monkeypatch.setenv("PIXELWISE_MAX_PIXELS", "100")
    few = open_split(pictures.open(), "train", (6, 6), folder=tmp_path / "c", on_corrupt="skip")
    monkeypatch.setenv("PIXELWISE_MAX_PIXELS", "1000")
    assert len(open_split(pictures.open(), "train", (6, 6), folder=tmp_path / "c", on_corrupt="skip")) == len(few) + 1
