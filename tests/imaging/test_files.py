import errno
import os
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image as Pillow

from pixelwise.errors import DataError, RunError
from pixelwise.imaging import strips
from pixelwise.imaging.files import image_size, read_image, read_mask, write_image, write_mask
from pixelwise.imaging.palettes import VOC_VOID, voc_colours


@pytest.fixture
def rgb():
    return np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
def test_lossless_kinds_come_back_equal(tmp_path, rgb, suffix):
    write_image(tmp_path / f"a{suffix}", rgb)
    assert np.array_equal(read_image(tmp_path / f"a{suffix}"), rgb)
    assert image_size(tmp_path / f"a{suffix}") == (5, 7)


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_lossy_kinds_come_back_near(tmp_path, suffix):
    smooth = np.broadcast_to(np.linspace(0, 255, 32).astype(np.uint8)[:, None, None], (32, 32, 3))
    write_image(tmp_path / f"a{suffix}", smooth)
    assert np.abs(read_image(tmp_path / f"a{suffix}").astype(int) - smooth).max() < 16


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, rgb, orientation):
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    Pillow.fromarray(rgb).save(tmp_path / "a.png", exif=exif)
    # EXIF 2.3, tag 274: where the stored row 0 and column 0 lie in the picture as it is meant to be seen
    turns = [rgb, rgb[:, ::-1], rgb[::-1, ::-1], rgb[::-1], rgb.swapaxes(0, 1), np.rot90(rgb, -1)]
    turns += [np.rot90(rgb, 2).swapaxes(0, 1), np.rot90(rgb)]
    assert np.array_equal(read_image(tmp_path / "a.png"), turns[orientation - 1])
    assert image_size(tmp_path / "a.png") == turns[orientation - 1].shape[:2]


def test_sixteen_bit_grey_is_rounded_to_eight(tmp_path):
    values = np.array([[0, 128, 129, 257, 32896, 65535]], np.uint16)
    Pillow.fromarray(values).save(tmp_path / "a.png")
    expected = np.round(values / 65535 * 255).astype(np.uint8)
    assert np.array_equal(read_image(tmp_path / "a.png"), np.repeat(expected[:, :, None], 3, 2))


def test_transparent_pixels_are_laid_over_white(tmp_path):
    pixels = np.array([[[255, 0, 0, 0], [255, 0, 0, 255], [0, 0, 0, 128]]], np.uint8)
    Pillow.fromarray(pixels).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").tolist() == [[[255, 255, 255], [255, 0, 0], [127, 127, 127]]]


@pytest.mark.parametrize(
    ("mode", "pixel"), [("L", 77), ("1", 1), ("P", 3), ("CMYK", (0, 255, 255, 0)), ("LA", (9, 255))]
)
def test_other_modes_become_rgb(tmp_path, mode, pixel):
    Pillow.new(mode, (4, 3), pixel).save(tmp_path / "a.tif")
    image = read_image(tmp_path / "a.tif")
    assert image.shape == (3, 4, 3)
    assert image.dtype == np.uint8


