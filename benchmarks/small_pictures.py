"""Training pictures per second on CIFAR-10, ours against the plain way, end to end.

    python benchmarks/small_pictures.py [--rounds 5] [--batches 10]

The plain way: torchvision.datasets.CIFAR10, its transforms (crop, flip, ToTensor, Normalize) or, for colours, grey and the
nearest palette colour computed in NumPy for each picture in the data set; a DataLoader at its best number of workers (0, 1
and 2 are tried), contiguous tensors, fp32, torch's own cross-entropy. Ours: the engine's loader, update, memory layout and
allocator, once in fp32 and once in the precision that `auto` picks here. Same model class, batch, optimizer and threads.
Sides take turns (turns.py); the figure is the median over rounds of the ratio. Writes small_pictures.json.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import opening
from turns import serve, take_turns, write_report

RECIPES = {
    "resnet": ("cifar10_longtail/resnet32_ce", ["data.dataset={name: cifar10, validation: 0.0}"]),
    "pool_upsample_net": ("cifar10_horses/pool_upsample_net", []),
    "conv_transpose_net": ("cifar10_horses/conv_transpose_net", []),
    "colour_unet": ("cifar10_horses/colour_unet", []),
}
PLAIN = ("plain-0", "plain-1", "plain-2")
OURS = ("ours-fp32", "ours-auto")


def open_recipe(name: str, precision: str) -> Any:
    from pixelwise.recipe.load import load_recipe

    recipe, overrides = RECIPES[name]
    return load_recipe(recipe, [*overrides, f"hardware.precision={precision}"])


def plain(name: str, workers: int) -> Iterator[None]:
    import torch
    from torch.utils.data import DataLoader

    recipe = open_recipe(name, "fp32")
    options = recipe.train.optimizer.options
    pictures, channels, classes = labelled() if name == "resnet" else coloured(recipe)
    torch.manual_seed(0)
    from pixelwise.recipe.shelves import SHELVES

    model = SHELVES["model"].build(name, channels, classes, **recipe.model.options)
    if recipe.train.optimizer.name == "sgd":
        decay = options["weight_decay"]
        optimizer = torch.optim.SGD(model.parameters(), options["learning_rate"], momentum=0.9, weight_decay=decay)
    else:
        optimizer = torch.optim.Adam(model.parameters(), options["learning_rate"])
    loader = DataLoader(
        pictures,
        batch_size=recipe.train.batch,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
    )
    yield from opening.plain_steps(model, optimizer, loader)


def labelled() -> tuple[Any, int, int]:
    """All training pictures with their labels, and the channels and classes of a model for them."""
    from torchvision import datasets, transforms

    from pixelwise.data.base import data_root

    steps = [
        transforms.RandomCrop(32, padding=4),
        transforms.RandomHorizontalFlip(),
        transforms.ToTensor(),
        transforms.Normalize((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    ]
    return datasets.CIFAR10(data_root(), train=True, transform=transforms.Compose(steps)), 3, 10


def coloured(recipe: Any) -> tuple[Any, int, int]:
    """Grey horses with the nearest palette colour of every pixel, both computed whenever a picture is asked for."""
    import numpy as np
    import torch
    from torch.utils.data import Dataset
    from torchvision import datasets

    from pixelwise.data.base import data_root
    from pixelwise.engine.build import open_material
    from pixelwise.imaging.colour import parse_palette

    found = parse_palette(open_material(recipe, root=None).findings["palette"], "findings")
    palette = np.array(found, np.float32)
    horse = 7

    class Horses(Dataset):
        def __init__(self) -> None:
            whole = datasets.CIFAR10(data_root(), train=True)
            self.pictures = whole.data[np.array(whole.targets) == horse]

        def __len__(self) -> int:
            return len(self.pictures)

        def __getitem__(self, index: int) -> Any:
            picture = self.pictures[index].astype(np.float32)  # (H, W, 3)
            distance = ((picture[:, :, None] - palette) ** 2).sum(axis=3)
            grey = torch.from_numpy(picture.mean(axis=2) / 255)
            return grey[None], torch.from_numpy(distance.argmin(axis=2))

    return Horses(), 1, len(palette)


def measure(name: str, rounds: int, batches: int) -> dict[str, Any]:
    from pixelwise.data.base import cache_folder
    from pixelwise.engine.hardware.device import choose

    recipe = open_recipe(name, "auto")
    chosen = choose(recipe.hardware, memory=cache_folder(None))
    seconds = take_turns(__file__, [*PLAIN, *OURS], [name], rounds, batches)
    best = min(PLAIN, key=lambda side: statistics.median(seconds[side]))
    ratios = {way: [a / b for a, b in zip(seconds[best], seconds[way], strict=True)] for way in OURS}
    batch = recipe.train.batch
    return {
        "model": {"name": name, **recipe.model.options},
        "batch": batch,
        "auto": chosen.precision,
        "threads": chosen.threads,
        "plain_best": best,
        "pictures_per_second": {s: round(batch * batches / statistics.median(t), 1) for s, t in seconds.items()},
        "seconds": {side: [round(t, 3) for t in times] for side, times in seconds.items()},
        "ratio": {way: round(statistics.median(r), 3) for way, r in ratios.items()},
        "ratio_min_max": {way: [round(min(r), 3), round(max(r), 3)] for way, r in ratios.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    parser.add_argument("--serve", nargs=2)
    options = parser.parse_args()
    if options.serve:
        side, name = options.serve
        kind, _, how = side.partition("-")
        serve(opening.steps(open_recipe(name, how)) if kind == "ours" else plain(name, int(how)))
        return
    results = [measure(name, options.rounds, options.batches) for name in RECIPES]
    settings = {"rounds": options.rounds, "batches": options.batches}
    write_report(options.out, __doc__.splitlines()[0], settings, results)


if __name__ == "__main__":
    main()
