"""Memory and time of reading a picture of 100 megapixels, by kind of file.

    python benchmarks/large_pictures.py            # writes large_pictures.json beside this file

Each picture is drawn (smooth, with a little noise) and read in a separate process. The peak is the kernel's (VmHWM),
less what the process held before reading.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from child import memory, run_child
from pixelwise.imaging.files import read_image, read_mask
from pixelwise.run.environment import environment

SIDE = 10_000
COLOURS = [(index * 20, index * 3 % 256, index * 70 % 256) for index in range(12)]
# name → suffix, how it is read, and Pillow's options
KINDS = {
    "PNG": (".png", "image", {"compress_level": 1}),
    "PNG with transparency": (".png", "transparent", {"compress_level": 1}),
    "JPEG": (".jpg", "image", {}),
    "JPEG, progressive": (".jpg", "image", {"progressive": True}),
    "JPEG, turned by EXIF": (".jpg", "turned", {}),
    "TIFF, deflate": (".tif", "image", {"compression": "tiff_deflate"}),
    "BMP": (".bmp", "image", {}),
    "WebP": (".webp", "image", {"quality": 50, "method": 0}),
    "palette mask, PNG": (".png", "indices", {"compress_level": 1}),
    "colour mask, PNG": (".png", "colours", {"compress_level": 1}),
    "colour mask, TIFF": (".tif", "colours", {"compression": "tiff_deflate"}),
}


def main() -> None:
    kinds = {}
    with TemporaryDirectory() as folder:
        for kind, (suffix, *_) in KINDS.items():
            path = Path(folder) / f"picture{suffix}"
            run_child(__file__, "draw", path, kind)
            kinds[kind] = run_child(__file__, "read", path, kind)
            path.unlink()
            print(kind, kinds[kind], flush=True)
    result = {
        "what": f"reading {SIDE}×{SIDE} pixels: peak memory less that before it (MiB, bytes a pixel), processor seconds",
        "kinds": kinds,
        "most_bytes_a_pixel": max(kind["bytes_a_pixel"] for kind in kinds.values()),
        "environment": environment() | {"command": ["python", "benchmarks/large_pictures.py"]},
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")


def draw(path: Path, kind: str) -> None:
    """Write the picture of a kind."""
    from PIL import Image as Pillow

    _, how, options = KINDS[kind]
    place = np.arange(SIDE, dtype=np.uint32)
    indices = ((place[:, None] // 97 + place[None] // 89) % len(COLOURS)).astype(np.uint8)
    palette = np.array(COLOURS, np.uint8)
    if how == "indices":
        picture = Pillow.fromarray(indices).convert("P")
        picture.putpalette(palette.tobytes())
    else:
        pixels = palette[indices]
        if how != "colours":
            pixels += np.random.default_rng(0).integers(0, 8, (SIDE, 1, 3), np.uint8)
        picture = Pillow.fromarray(pixels)
    if how == "transparent":
        picture.putalpha(200)
    exif = Pillow.Exif()
    if how == "turned":
        exif[0x0112] = 6
        options = {**options, "exif": exif}
    picture.save(path, **options)
    print("{}")


def read(path: Path, kind: str) -> None:
    """Read it and say what it took."""
    from PIL import Image as Pillow

    Pillow.init()
    how, before, begun = KINDS[kind][1], memory()["now"], time.process_time()
    if how in ("indices", "colours"):
        array = read_mask(path, colours=COLOURS if how == "colours" else None)
    else:
        array = read_image(path)
    took, more = time.process_time() - begun, memory()["peak"] - before
    pixels = array.shape[0] * array.shape[1]
    print(json.dumps({"mib": round(more), "bytes_a_pixel": round(more * 2**20 / pixels, 2), "seconds": round(took, 2)}))


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    else:
        {"draw": draw, "read": read}[sys.argv[1]](Path(sys.argv[2]), sys.argv[3])
