"""Pictures with a class each, by folders and by tables, and pictures alone."""

from pathlib import Path

import numpy as np
import pytest

from pixelwise.data import DATASETS
from pixelwise.data.single.table import Row, read_table
from pixelwise.errors import DataError
from pixelwise.imaging.files import write_image


def draw(folder: Path, *names: str) -> None:
    """Pictures of noise, no two alike."""
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng([*name.encode()]).integers(0, 256, (2, 2, 3), np.uint8)
        write_image(file, noise.repeat(8, axis=0).repeat(8, axis=1))


def told(root: Path, name: str = "labelled", **options: object) -> dict[str, list[tuple[str, int | None]]]:
    """Split → (name, label) of its samples."""
    dataset = DATASETS.build(name, root, path="pets", **options)
    splits = {s: [dataset.read(s, i) for i in range(len(dataset.names(s)))] for s in dataset.splits()}
    return {split: [(sample.name, sample.label) for sample in samples] for split, samples in splits.items()}


def test_pictures_are_read_as_the_options_say(tmp_path: Path) -> None:
    """Five channels, and pictures that are copies in them stay on one side."""
    tifffile = pytest.importorskip("tifffile")
    for kind in ("cat", "dog"):
        (tmp_path / "pets" / kind).mkdir(parents=True)
        for number in range(5):
            noise = np.random.default_rng([*kind.encode(), number // 2]).integers(0, 256, (2, 2, 5), np.uint8)
            values = noise.repeat(8, axis=0).repeat(8, axis=1)
            tifffile.imwrite(tmp_path / f"pets/{kind}/{number}.tif", values, planarconfig="contig", photometric=1)
    plain = DATASETS.build("labelled", tmp_path, path="pets")
    assert not {"stretch", "alpha", "channels"} & set(plain.settings())
    data = DATASETS.build("labelled", tmp_path, path="pets", channels=5, val=0.4)
    assert (data.info.channels, data.settings()["channels"]) == (5, 5)
    assert data.read("train", 0).image.shape == (16, 16, 5)
    split = {name: where for where in data.splits() for name in data.names(where)}
    assert all(split[f"{kind}/0"] == split[f"{kind}/1"] for kind in ("cat", "dog"))
    with pytest.raises(DataError, match="Set channels: 5 to give all to the model"):
        plain.read("train", 0)


def test_a_folder_a_class_is_divided_evenly_over_classes(tmp_path: Path) -> None:
    draw(tmp_path / "pets", *(f"{kind}/{i}.png" for kind in ("dog", "cat", "10", "9") for i in range(5)), "loose.png")
    dataset = DATASETS.build("labelled", tmp_path, path="pets")
    assert dataset.info.classes == ("9", "10", "cat", "dog")  # numbers by their value
    assert np.bincount(dataset.labels("val")).tolist() == [1, 1, 1, 1]
    assert np.bincount(dataset.labels("train")).tolist() == [4, 4, 4, 4] == list(dataset.info.frequencies)
    assert [notice.what for notice in dataset.notices()] == [
        "1 picture is in no folder of a class and left out: loose."
    ]
    assert all(name.partition("/")[0] == dataset.info.classes[label] for name, label in told(tmp_path)["val"])


def test_folders_of_splits_are_taken_and_a_missing_val_is_drawn(tmp_path: Path) -> None:
    names = [f"{split}/{kind}/{i}.png" for split in ("train", "valid", "test") for kind in "ab" for i in range(3)]
    draw(tmp_path / "pets", *names)
    assert {split: len(ones) for split, ones in told(tmp_path).items()} == {"train": 6, "val": 6, "test": 6}
    for kind in "ab":
        for i in range(3):
            (tmp_path / f"pets/valid/{kind}/{i}.png").unlink()
    assert {split: len(ones) for split, ones in told(tmp_path).items()} == {"train": 4, "val": 2, "test": 6}


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("image,label\na.png,cat\nb.png,dog\n", [Row("a.png", "cat"), Row("b.png", "dog")]),
        ("a.png\tcat\nb.png\tdog", [Row("a.png", "cat"), Row("b.png", "dog")]),
        ("\ufefflabel;filename;set\ncat;a.png;valid\n", [Row("a.png", "cat", "val")]),
        ("filename, cat, dog\na.png, 1, 0\nb.png, 0, 1\n", [Row("a.png", "cat"), Row("b.png", "dog")]),
        ("id,breed,age\n7,pug,3\n", [Row("7", "pug")]),
    ],
)
def test_tables(tmp_path: Path, text: str, rows: list[Row]) -> None:
    (tmp_path / "labels.csv").write_text(text, encoding="utf-8")
    assert list(read_table(tmp_path / "labels.csv")) == rows


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("a.png\n", "two columns"),
        ("image,label\na.png,\n", "line 2 has no label"),
        ("a.png,x\nb.png\n", "line 2 has 1"),
    ],
)
def test_tables_that_are_refused(tmp_path: Path, text: str, word: str) -> None:
    (tmp_path / "labels.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=word):
        read_table(tmp_path / "labels.csv")


def test_a_table_finds_its_pictures_and_names_those_that_are_missing(tmp_path: Path) -> None:
    draw(tmp_path / "pets", *(f"jpg/{i}.png" for i in range(6)))
    table = tmp_path / "pets/labels.csv"
    table.write_text("file,label\n" + "".join(f"{i},{'ab'[i % 2]}\n" for i in range(6)), encoding="utf-8")
    labels = dict(one for ones in told(tmp_path, table="labels.csv").values() for one in ones)
    assert labels == {f"jpg/{i}": i % 2 for i in range(6)}
    table.write_text("file,label\n0.png,a\n9.png,b\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"1 line names a picture that cannot be found: 9\.png"):
        told(tmp_path, table="labels.csv")


def test_pictures_alone(tmp_path: Path) -> None:
    draw(tmp_path / "pets", *(f"{i}.png" for i in range(10)))
    assert {split: len(ones) for split, ones in told(tmp_path, "pictures").items()} == {"train": 8, "val": 2}
    draw(tmp_path / "pets", "train/x.png", "val/y.png")
    assert told(tmp_path, "pictures") == {"train": [("train/x", None)], "val": [("val/y", None)]}


def test_groups_stay_together(tmp_path: Path) -> None:
    draw(tmp_path / "pets", *(f"{kind}/{kind}plant{p}_{i}.png" for kind in "ab" for p in range(5) for i in range(3)))
    val = [name for name, _ in told(tmp_path, group=r"plant\d")["val"]]
    assert val
    assert len(val) % 3 == 0
