"""What a batch in pieces (`train.accumulate`) saves in memory and costs in time, and that its gradient is that of the whole.

    python benchmarks/accumulate.py            # writes accumulate.json beside this file

Memory and seconds: updates of the recipe voc2007/unet (a U-Net of width 16, pictures of 224×224, batch 16) on drawn scenes,
each number of pieces in its own process; the peak is the kernel's (VmHWM). Gradients: the same update without
normalisation, because BatchNorm sees pieces; the norm of the difference of the two gradients, relative to the gradient's
norm, and the same for the batch in reverse order, which is rounding alone.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from child import memory, run_child
from pixelwise.run.environment import environment

PIECES, UPDATES, ROUNDS = (1, 2, 4, 8), 3, 2
RECIPE = "voc2007/unet"
WORDS = (
    "data.dataset={name: scenes, train: 16, val: 2, size: 224}",
    "data.size=null",
    "task=segment",
    "metrics=[confusion]",
    "augment=[]",
    "train.batch=16",
    "hardware.device=cpu",
    "hardware.precision=fp32",
    "hardware.threads=1",
    "gallery=0",
)


def main() -> None:
    with TemporaryDirectory() as folder:
        run_child(__file__, "steps", folder, 1)  # draws and caches the pictures
        rounds = [{n: run_child(__file__, "steps", folder, n) for n in PIECES} for _ in range(ROUNDS)]
        gradients = {n: run_child(__file__, "gradients", folder, n) for n in PIECES[1:]}
    found: dict[int, dict[str, Any]] = {}
    for pieces in PIECES:
        each = [one[pieces] for one in rounds]
        found[pieces] = {
            "peak_mib": median(one["peak"] for one in each),
            "seconds_an_update": round(min(one["seconds"] for one in each), 3),
            "gradient_difference": gradients[pieces]["difference"] if pieces > 1 else 0.0,
        }
    whole = found[1]
    result = {
        "what": f"{RECIPE} on drawn scenes of 224×224, batch 16: peak memory (VmHWM), least time of an update, gradients",
        "pieces": found,
        "gradient_difference_of_the_batch_reversed": gradients[PIECES[-1]]["reversed"],
        "before_the_first_update_mib": median(one[1]["before"] for one in rounds),
        "environment": environment() | {"command": ["python", "benchmarks/accumulate.py"]},
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    for pieces, one in found.items():
        print(
            f"{pieces} pieces: {one['peak_mib']:6.0f} MiB ({one['peak_mib'] / whole['peak_mib']:.2f}), "
            f"{one['seconds_an_update']:.2f} s an update, gradients differ by {one['gradient_difference']:.1e}"
        )


def prepared(folder: Path, pieces: int, *words: str) -> Any:
    """The learner of a training that is about to begin."""
    from pixelwise.engine.hardware.allocator import keep_large_buffers

    keep_large_buffers()
    from pixelwise.engine.train import prepare
    from pixelwise.recipe.load import load_recipe

    recipe = load_recipe(RECIPE, [*WORDS, f"train.accumulate={pieces}", *words])
    learner = prepare(recipe, data=folder / "data").learner
    learner.begin(0)
    return learner


def steps(folder: Path, pieces: int) -> None:
    learner = prepared(folder, pieces)
    before, seconds = memory()["now"], []
    (batch,) = learner.batches(0, skip=0, steps=1)
    for number in range(UPDATES):
        began = time.perf_counter()
        learner.step(batch, 1e-3, number)
        seconds.append(time.perf_counter() - began)
    print(json.dumps({**memory(), "before": before, "seconds": min(seconds)}))


def gradients(folder: Path, pieces: int) -> None:
    """How far the gradient in pieces is from that of the whole, and for scale how far that of the batch in reverse order is."""
    whole, cut = gradient(folder, 1), gradient(folder, pieces)
    print(json.dumps({"difference": apart(whole, cut), "reversed": apart(whole, gradient(folder, 1, turned=True))}))


def gradient(folder: Path, pieces: int, *, turned: bool = False) -> list[Any]:
    learner = prepared(folder, pieces, "model.norm=none")
    (batch,) = learner.batches(0, skip=0, steps=1)
    if turned:
        targets = {head: target.flip(0) for head, target in batch.targets.items()}
        batch = replace(batch, images=batch.images.flip(0), targets=targets)
    learner.step(batch, 1e-3, 0)
    return [parameter.grad for parameter in learner.model.parameters()]


def apart(one: list[Any], other: list[Any]) -> float:
    """The norm of the difference, relative to the norm of the first."""
    squares = sum(float((a - b).double().square().sum()) for a, b in zip(one, other, strict=True))
    return float((squares / sum(float(a.double().square().sum()) for a in one)) ** 0.5)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    else:
        {"steps": steps, "gradients": gradients}[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
