"""Pictures that are not what they seem: turned, dark, deep, of many channels, of many pages; and what `data check` says."""

import numpy as np
import pytest
from PIL import Image as Pillow

from pixelwise.data.checks import check_dataset
from pixelwise.data.folder import Folder
from pixelwise.errors import DataError
from pixelwise.imaging.channels import Reading
from pixelwise.imaging.files import read_image


@pytest.fixture
def belt(tmp_path):
    """`belt(save)`: a folder of six pictures of a bright disc with masks; `save(picture, mask, name, number)` writes them."""

    def make(save, **options):
        y, x = np.mgrid[:48, :48]
        for kind in ("images", "masks"):
            (tmp_path / "set" / kind).mkdir(parents=True, exist_ok=True)
        for number in range(6):
            drawn = np.random.default_rng(number)
            down, across = drawn.integers(10, 20, 2)
            mask = ((y - down) ** 2 + (x - across) ** 2 < 64).astype(np.uint8)
            image = (drawn.integers(40, 60, (48, 48, 3)) + 140 * mask[..., None]).astype(np.uint8)
            save(image, mask, tmp_path / "set" / "{}" / f"p{number}.png", number)
        (tmp_path / "set/classes.txt").write_text("ground 0 0 0\ndisc 255 0 0\n")
        return Folder(tmp_path / "set", **options)

    return make


def place(name, kind, suffix="png"):
    return str(name).format(kind).removesuffix("png") + suffix


def plain(mask, name):
    Pillow.fromarray(mask).save(place(name, "masks"))


def found(data, *checks):
    return [finding for finding in check_dataset(data) if finding.check in checks]


@pytest.mark.parametrize("turn", [3, 6])
@pytest.mark.parametrize("mask_is", ["stored", "seen"])
def test_masks_over_the_stored_pixels_are_found_by_their_outlines(belt, turn, mask_is):
    def save(image, mask, name, number):
        exif = Pillow.Exif()
        exif[0x0112] = turn
        Pillow.fromarray(image).save(place(name, "images", "jpg"), exif=exif, quality=95)
        seen = np.rot90(mask, 2 if turn == 3 else -1)
        plain(np.ascontiguousarray(mask if mask_is == "stored" else seen), name)

    findings = found(belt(save), "rotations")
    assert [finding.severity for finding in findings] == (["fatal"] if mask_is == "stored" else [])
    if mask_is == "stored":
        assert "the outlines of their masks fit the pixels as they are stored" in findings[0].what
        data = belt(save, exif="ignore")
        assert found(data, "rotations") == []
        sample = data.read("train", 0)
        assert sample.image[sample.mask == 1].mean() > 150


def test_an_orientation_is_named_where_sizes_differ(belt):
    def save(image, mask, name, number):
        exif = Pillow.Exif()
        exif[0x0112] = 6
        Pillow.fromarray(image[:40]).save(place(name, "images", "jpg"), exif=exif)
        plain(mask[:40], name)

    (finding,) = found(belt(save), "different sizes")
    assert "the masks fit the pixels as they are stored" in finding.what
    assert finding.cure.startswith("Set exif: ignore")
    assert check_dataset(belt(save, exif="ignore")) == []


def test_pictures_of_12_bits_are_recognised_and_stretched(belt):
    def save(image, mask, name, number):
        Pillow.fromarray((image.mean(2) * 16).astype(np.uint16)).save(place(name, "images"))
        plain(mask, name)

    (finding,) = found(belt(save), "bits")
    assert finding.severity == "warning"
    assert "use at most 12 of them" in finding.what
    assert finding.cure == "Set stretch: 12."
    data = belt(save, stretch=12)
    assert found(data, "bits") == []
    assert data.read("train", 0).image.max() > 180
    assert belt(save).settings() != data.settings()


