"""Pretrained weights in a model: which of them it takes, and what does not fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelwise.engine.base import Learner
from pixelwise.engine.origin import misfits, refuse
from pixelwise.engine.pretrained import Arrays, Pretrained, network_of
from pixelwise.errors import Problem, RunError, listing
from pixelwise.models.parts import lies_within
from pixelwise.recipe.schema import WEIGHTS, Recipe

BACKBONE = "backbone"  # what torchvision calls an encoder
ENCODER = "encoder"  # the part that is taken of another run, where the model has it


@dataclass(frozen=True, eq=False)
class Fitted:
    """Pretrained weights under the names and in the types of a model.

    taken:  the arrays that the model takes, by its names
    new:    names of the model's other arrays
    left:   names of the pretrained arrays that are not taken, such as their head;  notes: what was changed, in words
    """

    taken: Arrays
    new: list[str]
    left: list[str]
    notes: list[str]


def fitted(own: Arrays, found: Pretrained) -> Fitted:
    """Match pretrained weights with the arrays of a model. own: its arrays by name

    The arrays of the part of the model that they are for have to be there, all of them, in the model's shapes. A first
    convolution that was made for three channels is summed for one, or repeated for more. Raises RunError with every name and
    shape that does not fit.
    """
    place, names = _names(own, found)
    part = {name: own[name] for name in own if name.startswith(place) and not lies_within(name, found.new)}
    # what is not in `part` is the head of their network or another part of their run; anything else does not fit
    left = [
        name
        for name in found.arrays
        if (here := names.get(name)) is None or (here not in part and (here in own or name in found.whole))
    ]
    chosen = {names[name]: array for name, array in found.arrays.items() if name not in left}
    taken, notes = _adapted(chosen, part)
    if problems := list(misfits(part, taken, "weights")):
        refuse(problems, f"model.weights: {found.weights}", _advice(part, problems, found))
    return Fitted(taken, [name for name in own if name not in part], left, notes)


def take_pretrained(learner: Learner, found: Pretrained) -> dict[str, Any]:
    """Put pretrained weights into a learner; a record of what was taken. Raises RunError before that if they do not fit."""
    own = learner.state("best")["model"]
    fit = fitted(own, found)
    learner.load({"model": {**own, **fit.taken}}, where=found.source)
    record = {
        "weights": found.weights,
        "network": found.network,
        "source": found.source,
        "licence": found.licence,
        "sha256": found.sha256,
        "taken": len(fit.taken),
        "new": _parts(fit.new, own),
        "left": _parts(fit.left, found.arrays),
        "mean": None if found.mean is None else list(found.mean),
        "std": None if found.std is None else list(found.std),
    }
    return {**record, "note": _note(record, len(own), fit.notes, learner)}


def may_give(recipe: Recipe, own: Iterable[str]) -> list[str]:
    """The arrays of a model that the recipe's pretrained weights may give, without looking for these. own: all its arrays

    `imagenet` and `run:` give the encoder of a model that has one, `coco` all but its last layers. A file may give everything.
    """
    from pixelwise.models.published import published

    word, own = recipe.model.weights, list(own)
    if word == "none":
        return []
    if word == "coco":
        known = published(word, network_of(recipe, word))
        return [name for name in own if known is None or not lies_within(name, known.new)]
    encoder: list[str] = []
    if word == "imagenet":
        encoder = [name for name in own if {ENCODER, BACKBONE} & set(name.split("."))]
    elif word.startswith("run:"):
        encoder = [name for name in own if lies_within(name, [ENCODER])]
    return encoder or own


def _adapted(taken: Arrays, part: Arrays) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """Weights in the types of the model's, their first convolution for its channels, and what that changed, in words."""
    taken, notes = dict(taken), []
    for name in part:
        if name.endswith("num_batches_tracked"):
            taken.setdefault(name, part[name])  # not all publishers keep it
    if any(array.dtype == np.float16 for array in taken.values()):
        notes.append("stored in half precision")
    first = next((name for name in part if part[name].ndim == 4), "")
    if first in taken and taken[first].ndim == 4 and (channels := part[first].shape[1]) != taken[first].shape[1] == 3:
        taken[first] = other_channels(taken[first], channels)
        how = "summed for one channel" if channels == 1 else f"repeated for {channels} channels"
        notes.append(f"the first convolution {how}")
    return {name: _in_type(array, part.get(name, array)) for name, array in taken.items()}, notes


