"""Records in words: scores, conventions, numbers and durations, the same on screen and in the report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from pixelwise.types import OverPictures, Score

ABSENT = "–"  # shown where there is no number

SCORES = {
    "pixel_accuracy": "pixel accuracy",
    "mean_iou": "mean IoU",
    "mean_class_accuracy": "mean class accuracy",
    "mean_dice": "mean Dice",
    "frequency_weighted_iou": "frequency-weighted IoU",
    "top_accuracy": "top-k accuracy",
    "accuracy_many": "accuracy, frequent classes",
    "accuracy_medium": "accuracy, medium classes",
    "accuracy_few": "accuracy, rare classes",
    "f1": "F1",
    "iou": "IoU",
    "mean_ap": "mean AP",
    "ap": "AP",
    "ap_all_points": "AP, interpolated",
    "ap_none": "AP, not interpolated",
    "foreground_iou": "foreground IoU",
    "thresholded_iou": "thresholded IoU",
    "dice": "Dice",
    "map": "mAP",
    "mask_ap": "mask AP",
    "mask_ap50": "mask AP at IoU .50",
    "mask_ap75": "mask AP at IoU .75",
    "mask_ar": "mask average recall",
    "box_ap": "box AP",
    "box_ap50": "box AP at IoU .50",
    "box_ap75": "box AP at IoU .75",
    "box_ar": "box average recall",
    "count_error": "mean error of the number of objects",
    "train_loss": "training loss",
    "psnr": "PSNR",
    "delta_e": "mean ΔE",
    "palette_psnr": "PSNR of the palette",
    "palette_delta_e": "mean ΔE of the palette",
}
CONVENTIONS = {
    "void": {"none": "no void", "ignore": "void ignored", "background": "void counts as background"},
    "classes": {
        "truth_or_prediction": "classes in truth or prediction",
        "truth": "classes in truth",
    },
    "interpolation": {"all_points": "VOC: interpolated at all points", "none": "not interpolated, as scikit-learn"},
    "over": {"pictures": "mean over pictures", "split": "over the whole split"},
    "empty": {"skipped": "pictures without foreground skipped"},
    "reference": {"original": "against the original"},
    "mse": {"pooled": "in dB, error over all pixels"},
    "formula": {"cie76": "CIELAB, CIE 1976"},
    "objects": {"all": "share of all objects", "touching": "share of touching objects"},
    "epoch": {"best": "best epoch", "last": "last epoch"},
}
NUMBERED = {
    "k": "k = {}",
    "bins": "{} intervals of confidence",
    "palette": "over {} palette colours",
    "term": "{}",
    "iou": "IoU {}",
    "detections": "at most {} of a class in a picture",
}
TRAINING = {">": "more than {} training pictures", "<": "fewer than {} training pictures"}


def score_label(name: str) -> str:
    """A score's name, or its key, as a person reads it: `mean_iou[void=ignore]` → `mean IoU`."""
    short = Score.from_key(name).name
    return SCORES.get(short, short.replace("_", " "))


def convention_label(convention: Mapping[str, str]) -> str:
    """A convention as a person reads it.

    >>> convention_label({"void": "ignore", "classes": "truth"}), convention_label({"n": "<20"})
    ('void ignored, classes in truth', 'fewer than 20 training pictures')
    """
    return ", ".join(_part_label(name, value) for name, value in convention.items())


def _part_label(name: str, value: str) -> str:
    if name == "n":  # classes by the number of their training pictures
        return TRAINING.get(value[:1], "{} training pictures").format(value.lstrip("<>").replace("..", " to "))
    if name in NUMBERED:
        return NUMBERED[name].format(value)
    return CONVENTIONS.get(name, {}).get(value) or (f"{name}: {value}" if value else name)


def listed(words: Sequence[str]) -> str:
    """Words in a sentence: `a, b and c`."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else ""


def counted(count: int, noun: str) -> str:
    """A number and a noun in the singular or plural.

    >>> counted(1, "run"), counted(2000, "picture")
    ('1 run', '2,000 pictures')
    """
    return f"1 {noun}" if count == 1 else f"{count:,} {noun}s"


def number(value: float | str | None, digits: int = 4) -> str:
    """A score with `digits` decimals, or a dash if there is none; a text stays unchanged.

    >>> number(0.41266), number(None), number("about .05")
    ('0.4127', '–', 'about .05')
    """
    if isinstance(value, str):
        return value
    if value is None or not math.isfinite(value):
        return ABSENT
    return f"{value:.{digits}f}"


def interval_label(interval: OverPictures | None, digits: int = 4) -> str:
    """An interval over pictures as a person reads it, or why there is none.

    >>> interval_label(OverPictures(0.41266, 0.5, n=213)), interval_label(None)
    ('0.4127 … 0.5000', '–')
    """
    if interval is None or interval.low is None or interval.high is None:
        return ABSENT if interval is None else interval.lack or ABSENT
    return f"{number(interval.low, digits)} … {number(interval.high, digits)}"


def quantity(value: float | None) -> str:
    """A count as a person reads it: whole up to a hundred thousand, then with its unit.

    >>> quantity(5500), quantity(5_500_245), quantity(2.53e9)
    ('5,500', '5.50 million', '2.53 billion')
    """
    if value is None:
        return ABSENT
    for size, unit in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if abs(value) >= size:
            return f"{value / size:.2f} {unit}"
    return f"{value:,.0f}"


def duration(seconds: float | None) -> str:
    """A time as a person reads it.

    >>> duration(3.21), duration(75), duration(4020)
    ('3.2 s', '1 min 15 s', '1 h 07 min')
    """
    if seconds is None or not math.isfinite(seconds):
        return ABSENT
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min"


def clock(seconds: float) -> str:
    """Time that is left, short enough for a progress line: `0:42`, `1:05:00`."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
