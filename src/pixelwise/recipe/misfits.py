"""Items of a recipe that do not fit together, by what they declare (`declares` in shelf.py).

A misfit is refused only where both sides declare something: a builder from outside the package that declares nothing
is tried on two pictures before a run begins.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from pixelwise.errors import PixelwiseError, Problem
from pixelwise.losses.parts import sum_fault
from pixelwise.recipe.schema import WEIGHTS, head_problems, is_by_head
from pixelwise.shelf import Shelf, Signature

Claims = Mapping[str, Any]
GIVEN = {"pixel": "scores for every pixel", "picture": "one row of scores per picture", "objects": "objects"}
PREDICTED = {
    "class_map": "class maps",
    "labels": "one label per picture",
    "colours": "coloured pictures",
    "instances": "objects",
}
KNOWN = {"mask": "masks", "label": "labels", "objects": "objects"}


def misfits(tree: Mapping[str, Any], known: Mapping[str, Shelf]) -> Iterator[Problem]:
    """A problem for everything that does not fit the recipe's task. known: the shelves of the recipe's engine."""
    task, tasks = name_of(tree.get("task")), known["task"]
    claims = declared(tasks, task)
    yield from _data(tree.get("data"), task, claims, known)
    place, model = claims.get("per"), name_of(tree.get("model"))
    gives = words_of(declared(known["model"], model), "gives")
    if place is not None and gives and place not in gives:
        yield Problem(
            "model",
            f"model '{model}' gives {_told(GIVEN, gives)}, but task '{task}' needs {GIVEN[place]}.",
            _use(known["model"], lambda c: place in words_of(c, "gives"), tasks, lambda c: c.get("per") in gives),
        )
    if (
        claims.get("predicts") == "colours"
        and isinstance(data := tree.get("data"), Mapping)
        and data.get("fit") == "letterbox"
    ):
        what = f"task '{task}' would also learn the pixels around a picture in a letterbox."
        yield Problem("data.fit", what, "Use squash or crop.")
    yield from _weights(tree.get("model"), known["model"])
    for where, value in _losses(tree):
        yield from _loss(where, value, task, claims, known["loss"])
    kind, metrics = claims.get("predicts"), tree.get("metrics")
    for number, item in enumerate(metrics if isinstance(metrics, Sequence) and not isinstance(metrics, str) else ()):
        name = name_of(item)
        counts = declared(known["metric"], name).get("counts")
        if kind is not None and counts is not None and kind not in counts:
            needs = " or ".join(PREDICTED.get(one, f"predictions of the kind {one}") for one in counts)
            predicts = PREDICTED.get(kind, f"predictions of the kind {kind}")
            yield Problem(
                f"metrics.{number}",
                f"metric '{name}' needs {needs}, but task '{task}' predicts {predicts}.",
                _use(
                    known["metric"],
                    lambda c: kind in c.get("counts", ()),
                    tasks,
                    partial(_says, "predicts", counts),
                ),
            )

    yield from _rates(tree.get("train"), known["optimizer"])


def _weights(model: Any, shelf: Shelf) -> Iterator[Problem]:
    """Published weights that the model's builder does not know."""
    word, signature = model.get("weights") if isinstance(model, Mapping) else None, _signature(shelf, name_of(model))
    if signature is None or word not in WEIGHTS or word in ("none", *signature.declared.get("weights", ())):
        return
    what = f"model '{name_of(model)}' has no weights '{word}'"
    there = ", ".join(signature.declared.get("weights", ()))
    what += f"; it has {there}, a .safetensors file, or run:PATH." if there else "."
    gives = signature.declared.get("gives")
    yield Problem(
        "model.weights", what, _use(shelf, lambda c: word in c.get("weights", ()) and c.get("gives") == gives)
    )


