"""Pictures of five channels and two shapes, in a letterbox: read, trained for two steps, drawn, predicted, evaluated."""

import json
from collections import deque
from pathlib import Path

import numpy as np
import pytest

from pixelwise.data.folder import Folder
from pixelwise.engine.train import train
from pixelwise.errors import DataError
from pixelwise.imaging.files import read_image, write_mask
from pixelwise.predict import Predictor
from pixelwise.predict.predictor import score_run
from pixelwise.recipe.load import check_recipe
from pixelwise.run.folder import RunFolder

tifffile = pytest.importorskip("tifffile")
CHANNELS = [4, 0, 1, 2, 3]


def draw(path: Path) -> list[np.ndarray]:
    """Twelve TIFFs of five channels, 16×24 and 24×16, some planar; the mask is where the last channel is bright."""
    pictures = []
    for number in range(12):
        size = (16, 24) if number % 2 else (24, 16)
        values = np.random.default_rng(number).integers(0, 256, (*size, 5), np.uint8)
        folder = path / ("train" if number < 8 else "val")
        for inside in ("images", "masks"):
            (folder / inside).mkdir(parents=True, exist_ok=True)
        planes = np.moveaxis(values, 2, 0) if number % 3 == 0 else values
        how = {"planarconfig": "separate" if number % 3 == 0 else "contig", "photometric": "minisblack"}
        tifffile.imwrite(folder / f"images/{number:02}.tif", planes, **how)
        write_mask(folder / f"masks/{number:02}.png", (values[..., 4] > 127).astype(np.uint8), [(0, 0, 0), (9, 9, 9)])
        pictures.append(values)
    return pictures


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[np.ndarray]]:
    """(run, data folder, pictures)"""
    root = tmp_path_factory.mktemp("channels")
    pictures = draw(root / "satellite")
    tree = {
        "title": "Five channels", "task": "segment",
        "data": {
            "dataset": {
                "name": "folder", "path": str(root / "satellite"), "channels": CHANNELS, "classes": ["ground", "crop"]
            },
            "size": [16, 16],
            "fit": "letterbox",
        },
        "augment": ["flip", {"name": "colour", "brightness": 0.1, "contrast": 0.1, "saturation": 0.1, "hue": 0.1}],
        "model": {"name": "unet", "width": 4, "depth": 1},
        "train": {"batch": 4, "phases": [{"epochs": 1}]},
        "hardware": {"precision": "fp32", "threads": 1},
        "gallery": 2,
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr("pixelwise.engine.finish.build_report", lambda run: None)
        deque(train(check_recipe(tree, where="the recipe"), root / "run", data=root / "data"), maxlen=0)
    return root / "run", root, pictures


def test_the_channels_are_read_in_the_order_that_is_asked_for(trained: tuple[Path, Path, list[np.ndarray]]) -> None:
    _, root, pictures = trained
    data = Folder(root / "satellite", channels=CHANNELS, classes=["ground", "crop"])
    assert data.info.channels == 5
    for index in range(8):
        assert np.array_equal(data.read("train", index).image, pictures[index][..., CHANNELS])
    assert any("5 channels; drawings show 4, 0, 1 as red, green and blue" in str(one) for one in data.notices())
    first = Folder(root / "satellite", channels=4, classes=["ground", "crop"]).read("train", 0)
    assert np.array_equal(first.image, pictures[0][..., :4])
    assert np.array_equal(first.seen, pictures[0][..., :3])


def test_what_was_trained_shows_three_channels_and_predicts_five(
    trained: tuple[Path, Path, list[np.ndarray]], tmp_path: Path
) -> None:
    run, root, pictures = trained
    setup = json.loads((run / "setup.json").read_text())
    assert setup["data"]["channels"] == 5
    assert setup["data"]["padded"] is True
    assert RunFolder.open(run).read("setup")["data"]["padded"] is True
    index = json.loads((run / "predictions/index.json").read_text())
    drawn = read_image(run / "predictions" / index["pictures"][0]["files"]["image"])
    assert drawn.shape == (16, 16, 3)
    predictor = Predictor.open(run, device="cpu")
    assert predictor.opened.task.input.channels == 5
    (found,) = predictor.predict_files([root / "satellite/val/images/08.tif"])
    assert found.image is not None
    assert np.array_equal(found.image, pictures[8][..., [4, 0, 1]])
    again = predictor.predict(np.ascontiguousarray(pictures[8][..., CHANNELS]))
    assert np.array_equal(found.prediction.indices, again.indices)
    assert again.indices.shape == (24, 16)
    with pytest.raises(DataError, match="has 3 channels; the run was trained on 5"):
        predictor.predict(np.zeros((8, 8, 3), np.uint8))


def test_own_resolution_of_a_letterbox_counts_each_pixel_of_the_masks_as_drawn(
    trained: tuple[Path, Path, list[np.ndarray]],
) -> None:
    run, root, pictures = trained
    record, _ = score_run(run, resolution="own", data=root / "data", device="cpu")
    predictor = Predictor.open(run, device="cpu")
    right = pixels = 0
    for values in pictures[8:]:
        predicted = predictor.predict(np.ascontiguousarray(values[..., CHANNELS])).indices
        right, pixels = right + int((predicted == (values[..., 4] > 127)).sum()), pixels + predicted.size
    scores = {score["name"]: score["value"] for metric in record["metrics"] for score in metric["scores"]}
    assert scores["pixel_accuracy"] == pytest.approx(right / pixels, abs=1e-9)


def test_files_with_other_channels_are_named(tmp_path: Path) -> None:
    draw(tmp_path)
    tifffile.imwrite(tmp_path / "val/images/09.tif", np.zeros((16, 24, 3), np.uint8))
    with pytest.raises(DataError, match=r"09\.tif.*has 3 channels, but channel 4 was asked for"):
        Folder(tmp_path, channels=5, classes=["ground", "crop"]).read("val", 1)


def test_pages_of_one_channel_and_a_fourth_one_of_a_png(tmp_path: Path) -> None:
    from PIL import Image as Pillow

    from pixelwise.imaging.channels import Reading

    values = np.random.default_rng(0).integers(0, 256, (6, 8, 4), np.uint8)
    with tifffile.TiffWriter(tmp_path / "pages.tif") as file:
        for channel in range(4):
            file.write(values[..., channel], contiguous=False)
    Pillow.fromarray(values).save(tmp_path / "infrared.png")
    for name in ("pages.tif", "infrared.png"):
        assert np.array_equal(read_image(tmp_path / name, reading=Reading(channels=(0, 1, 2, 3))), values)