def test_float_pictures_are_refused(tmp_path):
    Pillow.fromarray(np.ones((3, 3), np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(DataError, match=r"a\.tif: contains float values.*Save it with 8 or 16 bits"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp"])
def test_a_truncated_file_is_named(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    write_image(path, np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=rf"a\.{suffix}: is (damaged or cut short|not a picture)"):
        read_image(path)


def test_what_is_no_picture_is_named(tmp_path):
    (tmp_path / "a.png").write_text("hello")
    with pytest.raises(DataError, match=r"a\.png: is not a picture that can be read"):
        read_image(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"b\.png: this file does not exist"):
        read_image(tmp_path / "b.png")
    with pytest.raises(DataError, match=r"could not be read|damaged"):
        read_image(tmp_path)


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes whose header promises width × height pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("read", [read_image, read_mask, image_size])
@pytest.mark.parametrize(("width", "height"), [(20_000, 6_000), (60_000, 60_000)])
def test_a_picture_bomb_is_refused_by_its_header(tmp_path, read, width, height):
    (tmp_path / "bomb.png").write_bytes(bomb(width, height))
    with pytest.raises(
        DataError, match=r"bomb\.png: has .* pixels, but at most 100,000,000 are allowed\. Nothing was decoded"
    ):
        read(tmp_path / "bomb.png")


def test_a_jpeg_of_thousands_of_scans_is_not_decoded(tmp_path):
    path = tmp_path / "a.jpg"
    Pillow.new("L", (64, 64), 7).save(path, progressive=True)
    content = path.read_bytes()
    assert read_image(path).shape == (64, 64, 3)
    path.write_bytes(content[:-2] + content[content.rindex(b"\xff\xda") : -2] * 1000 + content[-2:])
    with pytest.raises(DataError, match=r"a\.jpg: has 1,0\d\d scans, but at most 100 are allowed.*Nothing was decoded"):
        read_image(path)


def test_the_pixel_limit_can_be_set(tmp_path, rgb):
    write_image(tmp_path / "a.png", rgb)
    with pytest.raises(DataError, match=r"has 7×5 \(width × height\) = 35 pixels, but at most 34 are allowed"):
        read_image(tmp_path / "a.png", max_pixels=34)
    assert read_image(tmp_path / "a.png", max_pixels=35).shape == rgb.shape


# -- masks -----------------------------------------------------------------------------------------------------------


def test_palette_masks_come_back_with_their_indices(tmp_path):
    mask = np.array([[0, 1, 20], [255, 3, 0]], np.uint8)
    write_mask(tmp_path / "a.png", mask, voc_colours(21))
    read = read_mask(tmp_path / "a.png")
    assert np.array_equal(read, mask)
    assert read.dtype == np.uint8
    shown = np.asarray(Pillow.open(tmp_path / "a.png").convert("RGB"))
    assert tuple(shown[0, 1]) == voc_colours(21)[1]
    assert tuple(shown[1, 0]) == VOC_VOID


def test_large_indices_are_kept_in_sixteen_bits(tmp_path):
    mask = np.array([[0, 300], [65535, 1]], np.uint16)
    write_mask(tmp_path / "a.png", mask, voc_colours(256))
    read = read_mask(tmp_path / "a.png")
    assert np.array_equal(read, mask)
    assert read.dtype == np.uint16


def test_grey_and_bilevel_masks_are_indices(tmp_path):
    Pillow.fromarray(np.array([[0, 2], [7, 255]], np.uint8)).save(tmp_path / "a.png")
    assert read_mask(tmp_path / "a.png").tolist() == [[0, 2], [7, 255]]
    Pillow.fromarray(np.array([[True, False]])).save(tmp_path / "b.png")
    assert read_mask(tmp_path / "b.png").tolist() == [[1, 0]]


def test_masks_in_colour_need_a_table(tmp_path):
    colours = [(0, 0, 0), (255, 0, 0), (0, 255, 0)]
    indices = np.array([[0, 1, 2], [2, 2, 1]])
    write_image(tmp_path / "a.png", np.array(colours, np.uint8)[indices])
    assert np.array_equal(read_mask(tmp_path / "a.png", colours=colours), indices)
    assert read_mask(tmp_path / "a.png", colours={(0, 0, 0): 0, (255, 0, 0): 300, (0, 255, 0): 5}).max() == 300
    with pytest.raises(
        DataError, match=r"a\.png: contains colours \(RGB\), not one index for each pixel.*mask_values: colour"
    ):
        read_mask(tmp_path / "a.png")
    with pytest.raises(
        DataError, match=r"3 pixels have a colour that is not a class, the first \[0, 255, 0\] at row 0, col"
    ):
        read_mask(tmp_path / "a.png", colours=colours[:2])


def test_a_table_also_reads_palette_masks_whose_indices_mean_nothing(tmp_path):
    colours = [(0, 0, 0), (255, 0, 0), (0, 255, 0)]
    indices = np.array([[0, 1, 2], [2, 2, 1]])
    Pillow.fromarray(np.array(colours, np.uint8)[indices]).quantize(3).save(tmp_path / "a.png")
    assert np.array_equal(read_mask(tmp_path / "a.png", colours=colours), indices)


# -- writing ---------------------------------------------------------------------------------------------------------


def test_an_unknown_suffix_is_refused(tmp_path, rgb):
    with pytest.raises(DataError, match=r"'\.xyz' is not a suffix of a picture; choose from \.png"):
        write_image(tmp_path / "a.xyz", rgb)


def test_a_full_disk_leaves_the_earlier_file(tmp_path, rgb, monkeypatch):
    path = tmp_path / "a.png"
    write_image(path, rgb)
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match=r"a\.png: could not be written: No space left on device.*full or read-only"):
        write_image(path, 255 - rgb)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp"])
def test_damage_of_any_kind_ends_in_a_picture_or_in_one_error(tmp_path, rgb, suffix):
    path = tmp_path / f"a.{suffix}"
    write_image(path, rgb)
    whole = path.read_bytes()
    generator = np.random.default_rng(0)
    ends = set()
    for _ in range(60):
        damaged = bytearray(whole)
        for position in generator.integers(0, len(whole), 4):
            damaged[position] = generator.integers(0, 256)
        path.write_bytes(bytes(damaged))
        try:
            ends.add(read_image(path).ndim)
        except DataError as error:
            ends.add(str(error).startswith(str(path)))
    assert ends <= {3, True}


# -- large pictures --------------------------------------------------------------------------------------------------

KINDS = {
    "RGB": {}, "L": {}, "1": {}, "RGBA": {}, "LA": {}, "I;16": {}, "P": {}, "P-4": {"bits": 4}, "P-2": {"bits": 2},
    "P-1": {"bits": 1}, "RGB-transparent": {"transparency": (1, 2, 3)},
}  # fmt: skip


@pytest.mark.parametrize("orientation", [1, 6, 7])
@pytest.mark.parametrize("kind", KINDS)
def test_a_png_decoded_by_strips_is_the_one_decoded_whole(tmp_path, monkeypatch, kind, orientation):
    mode, pixels = kind.partition("-")[0], np.random.default_rng(0).integers(0, 65536, (23, 17)).astype(np.uint16)
    pixels[5:15] = np.arange(17) * 700 + np.arange(10)[:, None]  # smooth, so that rows are stored in several ways
    drawn = Pillow.fromarray(pixels) if mode == "I;16" else Pillow.fromarray((pixels % 256).astype(np.uint8))
    drawn = drawn.convert("RGB").quantize(2 ** KINDS[kind].get("bits", 8)) if mode == "P" else drawn
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    (drawn if mode in ("P", "I;16") else drawn.convert(mode)).save(tmp_path / "a.png", exif=exif, **KINDS[kind])
    whole = read_image(tmp_path / "a.png")
    mask = read_mask(tmp_path / "a.png") if mode in ("L", "P", "1", "I;16", "LA") else None
    monkeypatch.setattr(strips, "LARGE", 1)
    monkeypatch.setattr(strips, "BAND", 17 * 4)
    decoded = []
    monkeypatch.setattr(
        strips._Png, "strips", lambda self, *a, own=strips._Png.strips: decoded.append(a) or own(self, *a)
    )
    assert np.array_equal(read_image(tmp_path / "a.png"), whole)
    assert image_size(tmp_path / "a.png") == whole.shape[:2]
    if mask is not None:
        assert np.array_equal(read_mask(tmp_path / "a.png"), mask)
    assert decoded


@pytest.mark.parametrize("suffix", ["png", "tif", "jpg"])
@pytest.mark.parametrize("orientation", [1, 3, 8])
def test_rows_converted_some_at_a_time_are_the_picture(tmp_path, monkeypatch, rgb, suffix, orientation):
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    Pillow.fromarray(rgb).save(tmp_path / f"a.{suffix}", exif=exif)
    whole = read_image(tmp_path / f"a.{suffix}")
    monkeypatch.setattr(strips, "BAND", 14)
    assert np.array_equal(read_image(tmp_path / f"a.{suffix}"), whole)


def test_a_cut_png_is_refused_by_strips_too(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    write_image(path, np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8))
    monkeypatch.setattr(strips, "LARGE", 1)
    path.write_bytes(path.read_bytes()[:6000] + path.read_bytes()[-12:])
    with pytest.raises(DataError, match=r"a\.png: is damaged or cut short"):
        read_image(path)


def test_more_pixels_are_allowed_by_a_variable(tmp_path, rgb, monkeypatch):
    write_image(tmp_path / "a.png", rgb)
    monkeypatch.setenv("PIXELWISE_MAX_PIXELS", "34")
    with pytest.raises(DataError, match=r"34 are allowed\. Nothing was decoded.*--max-pixels"):
        read_image(tmp_path / "a.png")
    monkeypatch.setenv("PIXELWISE_MAX_PIXELS", "35")
    assert read_image(tmp_path / "a.png").shape == rgb.shape
    monkeypatch.setenv("PIXELWISE_MAX_PIXELS", "many")
    with pytest.raises(DataError, match="PIXELWISE_MAX_PIXELS: read 'many'; it must be a whole number of pixels"):
        read_image(tmp_path / "a.png")


PEAK = """
import resource, sys
from pathlib import Path
from pixelwise.imaging.files import read_image, read_mask
from PIL import Image
Image.init()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
path, colours = Path(sys.argv[1]), {(0, 0, 0): 0, (9, 9, 9): 1}
got = read_mask(path, colours=colours) if sys.argv[2] == "mask" else read_image(path)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / (got.shape[0] * got.shape[1]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the unit of ru_maxrss differs")
@pytest.mark.parametrize(("suffix", "what", "most"), [("png", "image", 5), ("jpg", "image", 9), ("bmp", "mask", 7)])
def test_bytes_a_pixel_are_bounded(tmp_path, suffix, what, most):
    path = tmp_path / f"a.{suffix}"
    Pillow.fromarray(np.repeat(np.arange(5000)[:, None] // 2500 * 9, 4000, 1).astype(np.uint8)).convert("RGB").save(
        path
    )
    child = [sys.executable, "-c", PEAK, str(path), what]
    assert float(subprocess.run(child, capture_output=True, text=True, check=True).stdout) < most
