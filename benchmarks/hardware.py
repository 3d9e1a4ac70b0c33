"""Training steps per second with each of the choices that `engine/hardware` makes by rule: layout, allocator, precision.

    python benchmarks/hardware.py [--rounds 5] [--threads 2]

Forward, backward and AdamW on pictures that lie in memory, no loading. Each way lives in its own process and steps
only while the others wait; the ways take turns within a round; a figure is the median over rounds of the ratio to plain
PyTorch (contiguous, glibc's own allocator, fp32). bf16 is left out where the machine cannot run it. Writes hardware.json.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import turns

MODELS = {  # name: (model and options, classes, batch, channels and side)
    "unet, width 32": ({"name": "unet", "width": 32}, 21, 8, (3, 224)),
    "basic_fcn": ({"name": "basic_fcn"}, 21, 8, (3, 224)),
    "resnet, depth 32": ({"name": "resnet", "depth": 32}, 10, 128, (3, 32)),
    "colour_unet": ({"name": "colour_unet"}, 24, 100, (1, 32)),
    "residual_colour_unet, width 40": ({"name": "residual_colour_unet", "width": 40}, 24, 100, (1, 32)),
}
WAYS = ("plain", "channels_last", "channels_last+allocator", "channels_last+allocator+bf16")


def serve(way: str, name: str, threads: int) -> None:
    from pixelwise.engine.hardware.allocator import keep_large_buffers

    if "allocator" in way:
        keep_large_buffers()
    turns.serve(training(way, name, threads))


def training(way: str, name: str, threads: int) -> Iterator[None]:
    import torch

    from pixelwise.recipe.shelves import SHELVES

    torch.manual_seed(0)
    torch.set_num_threads(threads)
    options, classes, batch, (channels, side) = MODELS[name]
    layout = torch.channels_last if "channels_last" in way else torch.contiguous_format
    model = SHELVES["model"].build(
        options["name"], channels, classes, **{k: v for k, v in options.items() if k != "name"}
    )
    model = model.to(memory_format=layout).train()
    pictures = torch.randn(batch, channels, side, side).to(memory_format=layout)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

    while True:
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled="bf16" in way):
            scores = model(pictures)
        scores.float().square().mean().backward()
        optimizer.step()
        yield


def measure(name: str, rounds: int, threads: int) -> dict[str, Any]:
    seconds = turns.take_turns(__file__, WAYS, (name, "--threads", str(threads)), rounds, 3)
    ways = list(seconds)
    batch = MODELS[name][2]
    ratios = {way: [a / b for a, b in zip(seconds["plain"], seconds[way], strict=True)] for way in ways}
    return {
        "model": name,
        "pictures_per_second": {way: round(3 * batch / statistics.median(s), 1) for way, s in seconds.items()},
        "times_plain": {way: round(statistics.median(r), 3) for way, r in ratios.items()},
        "times_plain_min_max": {way: [round(min(r), 3), round(max(r), 3)] for way, r in ratios.items()},
        "left_out": [way for way in WAYS if way not in ways],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    parser.add_argument("--serve", nargs=2)
    options = parser.parse_args()
    if options.serve:
        serve(*options.serve, options.threads)
        return
    results = [measure(name, options.rounds, options.threads) for name in options.models]
    settings = {"threads": options.threads, "rounds": options.rounds}
    turns.write_report(options.out, __doc__.splitlines()[0], settings, results)


if __name__ == "__main__":
    main()
