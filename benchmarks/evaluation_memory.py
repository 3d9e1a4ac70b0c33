"""Peak memory of `pixelwise evaluate` on few and on many pictures: it must not grow with their number.

    python benchmarks/evaluation_memory.py            # writes evaluation_memory.json beside this file
    python benchmarks/evaluation_memory.py case objects 1      # one case again, in one round: the other stays in the file

Two cases: class maps, and objects by a watershed, whose masks are not kept. The pictures are drawn scenes of 96×96, cached
before; each evaluation is its own process, in turn; the peak is the kernel's (VmHWM), which counts what the process maps of
the cache as well.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from child import memory, run_child
from pixelwise.run.environment import environment

ROUNDS, SIDE = 3, 96
CASES = {"class maps": ("quickstart", (100, 2000)), "objects": ("scenes/watershed", (200, 2000))}  # recipe, pictures


def main(names: Sequence[str] = tuple(CASES), rounds: int = ROUNDS) -> None:
    file = Path(__file__).with_suffix(".json")
    kept = json.loads(file.read_text())["cases"] if set(names) < set(CASES) else {}
    where = environment() | {"command": ["python", "benchmarks/evaluation_memory.py", *sys.argv[1:]]}
    for name in names:
        kept[name] = {**measured(*CASES[name], rounds), "commit": where["commit"]}
    result = {
        "what": "peak memory (VmHWM, MiB) of an evaluation in its own process, median",
        "pixels": f"{SIDE}×{SIDE}",
        "cases": kept,
        "environment": where,
    }
    file.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")


def measured(recipe: str, counts: tuple[int, int], rounds: int) -> dict[str, object]:
    """The peaks of one case, and the ratio of the one with many pictures to the one with few."""
    with TemporaryDirectory() as folder:
        for count in counts:
            run_child(__file__, "train", folder, count, recipe)
            run_child(__file__, "evaluate", folder, count)  # draws and caches the pictures
        all_rounds = [
            {count: run_child(__file__, "evaluate", folder, count) for count in counts} for _ in range(rounds)
        ]
    few, many = (
        {one: median(done[count][one] for done in all_rounds) for one in ("peak", "before")} for count in counts
    )
    ratio = round(many["peak"] / few["peak"], 4)
    print(
        f"{recipe}: {counts[0]} pictures {few['peak']:.0f} MiB, {counts[1]} {many['peak']:.0f} MiB, ratio {ratio:.3f}"
    )
    peaks = {count: {"peak_mib": one["peak"]} for count, one in zip(counts, (few, many), strict=True)}
    measures = {"pictures": peaks, "ratio": ratio, "before_evaluating_mib": few["before"]}
    return {"recipe": recipe, "rounds": rounds, **measures}


def train(folder: Path, count: int, recipe: str) -> None:
    """The shortest training that leaves a run whose data set has a test split of `count` pictures."""
    from pixelwise.engine.train import train as events
    from pixelwise.recipe.load import load_recipe

    changes = ["train=16", "val=8", f"test={count}", f"size={SIDE}"]
    overrides = [*(f"data.dataset.{change}" for change in changes), "train.phases.0.epochs=1", "gallery=0"]
    overrides += ["model.width=4", "model.depth=2", "hardware.precision=fp32"]
    for _ in events(load_recipe(recipe, overrides), folder / f"run-{count}", data=folder / "data"):
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
    elif sys.argv[1] == "case":
        main([sys.argv[2]], int(sys.argv[3]))
    else:
        {"train": train, "evaluate": evaluate}[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
