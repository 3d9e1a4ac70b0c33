"""What a report says about data, networks and training: tables of the layers and of the settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from pixelwise.compare.gather import Comparison, Group
from pixelwise.paper.sources import Used, initialisers, kind_of
from pixelwise.report.record import Json, Record
from pixelwise.report.tables import OPTIMIZERS
from pixelwise.run.normalisation import NAMES, read_by
from pixelwise.run.words import ABSENT, counted, duration, quantity
from pixelwise.statistics.spread import spread
from pixelwise.terminal.table import Table

NORMALISATIONS = {"BatchNorm2d": "BN", "BatchNormAct2d": "BN", "GroupNorm": "GN", "BatchNorm": "BN", "LayerNorm": "LN"}
ACTIVATIONS = ("ReLU", "ReLU6", "Sigmoid", "Tanh", "GELU", "SiLU", "Softmax")
LONG = 26  # rows
WEIGHTING = ("normalisation", "beta", "uniform")
RULES = {
    "xavier_uniform": "Xavier's rule (Eq. 2)",
    "he_normal": "He's rule (Eq. 3)",
    "small_scores": "variance 1/fan-in in the last layer",
    "linear_classifiers": "0 in linear classifiers",
    "near_equal_scores": "deviation 0.01 in the classifier",
    "xavier": "Xavier's rule (Eq. 2)",  # of model.init
    "he_fan_in": "He's rule with fan-in (Eq. 3)",
    "he_fan_out": "He's rule with fan-out (Eq. 3)",
    "torch": "PyTorch's default",
}


@dataclass(frozen=True)
class Network:
    """A network and the groups that use it. table: None if the run has not recorded its layers."""

    groups: tuple[Group, ...]
    name: str
    options: str
    about: str
    table: Table | None

    @property
    def letters(self) -> list[str]:
        return [group.letter for group in self.groups]

    @property
    def is_long(self) -> bool:
        """Whether its table of layers belongs to the end of the report."""
        return self.table is not None and len(self.table.rows) > LONG


def networks(comparison: Comparison) -> list[Network]:
    """The networks of the groups, each once."""
    found: dict[str, list[Group]] = {}
    for group in comparison.groups:
        model = group.runs[0].record.setup.get("model") or {}
        key = str([model.get("name"), sorted((model.get("options") or {}).items()), model.get("input")])
        found.setdefault(key, []).append(group)
    return [_network(tuple(groups)) for groups in found.values()]


def _network(groups: tuple[Group, ...]) -> Network:
    record = groups[0].runs[0].record
    model = record.setup.get("model") or {}
    counted = [(model.get("parameters"), "parameters"), (model.get("macs"), "multiply-adds for one picture")]
    told = [f"{quantity(value)} {words}" for value, words in counted if value] or ["no parameters that are learned"]
    of = f", for an input of {'×'.join(map(str, model['input']))}" if model.get("input") else ""
    table = layer_table(model.get("layers") or ()) if model.get("parameters") else None
    return Network(groups, str(model.get("name") or "network"), options_words(model.get("options") or {}),
                   f"It has {' and '.join(told)}{of}", table)  # fmt: skip


def layer_table(layers: Sequence[Json]) -> Table | None:
    """A row per layer. A normalisation is in the row of the layer before it; equal rows in a row are one, with their number."""
    rows: list[dict[str, Any]] = []
    for layer in layers:
        kind, activation = str(layer.get("kind") or ""), str(layer.get("activation") or "")
        after = NORMALISATIONS.get(kind) or (kind if kind in ACTIVATIONS else "")
        if after and rows and rows[-1]["out"] in (layer.get("out_channels"), layer.get("in_channels"), None):
            rows[-1]["then"] += [after, *([activation] if activation else [])]
            continue
        rows.append(
            {
                "layer": str(layer.get("layer") or ""),
                "kind": kind,
                "out": layer.get("out_channels"),
                "cells": (_cell(layer.get("in_channels")), _cell(layer.get("out_channels")),
                          *(_window(layer.get(key)) for key in ("kernel", "stride")), _padding(layer)),
                "output": _cell(layer.get("output")),
                "then": [activation] if activation else [],
            }
        )  # fmt: skip
    made = []
    for key, same in groupby(rows, lambda r: (r["kind"], *r["cells"], ", ".join(r["then"]) or ABSENT, r["output"])):
        names = [row["layer"] for row in same]
        made.append((names[0] if len(names) == 1 else f"{names[0]} … {names[-1]}", *key))
    headings = ("layer", "kind", "in", "out", "kernel", "stride", "padding", "then by", "output")
    return Table(headings, tuple(made), frozenset({2, 3})) if made else None


def _cell(value: Any) -> str:
    return (
        ABSENT if value is None or value == "" else "×".join(map(str, value)) if isinstance(value, list) else str(value)
    )


def _window(value: Any) -> str:
    """One number where both directions are equal."""
    return str(value[0]) if isinstance(value, list) and len(set(value)) == 1 else _cell(value)


def _padding(layer: Json) -> str:
    """The padding; timm's `same` layers compute it from the size of their input."""
    return "same" if str(layer.get("kind")).endswith("Same") else _window(layer.get("padding"))


