"""Training pictures per second at 224×224 on VOC 2007, ours against the plain way, end to end.

    python benchmarks/training_speed.py [--rounds 5] [--batches 4]

The plain way: PIL decodes and resizes in every epoch, tensors are contiguous, a DataLoader at its best number of workers
(0, 1 and 2 are tried), torch's own cross-entropy. Ours: the engine's loader, memory layout, allocator and loss. Same model,
same batch, AdamW, fp32, same threads. Each side lives in its own process and trains only while the other waits; sides
take turns within a round; the figure is the median over rounds of the ratio. Writes training_speed.json.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import opening
from turns import serve, take_turns, write_report

BATCH, SIZE, CLASSES = 16, 224, 21
MODELS = {"unet": {"width": 32}, "basic_fcn": {}}
SIDES = ("plain-0", "plain-1", "plain-2", "ours")


def plain(side: str, name: str) -> Iterator[None]:
    import numpy as np
    import torch
    from PIL import Image
    from torch.utils.data import DataLoader, Dataset

    from pixelwise.data.base import data_root
    from pixelwise.recipe.shelves import SHELVES

    voc = data_root() / "VOCdevkit" / "VOC2007"
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)

    class Pictures(Dataset):
        def __init__(self) -> None:
            self.names = (voc / "ImageSets" / "Segmentation" / "train.txt").read_text().split()

        def __len__(self) -> int:
            return len(self.names)

        def __getitem__(self, index: int) -> Any:
            name = self.names[index]
            image = (
                Image.open(voc / "JPEGImages" / f"{name}.jpg")
                .convert("RGB")
                .resize((SIZE, SIZE), Image.Resampling.BILINEAR)
            )
            mask = Image.open(voc / "SegmentationClass" / f"{name}.png").resize((SIZE, SIZE), Image.Resampling.NEAREST)
            picture = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1).contiguous().float() / 255
            target = torch.from_numpy(np.asarray(mask).copy()).long()
            target[target == 255] = 0
            return (picture - mean) / std, target

    torch.manual_seed(0)
    workers = int(side.removeprefix("plain-"))
    loader = DataLoader(
        Pictures(), batch_size=BATCH, shuffle=True, num_workers=workers, drop_last=True, persistent_workers=workers > 0
    )
    model = SHELVES["model"].build(name, 3, CLASSES, **MODELS[name])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    yield from opening.plain_steps(model, optimizer, loader)


def open_recipe(name: str) -> Any:
    from pixelwise.recipe.load import load_recipe

    options = [f"model.{key}={value}" for key, value in MODELS[name].items()]
    overrides = [f"model={name}", *options, f"train.batch={BATCH}", "hardware.precision=fp32"]
    return load_recipe("voc2007/basic_fcn", overrides)


def measure(name: str, rounds: int, batches: int) -> dict[str, Any]:
    seconds = take_turns(__file__, SIDES, [name], rounds, batches)
    best = min(SIDES[:-1], key=lambda side: statistics.median(seconds[side]))
    ratios = [a / b for a, b in zip(seconds[best], seconds["ours"], strict=True)]
    return {
        "model": {"name": name, **MODELS[name]},
        "plain_best": best,
        "pictures_per_second": {s: round(BATCH * batches / statistics.median(t), 2) for s, t in seconds.items()},
        "seconds": {side: [round(t, 3) for t in times] for side, times in seconds.items()},
        "ratio": round(statistics.median(ratios), 3),
        "ratio_min_max": [round(min(ratios), 3), round(max(ratios), 3)],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", type=int, default=4)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    parser.add_argument("--serve", nargs=2)
    options = parser.parse_args()
    if options.serve:
        side, name = options.serve
        serve(plain(side, name) if side.startswith("plain") else opening.steps(open_recipe(name)))
        return
    results = [measure(name, options.rounds, options.batches) for name in MODELS]
    settings = {"batch": BATCH, "size": SIZE, "rounds": options.rounds}
    write_report(options.out, __doc__.splitlines()[0], settings, results)


if __name__ == "__main__":
    main()