def _rates(train: Any, shelf: Shelf) -> Iterator[Problem]:
    """An optimizer without an option `learning_rate`, where a phase gives none either."""
    train = train if isinstance(train, Mapping) else {}
    signature = _signature(shelf, name_of(train.get("optimizer")))
    if signature is None or "learning_rate" in signature.options:
        return
    for number, phase in enumerate(train.get("phases") or ()):
        if isinstance(phase, Mapping) and phase.get("learning_rate") is None:
            what = f"optimizer '{name_of(train.get('optimizer'))}' has no option 'learning_rate', and this phase gives none."
            yield Problem(f"train.phases.{number}", what, f"Set train.phases.{number}.learning_rate, e.g. to 0.001.")


def name_of(item: Any) -> str:
    """The name of an item as a recipe writes it; empty if it has none."""
    name = item.get("name") if isinstance(item, Mapping) else item
    return name if isinstance(name, str) else ""


def declared(shelf: Shelf, name: str) -> Claims:
    """What a builder declares; nothing if it cannot be read, which is another problem."""
    signature = _signature(shelf, name)
    return signature.declared if signature else {}


def _signature(shelf: Shelf, name: str) -> Signature | None:
    try:
        return shelf.signature(name)
    except PixelwiseError:
        return None


def heads_of(tree: Mapping[str, Any], known: Mapping[str, Shelf]) -> set[str]:
    """The heads that the recipe's task declares."""
    return set(declared(known["task"], name_of(tree.get("task"))).get("heads") or ())


def _data(data: Any, task: str, claims: Claims, known: Mapping[str, Shelf]) -> Iterator[Problem]:
    """A data set that does not know what the task needs; one that wraps another knows what that one knows."""
    item = data.get("dataset") if isinstance(data, Mapping) else None
    shelf, needs = known["dataset"], words_of(claims, "knows")
    while isinstance(item, Mapping) and "knows" not in declared(shelf, name_of(item)) and "of" in item:
        item = item["of"]
    says = declared(shelf, name_of(item))
    knows, ways = words_of(says, "knows"), says.get("knows_with", {})
    for word, setting in ways.items():
        option, _, values = setting.partition("=")
        if isinstance(item, Mapping) and str(item.get(option)) in values.split(","):
            knows |= {word}
    if "knows" in says and not needs <= knows:
        settings = [f"data.dataset.{ways[word].replace(',', ' or ')}" for word in needs - knows if word in ways]
        needed, there = _told(KNOWN, needs), _told(KNOWN, knows) or "pictures alone"
        yield Problem(
            "data.dataset",
            f"task '{task}' needs {needed}, but data set '{name_of(item)}' has {there}.",
            f"Set {' and '.join(settings)}."
            if len(settings) == len(needs - knows)
            else _use(
                shelf,
                lambda c: needs <= words_of(c, "knows"),
                known["task"],
                lambda c: frozenset() < words_of(c, "knows") <= knows,
            ),
        )


def words_of(claims: Claims, key: str) -> frozenset[str]:
    """A declaration of one word or several, e.g. what a data set `knows`; empty if nothing is declared."""
    found = claims.get(key, ())
    return frozenset([found] if isinstance(found, str) else found)


def _told(words: Mapping[str, str], some: Collection[str]) -> str:
    return " and ".join(words[one] for one in words if one in some)


