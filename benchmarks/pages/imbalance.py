"""The tables of docs/class_imbalance.md, from the results of the recipes. Nothing is trained here.

python benchmarks/pages/imbalance.py              write the page
python benchmarks/pages/imbalance.py RUN...       first record these runs of the two tuning recipes in longtail_tuning.json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lesson

from pixelwise.report.record import scores_of
from pixelwise.run.atomic import write_json
from pixelwise.run.environment import machine_of
from pixelwise.run.folder import RunFolder

LONG = {  # rows of the first table; a recipe that was not run is left out
    "short/resnet32_ce": "cross-entropy",
    "softmax/resnet32_focal": "focal loss, softmax",
    "softmax/resnet32_cb_focal": "class-balanced focal loss, softmax",
    "softmax/beta/0.9": "the same, β = .9",
    "softmax/beta/0.99": "the same, β = .99",
    "softmax/beta/0.999": "the same, β = .999",
    "short/resnet32_focal": "focal loss, sigmoid",
    "short/resnet32_cb_focal": "class-balanced focal loss, sigmoid",
    "short/beta/0.9": "the same, β = .9",
    "short/beta/0.99": "the same, β = .99",
    "short/beta/0.999": "the same, β = .999",
    "short/resnet32_cb_drw": "cross-entropy, then class-balanced",
}
TUNED = {
    "short/resnet32_ce": "cross-entropy, not tuned",
    "softmax/tuned/resnet32_ce": "cross-entropy, tuned",
    "softmax/resnet32_focal": "focal loss, softmax, not tuned",
    "softmax/tuned/resnet32_focal": "focal loss, softmax, tuned",
}
HEAD = ["loss", "many", "medium", "accuracy", "calibration error"]
TUNING = lesson.HERE / "longtail_tuning.json"
DECAYS = (2e-4, 5e-4, 1e-3, 2e-3, 4e-3)
VOC = {
    "majority": "background everywhere",
    "pixel_frequency": "most frequent class of each pixel",
    "basic_fcn": "`basic_fcn`",
    "basic_fcn_weighted": "`basic_fcn`, classes weighted",
    "unet": "`unet`",
    "lean_unet": "`lean_unet`",
    "shared_pyramid": "`shared_pyramid`",
    "lite0_linear_probe": "`linear_probe` on ImageNet weights",
    "lite0_fpn": "`fpn` on ImageNet weights",
}


def cell(result: Any, split: str, prefix: str) -> str:
    """The values over seeds of the score whose key starts so. What has no parameters needs no second seed."""
    found = lesson.scored(result, split, prefix)
    if len(found) > 1:
        return lesson.cell(found)
    return f"{found[0]:.3f}" + (" (one seed)" if result["parameters"] else "")


def recorded(runs: Sequence[Path]) -> None:
    """Write longtail_tuning.json from runs of the two tuning recipes."""
    rows, machines, commits = [], set(), set()
    for run in map(RunFolder, runs):
        recipe, environment = run.read("setup")["recipe"], run.read("environment")
        scores = [one for metric in run.read("summary")["splits"]["val"]["metrics"] for one in scores_of(metric)]
        optimizer = recipe["train"]["optimizer"]
        rows.append(
            {
                "loss": recipe["loss"]["name"],
                "gamma": recipe["loss"].get("gamma"),
                "learning_rate": optimizer["learning_rate"],
                "weight_decay": optimizer["weight_decay"],
                "seed": recipe["train"]["seed"],
                "accuracy": next(one.value for one in scores if one.name == "accuracy"),
            }
        )
        machines.add(machine_of(environment))
        commits.add(environment["commit"])
    rows.sort(key=lambda row: [str(value) for value in row.values()])
    what = "cifar10_longtail/softmax/tuning: accuracy on the 5,000 pictures held out"
    write_json(TUNING, {"what": what, "machine": sorted(machines), "commit": sorted(commits), "rows": rows})


def tuning() -> str:
    """The grid over learning rate and weight decay; the best setting of a loss is bold."""
    rows = json.loads(TUNING.read_text(encoding="utf-8"))["rows"]
    lines = []
    for words, loss, gamma in (("cross-entropy", "cross_entropy", None), ("focal loss, γ = 1", "focal", 1.0)):
        mine = [row for row in rows if (row["loss"], row["gamma"]) == (loss, gamma)]
        best = max(row["accuracy"] for row in rows if row["loss"] == loss)
        for rate in sorted({row["learning_rate"] for row in mine}):
            found = [lesson.values(mine, "accuracy", learning_rate=rate, weight_decay=decay) for decay in DECAYS]
            cells = ["–" if not one else f"**{one[0]:.3f}**" if one == [best] else f"{one[0]:.3f}" for one in found]
            lines.append([f"{words}, rate {rate:g}", *cells])
    return lesson.table(["loss, learning rate", *(f"decay {decay:g}" for decay in DECAYS)], lines)


def rows_of(names: dict[str, str]) -> list[list[str]]:
    """A row for each recipe of the long tail that was run."""
    keys = ("accuracy_many", "accuracy_medium", "accuracy", "calib")
    found = [(words, lesson.record(f"cifar10_longtail/{name}")) for name, words in names.items()]
    return [[words, *(cell(one, "test", key) for key in keys)] for words, one in found if one]


def tables() -> dict[str, str]:
    voc = []
    for name, words in VOC.items():
        keys = (f"{score}[void=background" for score in ("pixel_accuracy", "mean_class_accuracy", "mean_iou"))
        voc.append([words, *(cell(lesson.record(f"voc2007/{name}"), "val", key) for key in keys)])
    return {
        "longtail": lesson.table(HEAD, rows_of(LONG)),
        "tuning": tuning(),
        "tuned": lesson.table(HEAD, rows_of(TUNED)),
        "voc": lesson.table(["network", "pixel accuracy", "mean class accuracy", "mean IoU"], voc),
    }


if __name__ == "__main__":
    if sys.argv[1:]:
        recorded([Path(given) for given in sys.argv[1:]])
    lesson.write_page("class_imbalance.md", tables(), {})