# -- settings ----------------------------------------------------------------------------------------------------------


def settings(comparison: Comparison) -> tuple[Table, Table | None]:
    """What all groups have in common, and a table of the rest with a column for each group."""
    told = [_settings(group) for group in comparison.groups]
    names = list(dict.fromkeys(name for one in told for name in one))
    values = {name: [one.get(name, ABSENT) for one in told] for name in names}
    same = [(name, found[0]) for name, found in values.items() if len(set(found)) == 1 and found[0] != ABSENT]
    rest = [(name, *found) for name, found in values.items() if len(set(found)) > 1]
    letters = tuple(group.letter for group in comparison.groups)
    return Table(("setting", "value"), tuple(same)), Table(("setting", *letters), tuple(rest)) if rest else None


def _settings(group: Group) -> dict[str, str]:
    record = group.runs[0].record
    recipe = record.setup.get("recipe") or {}
    train, data, phases = recipe.get("train") or {}, recipe.get("data") or {}, _phases(recipe)
    optimizer = dict(train.get("optimizer") or {})
    name = str(optimizer.get("name") or "")
    weights = (recipe.get("model") or {}).get("weights")
    pieces = train.get("accumulate") or 1
    found = {
        "initial weights": _initial(record),
        "augmentation": "; ".join(map(item_words, recipe.get("augment") or ())) or "none",
        "sampling": {"shuffled": "every picture once an epoch"}.get(str(data.get("sampling")), str(data.get("sampling"))),
        "normalisation of pictures": _normalisation(record),
        "loss": item_words(recipe.get("loss")),
        "class weights": str(record.setup.get("weighting") or "none"),
        "optimizer": item_words({**optimizer, "name": OPTIMIZERS.get(name, name)}) if name else "",
        "learning-rate schedule": item_words(train["schedule"]) if train.get("schedule") else "",
        "batch": f"{train.get('batch')}" + (f" in {pieces} pieces" if pieces > 1 else ""),
        "gradient clipping": _cell(train.get("clip")) if train.get("clip") else "none",
        "average of weights": f"decay {train['ema']:g}" if train.get("ema") else "none",
        "phases": "; then ".join(map(_phase, phases)),
        "early stopping": _stopping(train),
        "epoch chosen by": _chosen_by(record),
        "pretrained": "" if weights in (None, "none") else str(record.pretrained.get("network") or weights),
        "seeds": ", ".join(map(str, group.seeds)),
        "epochs trained": _span([run.record.summary.get("epochs") for run in group.runs]),
        "best epoch": _span([run.record.best.get("epoch") for run in group.runs]),
        "parameters": quantity((record.setup.get("model") or {}).get("parameters")),
        "time of a run": _time(group),
    }  # fmt: skip
    return {name: value for name, value in found.items() if value}


def _stopping(train: Json) -> str:
    """The rule of early stopping, which counts validations."""
    if not (rule := train.get("early_stopping")):
        return "none"
    every = train.get("validate_every") or 1
    return f"patience of {counted(rule['patience'], 'validation')}{f', one every {every} epochs' if every > 1 else ''}"


def _chosen_by(record: Record) -> str:
    best = str(((record.setup.get("recipe") or {}).get("train") or {}).get("best") or "")
    return "none: the last epoch is kept" if best == "epoch" else best or record.main_score or "the task's score"


def _time(group: Group) -> str:
    mean = spread([run.minutes for run in group.runs]).mean
    device = str((group.runs[0].record.setup.get("choices") or {}).get("device") or "")
    return ABSENT if mean is None else f"{duration(60 * mean)}{f' on {device}' if device else ''}"


def _span(values: Sequence[int | None]) -> str:
    known = sorted(value for value in values if value is not None)
    return ABSENT if not known else f"{known[0]}" if known[0] == known[-1] else f"{known[0]} to {known[-1]}"


