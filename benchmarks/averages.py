"""What two kinds of averaging change in a recipe's scores: of weights (`train.ema`) and of views (`--flips`, `--scales`).

    python benchmarks/averages.py          # voc2007/lite0_fpn, seeds 0 to 2; writes averages.json beside this file
    python benchmarks/averages.py --recipe stanford_background/lite0_fpn --seeds 3 --out averages_stanford.json
    python benchmarks/averages.py train.phases.1.epochs=20          # with changes of the recipe

Each run is trained into --runs unless it is there already, so an interrupted measurement continues. Every run is scored on the
validation split with each set of views. The difference to the plain run of the same seed is given with its mean and, for
several seeds, its standard deviation. Minutes are those of the training, whatever else the machine did.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

from pixelwise.run.environment import environment
from pixelwise.run.folder import RunFolder

EMA = (None, 0.99, 0.999)
VIEWS: tuple[tuple[str, bool, tuple[float, ...]], ...] = (
    ("plain", False, (1.0,)),
    ("flips", True, (1.0,)),
    ("scales", False, (0.75, 1.0, 1.25)),
    ("flips and scales", True, (0.75, 1.0, 1.25)),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("changes", nargs="*", help="changes of the recipe, e.g. train.phases.1.epochs=20")
    parser.add_argument("--recipe", default="voc2007/lite0_fpn")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--runs", type=Path, default=Path("runs/averages"))
    parser.add_argument("--data", type=Path)
    parser.add_argument(
        "--score", default="", help="name of a score; default: the one that chooses the best checkpoint"
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    asked = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for seed in range(asked.seeds):
        for ema in EMA:
            run = trained(asked, seed, ema)
            rows += [{"seed": seed, "ema": ema, "views": name, **scored(asked, run, *how)} for name, *how in VIEWS]
            write(asked, rows)
    for one in summary(rows):
        print(
            f"ema {one['ema']}, {one['views']}: {one['mean']:.4f} ({one['difference']:+.4f} ± {one['spread'] or 0:.4f})"
        )


def trained(asked: argparse.Namespace, seed: int, ema: float | None) -> Path:
    """The finished run of the recipe in this folder. It is trained or resumed first, if it is not finished."""
    from pixelwise.engine.hardware.allocator import keep_large_buffers

    keep_large_buffers()
    from pixelwise.engine.train import resume, train
    from pixelwise.recipe.load import load_recipe

    path = asked.runs / f"{asked.recipe.replace('/', '-')}-seed{seed}-ema{ema or 0}"
    if not path.exists():
        words = [*asked.changes, f"train.seed={seed}", f"train.ema={'null' if ema is None else ema}"]
        events = train(load_recipe(asked.recipe, words), path, data=asked.data)
    elif not (path / "summary.json").exists():
        events = resume(path, data=asked.data)
    else:
        return path
    for event in events:
        if event.kind == "epoch":
            print(path.name, "epoch", event.epoch, flush=True)
    return path


def scored(asked: argparse.Namespace, path: Path, flips: bool, scales: tuple[float, ...]) -> dict[str, Any]:
    from pixelwise.engine.evaluate import pick_score
    from pixelwise.predict.predictor import score_run
    from pixelwise.types import Score

    record, _ = score_run(path, data=asked.data, flips=flips, scales=scales)
    run = RunFolder.open(path)
    wanted = asked.score or str(run.recipe_tree()["train"]["best"])
    scores = [Score.from_record(score) for metric in record["metrics"] for score in metric["scores"]]
    if (found := pick_score(scores, wanted)) is None:
        raise SystemExit(f"no score '{wanted}' in {path}")
    seconds = run.read("summary")["seconds"]["total"]
    return {"score": found.name, "value": found.value, "epoch": record["epoch"], "minutes": round(seconds / 60, 1)}


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each way of averaging: mean, and the differences to the plain run of the same seed."""
    plain = {row["seed"]: row["value"] for row in rows if row["ema"] is None and row["views"] == "plain"}
    found = []
    for ema, views in dict.fromkeys((row["ema"], row["views"]) for row in rows):
        these = [row for row in rows if (row["ema"], row["views"]) == (ema, views)]
        gains = [row["value"] - plain[row["seed"]] for row in these]
        found.append(
            {
                "ema": ema,
                "views": views,
                "seeds": len(these),
                "mean": statistics.mean(row["value"] for row in these),
                "difference": statistics.mean(gains),
                "spread": statistics.stdev(gains) if len(gains) > 1 else None,
                "gains": gains,
            }
        )
    return found


def write(asked: argparse.Namespace, rows: list[dict[str, Any]]) -> None:
    result = {
        "what": f"{rows[0]['score']} of {asked.recipe} on its validation split, with averaged weights and averaged views",
        "recipe": asked.recipe,
        "changes": asked.changes,
        "ways": summary(rows),
        "runs": rows,
        "environment": environment() | {"command": ["python", "benchmarks/averages.py"]},
    }
    asked.out.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
