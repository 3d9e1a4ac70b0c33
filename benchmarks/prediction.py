"""A picture of 4000×3000 labelled: seconds and peak memory, in tiles and whole, beside plain torch.

    python benchmarks/prediction.py            # writes prediction.json beside this file

A U-Net of width 8 and depth 4 over 21 classes with its first weights (time does not depend on them). Every way runs in a
process of its own, all in turn in every round. Memory is the process's peak (VmHWM) less what it held, picture included,
before labelling. Processor seconds, summed over threads, say what a way costs even where the machine is shared.

plain whole     the picture through a contiguous model in one piece, argmax; torch as it comes
whole           `Predictor.predict` with a tile as large as the picture
tiles           `Predictor.predict` with tiles, as `pixelwise predict --scale own` does: 512, overlap 64
recipe size     `Predictor.predict` as `pixelwise predict` does: computed at 224×224, scores enlarged
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import TYPE_CHECKING

import numpy as np

from child import memory, run_child
from pixelwise.run.environment import environment

if TYPE_CHECKING:
    from pixelwise.engine.base import Opened
    from pixelwise.types import Image

WAYS, ROUNDS, SIZE, CLASSES = ("plain whole", "whole", "tiles", "recipe size"), 3, (3000, 4000), 21
FIGURES = ("seconds", "processor_seconds", "memory_mib")


def main() -> None:
    rounds = [{way: run_child(__file__, way) for way in WAYS} for _ in range(ROUNDS)]
    middle = {way: {key: median(one[way][key] for one in rounds) for key in FIGURES} for way in WAYS}
    tiles, whole, plain = (middle[way] for way in ("tiles", "whole", "plain whole"))
    result = {
        "what": "seconds, and MiB above what was held before, to label one picture; medians of interleaved processes",
        "size": list(SIZE),
        "model": {"name": "unet", "width": 8, "depth": 4, "classes": CLASSES},
        "ways": middle,
        "ratios": {
            f"{name}, {key}": round(one[key] / other[key], 3)
            for name, one, other in (
                ("tiles / whole", tiles, whole),
                ("tiles / plain whole", tiles, plain),
                ("whole / plain whole", whole, plain),
            )
            for key in FIGURES
        },
        "rounds": ROUNDS,
        "environment": environment() | {"command": ["python", "benchmarks/prediction.py"]},
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    print(json.dumps({"ways": middle, "ratios": result["ratios"]}, indent=2))


def measure(way: str) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    label = plain(image) if way == "plain whole" else ours(way, image)
    before = memory()["now"]
    start = perf_counter(), process_time()
    label()
    times = {"seconds": perf_counter() - start[0], "processor_seconds": process_time() - start[1]}
    figures = {**times, "memory_mib": memory()["peak"] - before}
    print(json.dumps({name: round(value, 2) for name, value in figures.items()}))


def plain(image: Image) -> Callable[[], object]:
    """What a tutorial does."""
    import torch

    from pixelwise.models.unet import unet
    from pixelwise.run.normalisation import IMAGENET_MEAN, IMAGENET_STD

    model = unet(3, CLASSES, width=8, depth=4).eval()
    mean, std = (torch.tensor(values)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD))

    def label() -> object:
        with torch.inference_mode():
            x = (torch.from_numpy(image).permute(2, 0, 1).float() / 255 - mean) / std
            return model(x[None]).argmax(dim=1)[0].to(torch.uint8).numpy()

    return label


def ours(way: str, image: Image) -> Callable[[], object]:
    from pixelwise.engine.hardware.allocator import keep_large_buffers

    keep_large_buffers()
    from pixelwise.predict import Predictor, Tiles

    predictor = Predictor(untrained())
    tiles = {"recipe size": None, "tiles": Tiles(), "whole": Tiles(max(SIZE))}[way]
    return lambda: predictor.predict(image, tiles)


def untrained() -> Opened:
    """A network with its first weights as if it came out of a run."""
    import torch

    from pixelwise.engine.base import Opened
    from pixelwise.engine.build import build_task
    from pixelwise.engine.hardware.device import Choices
    from pixelwise.engine.torch.learner import TorchLearner
    from pixelwise.imaging.palettes import distinct_colours
    from pixelwise.recipe.load import load_recipe
    from pixelwise.run.folder import RunFolder
    from pixelwise.types import DatasetInfo

    recipe = load_recipe("quickstart", ["model.width=8", "model.depth=4"])
    names = tuple(f"class {index}" for index in range(CLASSES))
    info = DatasetInfo("benchmark", names, distinct_colours(CLASSES), frozenset({"mask"}))
    task = build_task(recipe, info)
    choices = Choices("cpu", "fp32", "channels_last", True, torch.get_num_threads(), False)
    learner = TorchLearner(recipe, task, (224, 224), choices)
    return Opened(RunFolder(Path("benchmark")), recipe, "best", 0, 0, info, (224, 224), task, learner)


if __name__ == "__main__":
    main() if len(sys.argv) == 1 else measure(sys.argv[1])
