"""What docs/resizing.md measures: max-pooling and repeated pixels against strided and transposed convolutions.

    python benchmarks/pages/resizing.py

`colours`: the three nets on drawn scenes. `copy`: the same nets learn to copy random black and white pixels, and are then shown
patterns. `flat`: what untrained and trained nets make of a picture of one grey.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import colouring
import lesson
import looks
import numpy as np

NETS = {
    "pool": ("pool_upsample_net", 3, "pooled, repeated pixels"),
    "transposed 3": ("conv_transpose_net", 3, "strided, transposed, kernel 3"),
    "transposed 4": ("conv_transpose_net", 4, "strided, transposed, kernel 4"),
}
SIDE, STEPS, FILTERS = 16, 250, 12
PATTERNS = ("stripes of 1 pixel", "stripes of 2 pixels", "checks of 1 pixel", "checks of 2 pixels", "diagonal", "noise")


def settings() -> list[lesson.Row]:
    return [
        {"part": part, "net": net, "seed": seed} for seed, part, net in product(lesson.SEEDS, ("copy", "colours"), NETS)
    ]


def measure(setting: lesson.Row) -> lesson.Row:
    return {"copy": copying, "colours": colours}[setting["part"]](setting["net"], setting["seed"])


def colours(net: str, seed: int) -> lesson.Row:
    name, kernel, _ = NETS[net]
    parts, curve = colouring.trained(
        f"model={{name: {name}, kernel: {kernel}, num_filters: {FILTERS}}}",
        f"train.seed={seed}",
        "train.validate_every=3",
    )
    mixed, right = blocks(parts)
    return {
        "train": curve[-1]["train"],
        "validation": curve[-1]["validation"],
        "accuracy": float(right.mean()),
        "accuracy_mixed": float(right[mixed].mean()),
        "accuracy_even": float(right[~mixed].mean()),
        "share_mixed": float(mixed.mean()),
        "flat": unevenness(parts.learner.model),
    }


def blocks(parts: Any) -> tuple[np.ndarray, np.ndarray]:
    """Of every validation pixel: whether its block of 2×2 has several true colours, and whether its own was found."""
    from pixelwise.imaging.colour import nearest_colours

    palette = parts.learner.task.palette
    truth = np.stack([nearest_colours(one.image, palette) for one in colouring.samples(parts)])
    count, height, width = truth.shape
    cut = truth.reshape(count, height // 2, 2, width // 2, 2)
    mixed = cut.max(axis=(2, 4)) != cut.min(axis=(2, 4))
    winners = colouring.probabilities(parts).argmax(axis=-1)
    return mixed.repeat(2, axis=1).repeat(2, axis=2), winners == truth


def copying(net: str, seed: int) -> lesson.Row:
    """Train on random black and white pixels, then count the pixels that are copied, of noise and of patterns."""
    import torch
    from torch.nn.functional import cross_entropy

    from pixelwise.models.colour_nets import conv_transpose_net, pool_upsample_net

    torch.manual_seed(seed)
    name, kernel, _ = NETS[net]
    made = {"pool_upsample_net": pool_upsample_net, "conv_transpose_net": conv_transpose_net}[name]
    model = made(1, 2, kernel=kernel, num_filters=FILTERS)
    flat = unevenness(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = 1e-2 * (1 - step / STEPS)
        noise = torch.randint(0, 2, (32, SIDE, SIDE))
        loss = cross_entropy(model.train()(noise[:, None].float()), noise)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    shown = torch.from_numpy(np.stack([pattern(one, seed) for one in PATTERNS]))
    with torch.no_grad():
        drawn = model.eval()(shown[:, None].float()).argmax(dim=1)
        fresh = torch.randint(0, 2, (200, SIDE, SIDE))
        copied = (model(fresh[:, None].float()).argmax(dim=1) == fresh).float().mean()
    found = [float((a == b).float().mean()) for a, b in zip(drawn, shown, strict=True)]
    row: lesson.Row = {"noise": float(copied), "patterns": found, "flat": flat}
    if seed == 0:
        row["pictures"] = looks.packed(np.stack([shown.numpy(), drawn.numpy()]).astype(np.uint8))
    return row


def pattern(name: str, seed: int) -> np.ndarray:
    row, column = np.mgrid[:SIDE, :SIDE]
    if name == "noise":
        return np.random.default_rng(seed).integers(0, 2, (SIDE, SIDE))
    made: np.ndarray = {
        "stripes of 1 pixel": column % 2,
        "stripes of 2 pixels": column // 2 % 2,
        "checks of 1 pixel": (row + column) % 2,
        "checks of 2 pixels": (row // 2 + column // 2) % 2,
        "diagonal": (abs(row - column) < 1).astype(int),
    }[name]
    return made


def unevenness(model: Any) -> float:
    """How much the scores differ from pixel to pixel for a picture of one grey, away from the border, relative to their size.

    The mean over five greys of the standard deviation over the pixels, divided by the root mean square of the scores.
    """
    import torch

    with torch.no_grad():
        greys = torch.linspace(0.1, 0.9, 5)[:, None, None, None].expand(5, 1, 32, 32)
        scores = model.eval()(greys)[:, :, 12:20, 12:20]
        return float(scores.std(dim=(2, 3)).mean() / scores.square().mean().sqrt())


def tables() -> dict[str, str]:
    rows, lines, copies = lesson.rows_of("resizing"), [], []
    for net, (_, _, words) in NETS.items():
        mine = [row for row in rows if (row["part"], row["net"]) == ("colours", net)]
        keys = ("train", "validation", "accuracy", "accuracy_even", "accuracy_mixed")
        lines.append([words, *(lesson.cell(lesson.values(mine, key)) for key in keys)])
        copied = [row for row in rows if (row["part"], row["net"]) == ("copy", net)]
        shares = [lesson.cell([row["patterns"][place] for row in copied], 2) for place in range(len(PATTERNS) - 1)]
        copies.append([words, lesson.cell(lesson.values(copied, "noise"), 2), *shares])
    head = ["network", "training loss", "validation loss", "accuracy", "in even blocks", "in mixed blocks"]
    flat = []
    for net, (_, _, words) in NETS.items():
        found = [
            [row["flat"] for row in rows if (row["part"], row["net"]) == (part, net)] for part in ("copy", "colours")
        ]
        flat.append([words, *(f"{min(one):.2f} to {max(one):.2f}" for one in found)])
    return {
        "colours": lesson.table(head, lines),
        "copies": lesson.table(["network", "noise", *PATTERNS[:-1]], copies),
        "flat": lesson.table(["network", "untrained", "trained on colours"], flat),
    }


def figure() -> np.ndarray:
    """Rows: the pattern, then what each network draws of it; one column a pattern. Wrong pixels are red or pink."""
    kept = {row["net"]: looks.unpacked(row["pictures"]) for row in lesson.rows_of("resizing") if "pictures" in row}
    shown = next(iter(kept.values()))[0]
    rows = [np.stack([255 * shown] * 3, axis=-1)]
    for net in NETS:
        drawn = kept[net][1]
        picture = np.stack([255 * drawn] * 3, axis=-1)
        wrong = drawn != shown
        picture[wrong & (drawn == 1)] = (255, 160, 150)
        picture[wrong & (drawn == 0)] = (190, 30, 20)
        rows.append(picture)
    return looks.framed(np.stack(rows).astype(np.uint8).repeat(3, axis=2).repeat(3, axis=3), background=200)


def write_picture() -> dict[str, str]:
    from PIL import Image

    Image.fromarray(figure()).save(lesson.DOCS / "images" / "resizing.png", optimize=True)
    return {}


WHAT = (
    "pooling and repeated pixels against strided and transposed convolutions, 12 filters, 12 epochs on 320 drawn scenes"
)

if __name__ == "__main__":
    lesson.main(lambda: lesson.measured("resizing", WHAT, settings(), measure), "resizing.md", tables, write_picture)