def _names(own: Arrays, found: Pretrained) -> tuple[str, dict[str, str]]:
    """Where in the model the weights belong (a part with its dot, or all of it), and the model's name of each array for it."""
    if found.weights.startswith("run:"):
        place = f"{ENCODER}." if any(lies_within(name, [ENCODER]) for name in own) else ""
        names = {name: name for name in found.arrays if name.startswith(place)}
        if not names:
            raise RunError(f"its model has no part '{ENCODER}'.", where=f"model.weights: {found.weights}")
        return place, names
    short = {name: name.removeprefix(found.below) for name in found.arrays}
    counted: dict[str, int] = {}
    known = set(short.values())
    for name in own:
        for begin in (0, *(at + 1 for at, letter in enumerate(name) if letter == ".")):
            if name[begin:] in known:
                counted[name[:begin]] = counted.get(name[:begin], 0) + 1
    if not counted:
        what = f"none of the {len(short)} arrays has the name of one of this model's."
        raise RunError(what, where=f"model.weights: {found.weights}", hint="They may be weights of another network.")
    most = max(counted, key=lambda one: (_is_whole(one, own, found), counted[one], -len(one)))
    if not _is_whole(most, own, found):
        what = f"its arrays fit only a piece of this model, '{most[:-1]}': {counted[most]} of {len(own)} arrays."
        hint = "The file must have the arrays of the whole encoder or of the whole model, with their full names."
        raise RunError(what, where=f"model.weights: {found.weights}", hint=hint)
    return most, {name: most + rest for name, rest in short.items()}


def _is_whole(place: str, own: Arrays, found: Pretrained) -> bool:
    """Whether the arrays of the model below `place` (with its dot) are a whole encoder or model, not a block of one."""
    steps = place.split(".")[:-1]
    while steps and not any(name.startswith(_below(steps[:-1])) and not name.startswith(_below(steps)) for name in own):
        steps.pop()  # a module with this one part alone, e.g. the wrapper of timm's models
    if any(part in name.split(".") for name in own for part in (ENCODER, BACKBONE)):
        return not steps or (steps[-1] in (ENCODER, BACKBONE) and ENCODER not in steps[:-1])
    return not steps or (len(steps) == 1 and found.weights in WEIGHTS)


def _below(steps: Sequence[str]) -> str:
    return "".join(f"{step}." for step in steps)


def other_channels(weight: NDArray[Any], channels: int) -> NDArray[Any]:
    """A convolution (O, 3, K, K) for other channels: its sum for one, else its own in turn, so that sums keep their size.

    Grey pictures, whose three channels would be equal, give the same maps. For more channels each weight is scaled by
    3 / channels.
    """
    weight = weight.astype(np.float32)
    if channels == 1:
        return np.asarray(weight.sum(axis=1, keepdims=True))
    return np.asarray(weight[:, np.arange(channels) % 3] * np.float32(3 / channels))


def _in_type(array: NDArray[Any], own: NDArray[Any]) -> NDArray[Any]:
    return array.astype(own.dtype) if array.dtype.kind == own.dtype.kind == "f" else array


def _advice(part: Arrays, problems: list[Problem], found: Pretrained) -> str:
    if 2 * len(problems) > len(part):
        return "They may be weights of another network."
    return (
        ""
        if found.weights in WEIGHTS
        else "Take only the parts that fit with `--from RUN --except PART`, if it is a run's."
    )


def _parts(names: Iterable[str], among: Iterable[str]) -> list[str]:
    """The names in short: a part of the model in place of its arrays, where it has no others."""
    names = list(names)
    others = set(among) - set(names)

    def short(name: str) -> str:
        pieces = name.split(".")
        whole = (".".join(pieces[:depth]) for depth in range(1, len(pieces)))
        return next((part for part in whole if not any(lies_within(other, [part]) for other in others)), name)

    return list(dict.fromkeys(map(short, names)))


def _note(record: Mapping[str, Any], arrays: int, notes: list[str], learner: Learner) -> str:
    """One sentence: which weights, from where, with which licence, what of them was taken, how pictures are normalised."""
    words = f" '{record['weights']}'" if record["weights"] in WEIGHTS else ""
    of = f"{words} of {record['network']}" if record["network"] else words
    licence = f", licence {record['licence']}" if record["licence"] else ""
    said = f"started from the weights{of} ({record['source']}{licence}): {record['taken']} of {arrays} arrays taken"
    said += "".join(f", {note}" for note in notes)
    said += f"; initialised: {listing(record['new'])}" if record["new"] else ""
    said += f"; left out: {listing(record['left'])}" if record["left"] else ""
    reads = learner.task.input
    if record["mean"] is None or record["std"] is None:
        return f"{said}; the mean and standard deviation of their pictures are not known, so the task's are used"
    told = (f"({', '.join(f'{number:.4g}' for number in numbers or ())})" for numbers in (reads.mean, reads.std))
    return "{}; pictures are normalised by the mean {} and the standard deviation {}".format(said, *told)
