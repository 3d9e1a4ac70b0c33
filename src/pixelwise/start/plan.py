"""A recipe made for a folder: task, size, model, loss, metric and length, each with its reason."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from pixelwise.data.checks.survey import Survey
from pixelwise.errors import PixelwiseError
from pixelwise.recipe.load import check_recipe
from pixelwise.recipe.override import apply_overrides
from pixelwise.recipe.schema import Recipe
from pixelwise.start.recognise import Found

ENCODER = "tf_efficientnet_lite0"
# pixels of a picture in training, at most
AREA = {"masks": 320 * 256, "objects": 384 * 320, "classes": 224 * 224, "pictures": 64 * 64}
GRAIN = {"masks": 32, "objects": 32, "classes": 32, "pictures": 8}  # sizes are multiples of it
BYTES = 5_000  # of memory for each pixel of a batch: a process took 1.5 GiB for 4 pictures of 256×320 with the pyramid on lite0
UPDATES, FEWEST_EPOCHS, MOST_EPOCHS = 700, 8, 40
OTHER = 1.3  # times wider or narrower than the median is another shape
UNEVEN = {"masks": 20.0, "classes": 3.0}  # most frequent class over the rarest, from which classes are weighted


@dataclass(frozen=True)
class Plan:
    """A recipe as a tree of plain values in the order in which it is written.

    reasons:  key such as `data.size` → one sentence, which is written beside it
    frozen:   epochs in which the encoder stays unchanged, 0 from scratch
    """

    found: Found
    size: tuple[int, int]
    batch: int
    pretrained: bool
    total: int
    title: str
    weighted: bool = False
    classes: int = 2
    best: str = ""
    fit: str = "squash"
    changes: tuple[str, ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def frozen(self) -> int:
        return max(1, self.total // 4) if self.pretrained else 0

    @property
    def tree(self) -> dict[str, Any]:
        return apply_overrides(self._planned(), self.changes)

    def _planned(self) -> dict[str, Any]:
        tree: dict[str, Any] = {"title": self.title, "task": _TASKS[self.found.kind]}
        told = {"fit": "" if self.fit == "squash" else self.fit, "exclude": self.found.exclude}
        tree["data"] = {"dataset": self.found.dataset, "size": list(self.size), **{k: v for k, v in told.items() if v}}
        tree["augment"] = _augment(self.found.kind, self.size)
        tree["model"] = _model(self.found.kind, self.pretrained)
        if self.found.kind == "objects":
            tree["loss"] = {"inside": "cross_entropy", "distance": {"name": "smooth_l1", "factor": 10}}
        if self.weighted:
            tree["loss"] = {"name": "cross_entropy", "weights": "rarity"}
        if self.found.kind == "masks":
            tree["metrics"] = ["foreground_iou", "confusion"] if self.classes == 2 else ["confusion"]
        tree["train"] = self._train()
        return tree

    def _train(self) -> dict[str, Any]:
        colours = self.found.kind == "pictures"
        optimizer: dict[str, Any] = {"name": "adamw", "learning_rate": 3e-3 if colours else 2e-3, "weight_decay": 0.01}
        phases: list[dict[str, Any]] = [{"epochs": self.total}]
        if self.pretrained:
            optimizer["parts"] = {"encoder": 0.2}
            rest = {"epochs": self.total - self.frozen, "learning_rate": 5e-4, "freeze_statistics": ["encoder"]}
            phases = [{"epochs": self.frozen, "freeze": ["encoder"]}, rest]
        train: dict[str, Any] = {"batch": self.batch, "optimizer": optimizer}
        train |= {"schedule": {"name": "cosine", "warmup": 0.5}, "clip": 1.0}
        if self.best:
            train["best"] = self.best
        return {**train, "phases": phases}

    def smaller(self, share: float) -> Plan:
        """The plan with pictures of about this share of the pixels, at least a quarter of them."""
        grain, side = GRAIN[self.found.kind], math.sqrt(max(0.25, share))
        height, width = (max(2 * grain, math.floor(one * side / grain) * grain) for one in self.size)
        why = f"Smaller than they could be ({self.size[1]}×{self.size[0]}), so that enough epochs fit into the time."
        return replace(self, size=(height, width), reasons={**self.reasons, "data.size": f"Height, width. {why}"})

    def recipe(self) -> Recipe:
        return check_recipe(self.tree, where="the recipe")

    def as_long_as(self, total: int) -> Plan:
        return replace(self, total=max(2 if self.pretrained else 1, total))


def make_plan(found: Found, seen: Survey, *, root: Path | None, changes: Sequence[str] = ()) -> Plan:
    """The plan for what was found.

    root:     the data folder, where weights may lie
    changes:  words a.b=c that replace what is planned
    """
    given = _given(changes)
    sizes = np.array([facts.size for facts in seen.readable if facts.size is not None] or [(256, 256)])
    size, why_size = choose_size(found.kind, sizes)
    if "size" in given:
        size, why_size = given["size"], ""
    fit, why_fit = choose_fit(sizes)
    train = max(1, len(seen.of("train")))
    batch, why_batch = choose_batch(size, train, memory_available())
    batch = given.get("batch", batch)
    steps = -(-train // batch)
    total = min(MOST_EPOCHS, max(FEWEST_EPOCHS, -(-UPDATES // steps)))
    counts = seen.class_counts()
    weighted, why_loss = _weighting(found.kind, counts, seen.info.classes)
    best = _best(found, counts)
    reasons = {"data.size": why_size, "data.fit": why_fit, "train.batch": why_batch, "loss": why_loss}
    reasons["data.exclude"] = "Pictures that are also in another split." if found.exclude else ""
    plan = Plan(
        found,
        size,
        batch,
        found.kind != "pictures" and "model" not in given,
        total,
        _title(found),
        weighted,
        len(counts),
        best,
        fit,
        tuple("model=" + word.partition("=")[2] if word.startswith("model.name=") else word for word in changes),
        reasons,
    )
    if plan.pretrained:
        plan = _with_weights(plan, root)
    return replace(plan, reasons={**_REASONS[found.kind], **{key: why for key, why in plan.reasons.items() if why}})


def _given(changes: Sequence[str]) -> dict[str, Any]:
    """The typed size, batch and model, on which the rest of a plan depends."""
    model = [word for word in changes if word.partition("=")[0] in ("model", "model.name", "model.weights")]
    found: dict[str, Any] = {"model": True} if model else {}
    for key, name in (("data.size", "size"), ("train.batch", "batch")):
        words = [word for word in changes if word.partition("=")[0] == key]
        value = apply_overrides({}, words).get(key.partition(".")[0], {}).get(name)
        if name == "size" and isinstance(value, list) and len(value) == 2 and all(isinstance(n, int) for n in value):
            found[name] = (value[0], value[1])
        elif name == "batch" and isinstance(value, int) and value > 0:
            found[name] = value
    return found


def _with_weights(plan: Plan, root: Path | None) -> Plan:
    """The plan with pretrained weights if they are available, else from scratch, with the consequences."""
    from pixelwise.engine.pretrained import RANDOM, find_weights

    try:
        find_weights(plan.recipe(), root)
    except PixelwiseError as error:
        ways = error.problems[0].hint.replace(f"; {RANDOM}", "")  # that is what is planned
        why = f"{error.problems[0].what} {ways}".strip()
        said = (
            "From scratch: the pretrained weights are not here. With few pictures that costs much of the score "
            f"(docs/transfer.md). {why}"
        )
        plan.found.said.append(said)
        return replace(plan, pretrained=False, reasons={**plan.reasons, "model": said})
    said = "An encoder with ImageNet weights. The new layers learn first, then everything, at a lower rate."
    return replace(plan, reasons={**plan.reasons, "model": said})


def choose_size(kind: str, sizes: np.ndarray[Any, Any]) -> tuple[tuple[int, int], str]:
    """(H, W) in the pictures' median shape, no larger than they are, and why."""
    height, width = (float(one) for one in np.median(sizes, axis=0))
    aspect, grain = width / height, GRAIN[kind]
    area = min(AREA[kind], max(height * width, (2 * grain) ** 2))
    size = tuple(
        max(grain, round(side / grain) * grain) for side in (math.sqrt(area / aspect), math.sqrt(area * aspect))
    )
    what = f"Height, width: the shape of the median picture ({width:.0f}×{height:.0f}, width × height)"
    return (size[0], size[1]), f"{what}."