def _phases(recipe: Json) -> Sequence[Json]:
    return (recipe.get("train") or {}).get("phases") or ()


def _phase(phase: Json) -> str:
    told = [counted(phase["epochs"], "epoch") if phase.get("epochs") else counted(phase.get("steps") or 0, "update")]
    if phase.get("freeze"):
        told.append(f"{' and '.join(phase['freeze'])} frozen")
    if phase.get("freeze_statistics"):
        told.append(f"statistics of {' and '.join(phase['freeze_statistics'])} frozen")
    if phase.get("learning_rate"):
        told.append(f"learning rate {phase['learning_rate']:g}")
    told += [f"{name} {item_words(phase[name])}" for name in ("schedule", "loss") if phase.get(name)]
    return ", ".join(told)


def _initial(record: Record) -> str:
    """How the first weights were made: by the rules that the builder's source names, or by torch's default."""
    recipe = record.setup.get("recipe") or {}
    engine, model = str(recipe.get("engine") or "torch"), recipe.get("model") or {}
    if not (record.setup.get("model") or {}).get("parameters"):
        return "no weights"
    if model.get("init") not in (None, "own"):
        return RULES.get(str(model["init"]), str(model["init"]))
    if engine != "torch":
        return "normal, variance 2/fan-in, unless an option says otherwise"
    named = [RULES[one] for one in initialisers(Used("model", str(model.get("name")), {}), engine)]
    new = ", ".join(named) or "PyTorch's default"
    return f"{record.pretrained['weights']}; new layers: {new}" if record.pretrained.get("weights") else new


def _normalisation(record: Record) -> str:
    """Mean and standard deviation by which channels are normalised, where the recipe or pretrained weights give them."""
    mean, std = map(read_by(record.setup).get, NAMES)
    return f"mean {_plain(mean)}, deviation {_plain(std)}" if mean and std else ""


def item_words(value: Any) -> str:
    """An item of a recipe in words: `flip (p 0.5, direction horizontal)`; of a map head → item, each with its head."""
    if value is None:
        return "the model's own"
    if isinstance(value, Mapping) and "name" in value:
        unused = WEIGHTING if value.get("weights") == "none" else ()  # options of weights that are not used
        options = {
            key: option for key, option in value.items() if option not in (None, "none", ()) and key not in unused
        }
        del options["name"]
        return f"{value['name']} ({options_words(options)})" if options else str(value["name"])
    if isinstance(value, Mapping):
        return "; ".join(f"{head}: {item_words(one)}" for head, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(item_words(one) if isinstance(one, Mapping) else _plain(one) for one in value)
    return str(value)


def options_words(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {_plain(value)}" for key, value in options.items())


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return f"({item_words(value) if 'name' in value else options_words(value)})"
    if isinstance(value, list | tuple):
        return f"({', '.join(map(_plain, value))})"
    return str(value)


# -- data --------------------------------------------------------------------------------------------------------------


def data_table(record: Record) -> Table:
    """A row per split."""
    rows = [(name, f"{told.get('pictures', 0):,}") for name, told in (record.data.get("splits") or {}).items()]
    return Table(("split", "pictures"), tuple(rows), frozenset({1}))


def data_words(record: Record) -> str:
    """Classes and sizes in a sentence or two."""
    classes, size = record.classes, record.seen["validation"].get("size")
    named = ", ".join(classes[:30]) + (f" and {len(classes) - 30} more" if len(classes) > 30 else "")
    what = "colours" if kind_of(record) == "colours" else "class" if len(classes) == 1 else "classes"
    told = f"{record.data.get('name') or 'The data set'} has {len(classes)} {what}"
    told += "." if what == "colours" else f": {named}."
    if size:
        changed = record.seen["validation"].get("aspect") == "changed"
        told += f" Pictures are resized to {size[1]}×{size[0]} pixels (width × height)"
        told += " without keeping their aspect ratio." if changed else "."
    if record.void is not None:
        told += " Pixels that are not labelled (void) are not counted, unless a score says otherwise."
    return told


def normalised(comparison: Comparison) -> list[tuple[str, int]]:
    """(letter, layers of batch normalisation) of the groups that have any."""
    found = []
    for group in comparison.groups:
        layers = (group.runs[0].record.setup.get("model") or {}).get("layers") or ()
        count = sum(str(layer.get("kind")).startswith("BatchNorm") for layer in layers)
        found += [(group.letter, count)] if count else []
    return found
