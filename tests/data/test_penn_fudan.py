"""Penn-Fudan drawn small: instance maps as objects, and a draw that depends on names alone."""

import numpy as np
import pytest
from PIL import Image as Pillow

from pixelwise.data.cache import open_split
from pixelwise.data.published.penn_fudan import FOLDS, penn_fudan
from pixelwise.errors import DataError


@pytest.fixture
def root(tmp_path):
    """Ten pictures of each campus; in each, two people who touch and one who stands alone."""
    folder = tmp_path / "PennFudanPed"
    for name in ("PNGImages", "PedMasks"):
        (folder / name).mkdir(parents=True)
    ids = np.zeros((12, 16), np.uint8)
    ids[2:9, 1:4], ids[3:10, 4:7], ids[5:8, 10:14] = 1, 2, 3
    for index in range(20):
        name = f"{'Fudan' if index < 10 else 'Penn'}Ped{index:05d}"
        pixels = np.random.default_rng(index).integers(0, 256, (12, 16, 3)).astype(np.uint8)
        Pillow.fromarray(pixels).save(folder / "PNGImages" / f"{name}.png")
        Pillow.fromarray(ids).save(folder / "PedMasks" / f"{name}_mask.png")
    return tmp_path


def test_every_person_is_an_object(root):
    sample = penn_fudan(root, val=4).read("train", 0)
    assert [(one.label, one.box, one.mask.area) for one in sample.objects] == [
        (1, (1, 2, 4, 9), 21),
        (1, (4, 3, 7, 10), 21),
        (1, (10, 5, 14, 8), 12),
    ]
    assert np.array_equal(sample.mask > 0, sum(one.mask.mask() for one in sample.objects) > 0)


def test_the_draw_has_the_wanted_number_and_both_campuses(root):
    data = penn_fudan(root, val=4)
    train, val = data.names("train"), data.names("val")
    assert len(val) == 4
    assert sum(name.startswith("Fudan") for name in val) == 2
    assert not set(train) & set(val)
    assert len(train) == 16
    assert penn_fudan(root, val=4).names("val") == val
    assert penn_fudan(root, val=4, seed=1).names("val") != val


def test_folds_are_disjoint_and_cover_all(root):
    parts = [penn_fudan(root, fold=fold) for fold in range(FOLDS)]
    held = [name for part in parts for name in part.names("val")]
    assert len(held) == len(set(held)) == 20
    assert all(set(part.names("train")) == set(held) - set(part.names("val")) for part in parts)
    (remark,) = penn_fudan(root, fold=2, val=7).remarks()
    assert remark.startswith("data.dataset.val=7: no effect")


def test_objects_survive_the_cache(root, tmp_path):
    data = penn_fudan(root, val=4)
    cached = open_split(data, "val", None, folder=tmp_path / "cache")
    for index, name in enumerate(data.names("val")):
        kept, read = cached[index], data.read("val", index)
        assert kept.name == name
        assert [one.mask.counts.tolist() for one in kept.objects] == [one.mask.counts.tolist() for one in read.objects]


def test_what_is_missing_is_said(root, tmp_path):
    (root / "PennFudanPed/PedMasks/PennPed00019_mask.png").unlink()
    with pytest.raises(DataError, match="1 picture has no mask in PedMasks: PennPed00019"):
        penn_fudan(root)
    with pytest.raises(DataError, match="Penn-Fudan is not here"):
        penn_fudan(tmp_path / "elsewhere")