def test_colours_of_16_bits_and_many_channels_need_a_package_and_are_read_with_it(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    values = np.random.default_rng(0).integers(0, 4096, (8, 6, 5))
    file = tmp_path / "five.tif"
    tifffile.imwrite(file, values.astype(np.uint16), photometric="minisblack", planarconfig="contig")
    with pytest.raises(
        DataError, match=r"is a TIFF with 5 channels of 16 bits .*Set channels: 5 to give all to the model"
    ):
        read_image(file)
    image = read_image(file, reading=Reading(stretch=12, channels=(4, 0, 2)))
    expected = np.rint(values[..., [4, 0, 2]] * 255 / 4095)
    assert np.array_equal(image, expected.astype(np.uint8))
    with pytest.raises(DataError, match="has 5 channels, but channel 7 was asked for"):
        read_image(file, reading=Reading(channels=(7, 0, 1)))
    tifffile.imwrite(file, values[..., :3].astype(np.uint16), photometric="rgb")
    assert np.array_equal(read_image(file, reading=Reading(stretch=12))[..., 1], np.rint(values[..., 1] * 255 / 4095))


def test_a_png_of_16_bits_a_colour(tmp_path, monkeypatch):
    codecs = pytest.importorskip("imagecodecs")
    values = np.random.default_rng(0).integers(0, 1024, (8, 6, 3))
    file = tmp_path / "deep.png"
    file.write_bytes(codecs.png_encode(values.astype(np.uint16)))
    assert read_image(file).max() <= 3
    assert np.array_equal(read_image(file, reading=Reading(stretch=10)), np.rint(values * 255 / 1023).astype(np.uint8))
    with pytest.raises(DataError, match="Nothing was decoded"):
        read_image(file, reading=Reading(stretch=10), max_pixels=47)
    monkeypatch.setitem(__import__("sys").modules, "imagecodecs", None)
    with pytest.raises(DataError, match=r"needs the package imagecodecs.*pip install 'pixelwise\[tiff\]'"):
        read_image(file, reading=Reading(stretch=10))


def test_a_fourth_channel_that_is_not_transparency(belt):
    def save(image, mask, name, number):
        infrared = np.random.default_rng(number).integers(20, 200, (48, 48, 1)).astype(np.uint8)
        Pillow.fromarray(np.dstack([image, infrared])).save(place(name, "images"))
        plain(mask, name)

    (finding,) = found(belt(save), "channels")
    assert "a last channel that does not look like transparency" in finding.what
    data = belt(save, alpha="ignore")
    assert found(data, "channels") == []
    assert data.read("train", 0).image.min() < 60  # not laid over white


def test_pages_and_sizes_are_told(belt):
    def save(image, mask, name, number):
        first, *rest = (Pillow.fromarray(image[: 40 + number]) for _ in range(3))
        first.save(place(name, "images", "tif"), save_all=True, append_images=rest)
        plain(mask[: 40 + number], name)

    data = belt(save)
    (finding,) = found(data, "pages")
    assert "6 pictures have several pages (3 at most): only the first is read." in finding.what
    (finding,) = found(data, "sizes")
    assert "6 sizes, from 48×40 to 48×45 (width × height)" in finding.what
    assert "data.size: [32, 64]" in finding.cure or "data.size: [32, 32]" in finding.cure or "[64, 64]" in finding.cure


def test_pages_that_are_channels_are_one_finding_and_the_cure_reads_them(belt):
    def save(image, mask, name, number):
        pages = [Pillow.fromarray(np.zeros((48, 48), np.uint8)), *(Pillow.fromarray(image[..., at]) for at in (0, 1))]
        pages[0].save(place(name, "images", "tif"), save_all=True, append_images=pages[1:])
        plain(mask, name)

    (finding,) = check_dataset(belt(save))  # not: copies in train, in val and across them, pages, single colours
    assert (finding.check, finding.severity) == ("pages", "warning")
    assert "and in 6 of them it has a single colour" in finding.what
    assert finding.cure.startswith("Set channels: 3 if")
    assert check_dataset(belt(save, channels=3)) == []


def test_palettes_that_contradict_each_other_or_classes_txt(belt):
    def save(turned):
        def each(image, mask, name, number):
            Pillow.fromarray(image).save(place(name, "images"))
            other = number % 2 if turned == "some" else 1
            picture = Pillow.fromarray(1 - mask if other else mask, mode="P")
            picture.putpalette([255, 0, 0, 0, 0, 0] if other else [0, 0, 0, 255, 0, 0])
            picture.save(place(name, "masks"))

        return each

    (finding,) = found(belt(save("some")), "palettes")
    assert finding.severity == "fatal"
    assert "Palettes of masks contradict each other" in finding.what
    (finding,) = found(belt(save("all")), "palettes")
    assert (finding.severity, len(finding.files)) == ("warning", 6)
    assert "the value 0 ('ground') in the colour of 'disc'" in finding.what
    assert found(belt(save("some"), mask_values="colour"), "palettes", "strange values") == []


def test_pictures_of_one_scene_are_alike_and_not_copies(tmp_path):
    y, x = np.mgrid[:128, :128]
    part = np.where((abs(x - 64) < 45) & (abs(y - 64) < 30), 190, 60)
    for kind in ("images", "masks"):
        (tmp_path / "set" / kind).mkdir(parents=True)
    (tmp_path / "set/classes.txt").write_text("part\ndefect\n")
    for number in range(6):
        drawn = np.random.default_rng(number)
        down, across = drawn.integers(10, 118, 2)
        mask = ((y - down) ** 2 + (x - across) ** 2 < 12).astype(np.uint8)
        image = (part - 50 * mask + drawn.normal(0, 2, (128, 128))).clip(0, 255).astype(np.uint8)
        Pillow.fromarray(np.repeat(image[..., None], 3, 2)).save(tmp_path / f"set/images/p{number}.png")
        plain(mask, tmp_path / "set" / "{}" / f"p{number}.png")
    findings = check_dataset(Folder(tmp_path / "set"))
    assert [(finding.check, finding.severity) for finding in findings] == [("alike", "warning")]
    assert "They are not copies." in findings[0].what
    assert "emove" not in findings[0].cure
