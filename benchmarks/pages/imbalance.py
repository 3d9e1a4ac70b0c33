"""The tables of docs/class_imbalance.md, from the results of the recipes. Nothing is trained here.

python benchmarks/pages/imbalance.py
"""

from __future__ import annotations

from typing import Any

import lesson

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


def tables() -> dict[str, str]:
    long, voc = [], []
    for name, words in LONG.items():
        if result := lesson.record(f"cifar10_longtail/{name}"):
            keys = ("accuracy_many", "accuracy_medium", "accuracy", "calib")
            long.append([words, *(cell(result, "test", key) for key in keys)])
    for name, words in VOC.items():
        keys = (f"{score}[void=background" for score in ("pixel_accuracy", "mean_class_accuracy", "mean_iou"))
        voc.append([words, *(cell(lesson.record(f"voc2007/{name}"), "val", key) for key in keys)])
    return {
        "longtail": lesson.table(["loss", "many", "medium", "accuracy", "calibration error"], long),
        "voc": lesson.table(["network", "pixel accuracy", "mean class accuracy", "mean IoU"], voc),
    }


if __name__ == "__main__":
    lesson.write_page("class_imbalance.md", tables(), {})
