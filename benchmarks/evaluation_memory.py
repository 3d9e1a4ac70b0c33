"""Peak memory of `pixelwise evaluate` on 100 and on 2,000 pictures: it must not grow with their number.

    python benchmarks/evaluation_memory.py            # writes evaluation_memory.json beside this file

The pictures are drawn scenes of 96×96, cached before; each evaluation is its own process, in turn; the peak is the
kernel's (VmHWM), which counts what the process maps of the cache as well.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from child import memory, run_child
from pixelwise.run.environment import environment

COUNTS, ROUNDS, SIDE = (100, 2000), 3, 96


def main() -> None:
    with TemporaryDirectory() as folder:
        for count in COUNTS:
            run_child(__file__, "train", folder, count)
            run_child(__file__, "evaluate", folder, count)  # draws and caches the pictures
        rounds = [{count: run_child(__file__, "evaluate", folder, count) for count in COUNTS} for _ in range(ROUNDS)]
    peaks = {count: median(one[count]["peak"] for one in rounds) for count in COUNTS}
    few, many = COUNTS
    result = {
        "what": "peak memory (VmHWM, MiB) of an evaluation in its own process, median",
        "pictures": {count: {"peak_mib": peaks[count]} for count in COUNTS},
        "pixels": f"{SIDE}×{SIDE}",
        "ratio": round(peaks[many] / peaks[few], 4),
        "before_evaluating_mib": median(one[few]["before"] for one in rounds),
        "rounds": ROUNDS,
        "environment": environment() | {"command": ["python", "benchmarks/evaluation_memory.py"]},
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    print(f"{few} pictures: {peaks[few]:.0f} MiB, {many}: {peaks[many]:.0f} MiB, ratio {result['ratio']:.3f}")


def train(folder: Path, count: int) -> None:
    """The shortest training that leaves a run whose data set has a test split of `count` pictures."""
    from pixelwise.engine.train import train as events
    from pixelwise.recipe.load import load_recipe

    changes = ["train=16", "val=8", f"test={count}", f"size={SIDE}"]
    overrides = [*(f"data.dataset.{change}" for change in changes), "train.phases.0.epochs=1", "gallery=0"]
    overrides += ["model.width=4", "model.depth=2", "hardware.precision=fp32"]
    for _ in events(load_recipe("quickstart", overrides), folder / f"run-{count}", data=folder / "data"):
        pass
    print("{}")


def evaluate(folder: Path, count: int) -> None:
    """What `pixelwise evaluate RUN --split test` does."""
    from pixelwise.engine.hardware.allocator import keep_large_buffers

    keep_large_buffers()
    from pixelwise.engine.evaluate import score_recipe
    from pixelwise.engine.setup import open_learner
    from pixelwise.run.folder import RunFolder

    trained = open_learner(RunFolder.open(folder / f"run-{count}"))
    before = memory()["now"]
    record, _ = score_recipe(trained, "test", data=folder / "data")
    if record["pictures"] != count:
        raise SystemExit(f"scored {record['pictures']} pictures instead of {count}")
    print(json.dumps({**memory(), "before": before}))


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    else:
        {"train": train, "evaluate": evaluate}[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