def _losses(tree: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "loss", tree.get("loss")
    train = tree.get("train")
    phases = train.get("phases") if isinstance(train, Mapping) else None
    for number, phase in enumerate(phases if isinstance(phases, list | tuple) else ()):
        if isinstance(phase, Mapping):
            yield f"train.phases.{number}.loss", phase.get("loss")


def _loss(where: str, value: Any, task: str, claims: Claims, shelf: Shelf) -> Iterator[Problem]:
    """Losses that do not fit the outputs of their head. value: an item, a map head → item, or None."""
    heads = claims.get("heads")
    if heads is None or value is None:
        return
    if is_by_head(value):
        yield from head_problems(where, value, heads, f"task '{task}'")
    elif isinstance(value, Mapping) and (signature := _signature(shelf, name_of(value))):
        for head in heads.keys() & value.keys() - signature.options.keys():
            what = f"'{head}' is a head of task '{task}', but loss '{name_of(value)}' is the loss of all its heads."
            yield Problem(f"{where}.{head}", what, f"Write {where}={{{', '.join(f'{h}: LOSS' for h in heads)}}}.")
    for head, form in heads.items():
        place, item = (f"{where}.{head}", value.get(head)) if is_by_head(value) else (where, value)
        yield from _sum(place, item, shelf)
        for there, part in parts_of(place, item, shelf):
            yield from _head(there, name_of(part), task, claims, (head, form), shelf)


def _head(where: str, name: str, task: str, claims: Claims, head: tuple[str, str], shelf: Shelf) -> Iterator[Problem]:
    """A loss that does not take what one head gives. head: its name and form."""
    says, per = declared(shelf, name), claims.get("per")

    def fits(one: Claims) -> bool:
        return one.get("takes") == head[1] and one.get("per") in (None, per)

    if (takes := says.get("takes")) is not None and takes != head[1]:
        what = f"loss '{name}' takes {takes}, but head '{head[0]}' of task '{task}' gives {head[1]}."
        yield Problem(where, what, _use(shelf, fits) or "Leave it out: the model has its own losses.")
    elif (needs := says.get("per")) is not None and needs != per and per in GIVEN:
        what = f"loss '{name}' takes {GIVEN[needs]}, but head '{head[0]}' of task '{task}' gives {GIVEN[per]}."
        yield Problem(where, what, _use(shelf, fits))


def parts_of(where: str, item: Any, shelf: Shelf) -> Iterator[tuple[str, Any]]:
    """A loss as a recipe writes it, and those that it is a sum of, each with its place."""
    yield where, item
    option = declared(shelf, name_of(item)).get("parts")
    listed = item.get(option) if option and isinstance(item, Mapping) else None
    for number, part in enumerate(listed if isinstance(listed, list | tuple) else ()):
        yield f"{where}.{option}.{number}", part


def _sum(where: str, item: Any, shelf: Shelf) -> Iterator[Problem]:
    """What is wrong with the parts of a sum of losses."""
    option = declared(shelf, name_of(item)).get("parts")
    parts = item.get(option) if option and isinstance(item, Mapping) else None
    if not isinstance(parts, list | tuple):
        return
    factors = item.get("factors")
    if isinstance(factors, list | None) and (fault := sum_fault(parts, factors)):
        yield Problem(where, f"loss '{name_of(item)}' {fault}")
    for number, part in enumerate(parts):
        if declared(shelf, name_of(part)).get("parts"):
            what = f"loss '{name_of(part)}' is a part of another sum."
            yield Problem(f"{where}.{option}.{number}", what, "List its parts there, with their factors multiplied.")


def _use(
    shelf: Shelf,
    fits: Callable[[Claims], bool],
    tasks: Shelf | None = None,
    task_fits: Callable[[Claims], bool] | None = None,
) -> str:
    """`Use 'confusion', or task 'classify'.`"""
    ways = [_fitting(shelf, fits)]
    if tasks is not None and task_fits is not None and (task := _fitting(tasks, task_fits)):
        ways.append(f"task {task}")
    return f"Use {', or '.join(way for way in ways if way)}." if any(ways) else ""


def _says(claim: str, allowed: Collection[str], claims: Claims) -> bool:
    return claims.get(claim) in allowed


def _fitting(shelf: Shelf, fits: Callable[[Claims], bool]) -> str:
    """`'confusion' or 'accuracy'`; empty if none fits."""
    *first, last = [f"'{name}'" for name in shelf if fits(declared(shelf, name))] or [""]
    return f"{', '.join(first)} or {last}" if first else last
