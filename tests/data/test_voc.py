import numpy as np
import pytest
from PIL import Image as Pillow

from pixelwise.data.published.voc import CLASSES, voc
from pixelwise.errors import DataError
from pixelwise.imaging.files import write_mask
from pixelwise.imaging.palettes import voc_colours


def lay_out(root, year=2007, lists=None):
    folder = root / "VOCdevkit" / f"VOC{year}"
    for name in ("ImageSets/Segmentation", "JPEGImages", "SegmentationClass"):
        (folder / name).mkdir(parents=True)
    for split, names in (lists or {"train": ["000032", "000039"], "val": ["000033"]}).items():
        (folder / "ImageSets" / "Segmentation" / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))
    for name in ("000032", "000039", "000033"):
        Pillow.new("RGB", (6, 4), (int(name) * 3, 9, 9)).save(folder / "JPEGImages" / f"{name}.jpg")
        mask = np.array([[0, 15, 255, 255, 20, 0]] * 4, np.uint8)
        write_mask(folder / "SegmentationClass" / f"{name}.png", mask, voc_colours(256))
    return folder


@pytest.mark.parametrize("year", [2007, 2012])
def test_the_official_layout(tmp_path, year):
    lay_out(tmp_path, year)
    data = voc(tmp_path, year=year)
    assert data.splits() == ("train", "val")
    assert data.names("train") == ("000032", "000039")
    sample = data.read("train", 1)
    assert sample.name == "000039"
    assert sample.image.shape == (4, 6, 3)
    assert sample.mask[0].tolist() == [0, 15, 255, 255, 20, 0]
    assert data.info.void == 255
    assert data.info.colours[15] == (192, 128, 128)
    assert [path.name for path in data.sources("train", 1)] == ["000039.jpg", "000039.png"]


def test_the_class_names():
    assert len(CLASSES) == 21
    assert (CLASSES[0], CLASSES[1], CLASSES[15], CLASSES[20]) == ("background", "aeroplane", "person", "tv monitor")


def test_a_test_list_without_masks_is_left_out(tmp_path):
    lay_out(
        tmp_path, lists={"train": ["000032"], "val": ["000033"], "trainval": ["000032", "000033"], "test": ["000001"]}
    )
    assert voc(tmp_path).splits() == ("train", "val", "trainval")


def test_missing_data_says_how_to_get_it(tmp_path):
    with pytest.raises(DataError) as caught:
        voc(tmp_path, year=2012)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path}/VOCdevkit/VOC2012: VOC 2012 is not here")
    assert "Run `pixelwise data fetch voc2012` to download it" in message
    assert "--data or PIXELWISE_DATA" in message


def test_a_split_that_is_not_there(tmp_path):
    lay_out(tmp_path, lists={"train": ["000032"], "val": []})
    with pytest.raises(DataError, match=r"voc2007: unknown split 'vall'; it has train, val\. Did you mean 'val'\?"):
        voc(tmp_path).check_split("vall")
    with pytest.raises(DataError, match="voc2007: the split 'val' is empty"):
        voc(tmp_path).check_split("val")
