"""What docs/good_colours.md measures: one network of colours, its probabilities turned into colours in four ways.

python benchmarks/pages/looks.py
"""

from __future__ import annotations

import base64
import zlib
from typing import Any

import colouring
import lesson
import numpy as np

WAYS = {"likeliest colour": 0.0, "annealed mean, T = 0.38": 0.38, "mean, T = 1": 1.0}
SHOWN = (0, 3, 5, 8, 12, 17)  # validation scenes in the figure
ZOOM, GAP = 3, 6


def settings() -> list[lesson.Row]:
    return [*({"seed": seed} for seed in lesson.SEEDS), {"seed": "perfect"}]


def perfect() -> lesson.Row:
    """What the nearest palette colour of every pixel scores: the best that the palette allows."""
    from pixelwise.data.scenes import scenes
    from pixelwise.imaging.colour import nearest_colours, paint, read_palette

    palette, data = read_palette(colouring.PALETTE), scenes(lesson.CACHE, size=32, train=320, val=160)
    originals = np.stack([data.read("val", place).image for place in range(160)])
    painted = np.stack([paint(nearest_colours(one, palette), palette) for one in originals])
    return {"ways": {"perfect": scored(painted, originals, np.asarray(palette, float))}}


def measure(setting: lesson.Row) -> lesson.Row:
    if setting["seed"] == "perfect":
        return perfect()
    parts, _ = colouring.trained("model={name: colour_unet, num_filters: 12}", f"train.seed={setting['seed']}")
    scenes = np.stack([one.image for one in colouring.samples(parts)])
    chances, palette = colouring.probabilities(parts), np.asarray(parts.learner.task.palette, float)
    ways = {name: scored(painted(chances, palette, heat), scenes, palette) for name, heat in WAYS.items()}
    row: lesson.Row = {"ways": ways, "original": chroma(scenes), "entropy": entropy(chances)}
    row["guess"] = scored(np.full_like(scenes, np.round(scenes.reshape(-1, 3).mean(axis=0))), scenes, palette)
    if setting["seed"] == 0:
        row["pictures"] = packed(strip(scenes, chances, palette))
    return row


def painted(chances: np.ndarray, palette: np.ndarray, heat: float) -> np.ndarray:
    """Colours (N, H, W, 3): the likeliest one at heat 0, else the mean under the probabilities to the power 1 / heat."""
    if heat == 0:
        return palette[chances.argmax(axis=-1)].astype(np.uint8)
    sharpened = chances ** (1 / heat)
    return np.round(sharpened / sharpened.sum(axis=-1, keepdims=True) @ palette).astype(np.uint8)


def scored(pictures: np.ndarray, originals: np.ndarray, palette: np.ndarray) -> dict[str, float]:
    from pixelwise.imaging.colour import nearest_colours

    table = [(int(red), int(green), int(blue)) for red, green, blue in palette]
    same = [nearest_colours(a, table) == nearest_colours(b, table) for a, b in zip(pictures, originals, strict=True)]
    difference = colouring.as_lab(pictures) - colouring.as_lab(originals)
    squared = np.square(pictures.astype(float) - originals).mean()
    return {
        "accuracy": float(np.mean(same)),
        "delta_e": float(np.sqrt(np.square(difference).sum(axis=-1)).mean()),
        "psnr": float(10 * np.log10(255**2 / squared)),
        "chroma": chroma(pictures),
    }


def chroma(pictures: np.ndarray) -> float:
    """Mean distance from grey in CIELAB, √(a² + b²)."""
    lab = colouring.as_lab(pictures)
    return float(np.hypot(lab[..., 1], lab[..., 2]).mean())


def entropy(chances: np.ndarray) -> float:
    """Mean entropy of a pixel's probabilities as a number of equally likely colours, 2^H."""
    bits = -(chances * np.log2(np.maximum(chances, 1e-12))).sum(axis=-1)
    return float(np.exp2(bits).mean())


def strip(scenes: np.ndarray, chances: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Rows: original, grey, and each way of colouring; columns: some scenes."""
    from pixelwise.imaging.colour import grey

    rows = [
        scenes,
        np.stack([grey(one) for one in scenes]),
        *(painted(chances, palette, heat) for heat in WAYS.values()),
    ]
    return np.stack([row[list(SHOWN)] for row in rows])


def packed(pictures: np.ndarray) -> dict[str, Any]:
    text = base64.b85encode(zlib.compress(pictures.tobytes(), 9)).decode()
    return {"shape": list(pictures.shape), "bytes": text}


def unpacked(record: dict[str, Any]) -> np.ndarray:
    content = zlib.decompress(base64.b85decode(record["bytes"]))
    return np.frombuffer(content, np.uint8).reshape(record["shape"])


def tables() -> dict[str, str]:
    *rows, best = lesson.rows_of("looks")
    lines = []
    for way in WAYS:
        found = {key: [row["ways"][way][key] for row in rows] for key in ("accuracy", "delta_e", "psnr", "chroma")}
        lines.append([way, *(lesson.cell(one, 3 if key == "accuracy" else 1) for key, one in found.items())])
    guess = rows[0]["guess"]
    lines.append(
        [
            "the mean colour everywhere",
            f"{guess['accuracy']:.3f}",
            *(f"{guess[k]:.1f}" for k in ("delta_e", "psnr", "chroma")),
        ]
    )
    best = best["ways"]["perfect"]
    lines.append(
        [
            "nearest palette colour",
            f"{best['accuracy']:.3f}",
            *(f"{best[k]:.1f}" for k in ("delta_e", "psnr", "chroma")),
        ]
    )
    lines.append(["original", "–", "0", "–", f"{rows[0]['original']:.1f}"])
    return {"looks": lesson.table(["colours", "accuracy", "ΔE", "PSNR", "chroma"], lines)}


def figure() -> np.ndarray:
    """The strip as one picture, (H, W, 3)."""
    (record,) = (row["pictures"] for row in lesson.rows_of("looks") if "pictures" in row)
    return framed(unpacked(record))


def framed(pictures: np.ndarray, background: int = 255) -> np.ndarray:
    """Rows and columns of pictures (R, N, H, W, 3), enlarged, with a gap between them."""
    enlarged = pictures.repeat(ZOOM, axis=2).repeat(ZOOM, axis=3)
    padded = np.pad(enlarged, ((0, 0), (0, 0), (0, GAP), (0, GAP), (0, 0)), constant_values=background)
    rows, columns, height, width, _ = padded.shape
    return padded.transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, 3)[:-GAP, :-GAP]


def write_picture() -> dict[str, str]:
    from PIL import Image

    Image.fromarray(figure()).save(lesson.DOCS / "images" / "good_colours.png", optimize=True)
    return {}


WHAT = "colour_unet, 12 filters, 12 colours on 320 drawn scenes of 32×32, 12 epochs: ways from probabilities to colours"

if __name__ == "__main__":
    lesson.main(lambda: lesson.measured("looks", WHAT, settings(), measure), "good_colours.md", tables, write_picture)
