"""Finds the place of a key that is written in the wrong place of a recipe, or under its name in another package."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from pixelwise.errors import PixelwiseError
from pixelwise.recipe.engines import shelves
from pixelwise.recipe.misfits import name_of
from pixelwise.recipe.schema import EarlyStopping, Phase, Recipe

PHASE = "train.phases.0"
ITEMS = {  # where items are, and their kind
    "task": "task",
    "model": "model",
    "loss": "loss",
    "data.dataset": "dataset",
    "train.optimizer": "optimizer",
    "train.schedule": "schedule",
}

# Names of other packages, and names of ours that occur in several places: the keys that are meant, the likeliest first.
MEANT: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("epochs", "num_epochs", "n_epochs", "max_epochs", "nb_epoch", "epoch"), (f"{PHASE}.epochs",)),
    **dict.fromkeys(("steps", "max_steps", "num_steps", "iterations", "max_iter", "max_iters"), (f"{PHASE}.steps",)),
    **dict.fromkeys(("lr", "learning_rate", "base_lr", "lr0", "max_lr", "rate"), ("train.optimizer.learning_rate",)),
    **dict.fromkeys(
        ("batch_size", "batchsize", "bs", "train_batch_size", "per_device_train_batch_size"), ("train.batch",)
    ),
    **dict.fromkeys(("wd", "weight_decay", "decay"), ("train.optimizer.weight_decay",)),
    **dict.fromkeys(("random_seed", "random_state", "manual_seed", "seed"), ("train.seed",)),
    **dict.fromkeys(("num_workers", "n_workers", "dataloader_num_workers"), ("data.workers",)),
    **dict.fromkeys(("optim", "opt", "solver", "optimizer"), ("train.optimizer",)),
    **dict.fromkeys(("scheduler", "lr_scheduler", "lr_schedule", "schedule"), ("train.schedule",)),
    **dict.fromkeys(("warmup_epochs", "warmup"), ("train.schedule.warmup",)),
    **dict.fromkeys(("grad_clip", "clip_grad", "gradient_clip_val", "max_grad_norm", "clip"), ("train.clip",)),
    **dict.fromkeys(("patience", "early_stopping_patience"), ("train.early_stopping.patience",)),
    **dict.fromkeys(
        ("parts", "lr_mult", "lr_multipliers", "param_groups", "paramwise_cfg", "parameter_groups"),
        ("train.optimizer.parts",),
    ),
    **dict.fromkeys(
        ("accumulate", "accumulation_steps", "grad_accum", "accumulate_grad_batches", "gradient_accumulation_steps"),
        ("train.accumulate",),
    ),
    **dict.fromkeys(("ema", "ema_decay", "use_ema", "model_ema", "polyak", "moving_average"), ("train.ema",)),
    **dict.fromkeys(("monitor", "best"), ("train.best",)),
    **dict.fromkeys(("accelerator", "gpu", "gpus", "cuda", "device"), ("hardware.device",)),
    **dict.fromkeys(("amp", "fp16", "bf16", "half", "mixed_precision", "dtype", "precision"), ("hardware.precision",)),
    **dict.fromkeys(("memory_format", "channels_last"), ("hardware.layout",)),
    **dict.fromkeys(("num_threads", "n_threads"), ("hardware.threads",)),
    **dict.fromkeys(("img_size", "image_size", "imgsz", "input_size", "crop_size", "resize", "size"), ("data.size",)),
    **dict.fromkeys(("criterion", "loss_fn", "loss_function"), ("loss",)),
    **dict.fromkeys(("metric",), ("metrics",)),
    **dict.fromkeys(("arch", "architecture", "network", "net"), ("model",)),
    **dict.fromkeys(("encoder", "encoder_name"), ("model.encoder", "model")),
    "backbone": ("model.backbone", "model.encoder", "model"),
    **dict.fromkeys(("pretrained", "encoder_weights", "weights_backbone"), ("model.weights",)),
    **dict.fromkeys(("initialization", "initialisation", "weight_init", "init_weights"), ("model.init",)),
    **dict.fromkeys(("transforms", "augmentation", "augmentations", "aug"), ("augment",)),
    **dict.fromkeys(("dataset",), ("data.dataset",)),
    **dict.fromkeys(("root", "data_path", "data_dir", "data_root"), ("data.dataset.path",)),
    **dict.fromkeys(("val", "valid", "val_split", "validation_split"), ("data.validation", "data.dataset.val")),
    **dict.fromkeys(("skip", "drop", "omit", "blacklist", "leave_out", "exclude"), ("data.exclude",)),
    **dict.fromkeys(("num_classes", "n_classes", "classes"), ("data.dataset.classes",)),
}


def right_key(key: str, tree: Mapping[str, Any], *, near: bool = False) -> str:
    """The whole path of the key that is meant by `key`, the last part of a path that does not exist; may be empty.

    tree:  the recipe as written: its items determine the options
    near:  whether a similar name counts, too
    """
    name = key.strip("-").replace("-", "_").lower()
    known = list(known_keys(tree))
    ends: dict[str, str] = {}
    for path in known:
        ends.setdefault(path.rpartition(".")[2], path)
    meant = {name: path for name, paths in MEANT.items() if (path := next((p for p in paths if p in known), ""))}
    words = {**ends, **meant}
    similar = difflib.get_close_matches(name, words, n=1, cutoff=0.8) if near else []
    return words.get(name) or (words[similar[0]] if similar else "")


def known_keys(tree: Mapping[str, Any]) -> Iterator[str]:
    """The path of every key that a recipe may have, and of every option of the items that this one names."""
    yield from _fields(Recipe, "")
    yield from (f"{PHASE}.{name}" for name in Phase.model_fields)
    yield from (f"train.early_stopping.{name}" for name in EarlyStopping.model_fields)
    for path, kind in ITEMS.items():
        item: Any = tree
        for part in path.split("."):
            item = item.get(part) if isinstance(item, Mapping) else None
        name = name_of(item) or {"optimizer": "adamw", "schedule": "constant"}.get(kind, "")
        try:
            options = shelves(str(tree.get("engine", "torch")))[kind].signature(name).options if name else {}
        except PixelwiseError:
            continue
        yield from (f"{path}.{option}" for option in options)


def _fields(model: type[BaseModel], where: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield f"{where}{name}"
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _fields(kind, f"{where}{name}.")