def choose_fit(sizes: np.ndarray[Any, Any]) -> tuple[str, str]:
    """How pictures of other shapes are brought to the size, and why: whole in a letterbox where many have another shape."""
    aspects = sizes[:, 1] / sizes[:, 0]
    median = float(np.median(aspects))
    other = float(((aspects > OTHER * median) | (aspects * OTHER < median)).mean())
    if other <= 0.1:
        return "squash", ""
    return (
        "letterbox",
        f"{100 * other:.0f} % of the pictures have another shape: they are kept whole, with void around them.",
    )


def choose_batch(size: tuple[int, int], train: int, available: int | None) -> tuple[int, str]:
    """A power of two up to 16 that gives an epoch a few updates and takes at most half of the memory, or a number near it.

    No batch leaves a single picture over: layers that normalise by their batch cannot be trained on one small picture.
    """
    height, width = size
    batch = 16 if height * width <= 224 * 224 else 8
    while batch > 2 and batch * 6 > train:
        batch //= 2
    if available is None:
        return _without_one_over(batch, train), "Pictures in each update."
    while batch > 1 and batch * height * width * BYTES > available / 2:
        batch //= 2
    return (
        _without_one_over(batch, train),
        f"Pictures in each update: they need less than half of the {available / 2**30:.1f} GiB of memory that are free.",
    )


def _without_one_over(batch: int, train: int) -> int:
    """The batch, else the nearest one that does not leave a single picture over: for 5 pictures 3, not 2."""
    near = sorted(range(2, batch + 2), key=lambda other: (abs(other - batch), other))
    return next((other for other in near if train % other != 1), batch) if batch > 1 else batch


def memory_available() -> int | None:
    """Bytes of memory that are free on this machine, or left to its container; None if the system does not say."""
    free = []
    with suppress(OSError, ValueError):
        text = Path("/proc/meminfo").read_text(encoding="ascii")
        free += [int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("MemAvailable:")]
    groups = Path("/sys/fs/cgroup")
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        with suppress(OSError, ValueError):  # no such file, or the word `max`
            free.append(int((groups / limit).read_text()) - int((groups / used).read_text()))
    return max(0, min(free)) if free else None


def _weighting(kind: str, counts: Sequence[int], names: Sequence[str]) -> tuple[bool, str]:
    present = {name: count for name, count in zip(names, counts, strict=True) if count}
    if kind not in UNEVEN or len(present) < 2:
        return False, ""
    most, least = max(present, key=lambda n: present[n]), min(present, key=lambda n: present[n])
    ratio = present[most] / present[least]
    if ratio <= UNEVEN[kind]:
        return False, ""
    return True, f"'{most}' is {ratio:,.0f} times as frequent as '{least}', so rare classes weigh more."


def _best(found: Found, counts: Sequence[int]) -> str:
    """The score that chooses the best epoch; empty: the task's own."""
    if found.kind == "masks" and len(counts) == 2:
        return "foreground_iou"
    present = [count for count in counts if count]
    uneven = bool(present) and max(present) > 2 * min(present)
    return "balanced_accuracy" if found.kind == "classes" and uneven else ""


def _title(found: Found) -> str:
    return f"{found.name}: {_WHAT[found.kind]}"


_WHAT = {
    "masks": "a class for every pixel",
    "objects": "a mask for every object",
    "classes": "a class for every picture",
    "pictures": "colours from grey",
}
_TASKS = {"masks": "segment", "objects": "separate", "classes": "classify", "pictures": "colourize"}
_WINDOWS = "Windows of the pictures, mirrored at random. Remove the flip if left and right matter."
_REASONS: Mapping[str, Mapping[str, str]] = {
    "masks": {"augment": _WINDOWS},
    "objects": {
        "augment": _WINDOWS,
        "loss": "Whether a pixel is in an object, and how deep: a watershed of the depth separates objects that touch.",
    },
    "classes": {"augment": _WINDOWS},
    "pictures": {"augment": "Pictures are mirrored at random.", "model": "A small U-Net for colours, from scratch."},
}


def _augment(kind: str, size: tuple[int, int]) -> list[dict[str, Any]]:
    flip = {"name": "flip", "p": 0.5}
    return [flip] if kind == "pictures" else [flip, {"name": "scale_crop", "size": list(size), "scale": [0.4, 1.0]}]


_FROM_SCRATCH: Mapping[str, dict[str, Any]] = {
    "masks": {"name": "shared_pyramid", "width": 64},
    "objects": {"name": "unet", "width": 16, "depth": 4, "norm": "group"},
    "classes": {"name": "resnet"},
    "pictures": {"name": "colour_unet", "num_filters": 24},
}


def _model(kind: str, pretrained: bool) -> dict[str, Any]:
    if not pretrained:
        return _FROM_SCRATCH[kind]
    if kind == "classes":
        return {"name": "encoder_classifier", "encoder": ENCODER, "weights": "imagenet"}
    maps = {"strides": [4, 8, 16, 32], "channels": 128, "dropout": 0.2}
    return {"name": "fpn", "encoder": ENCODER, **maps, "weights": "imagenet"}
