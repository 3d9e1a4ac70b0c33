"""Errors of the schema as sentences: the path in the recipe, what was read, and what is allowed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import Any

from pydantic import BaseModel

from pixelwise.errors import Problem, did_you_mean, shown, type_fault
from pixelwise.recipe.misspelt import right_key
from pixelwise.recipe.schema import WEIGHTS, Item, Recipe

MISSING = object()


def schema_problems(tree: Mapping[str, Any], entries: Iterable[Any]) -> list[Problem]:
    """One problem for every place in the tree that pydantic reports."""
    found: dict[str, list[Problem]] = {}
    for entry in entries:
        location = _in_tree(tree, entry)
        if entry["type"] == "too_short" and len(_value_at(tree, location)) >= entry["ctx"]["min_length"]:
            continue  # pydantic counts only sound elements; those that are not have their own problem
        problem = _as_problem(tree, location, entry)
        found.setdefault(problem.where, []).append(problem)
    return [_joined(problems) for problems in found.values()]


def _joined(problems: Sequence[Problem]) -> Problem:
    """One problem for a value of a union, which is refused once by every member."""
    first = problems[0]
    faults = [first.what.removesuffix(".")]
    for other in problems[1:]:
        if other.what != first.what:
            faults.append(other.what.removesuffix(".").rpartition(", ")[2])
    return Problem(first.where, " and ".join(faults) + ".", first.hint)


def _in_tree(tree: Any, entry: Any) -> list[str | int]:
    """The entry's location without what is not part of the recipe: the names of union members and validators."""
    kept: list[str | int] = []
    value = tree
    for number, part in enumerate(entry["loc"]):
        names_absent = entry["type"] == "missing" and number == len(entry["loc"]) - 1
        below = _below(value, part)
        if below is not MISSING or names_absent:
            kept.append(part)
            value = below
    return kept


def _below(value: Any, part: str | int) -> Any:
    if isinstance(value, Mapping):
        return value.get(part, MISSING)
    if isinstance(value, Sequence) and not isinstance(value, str) and isinstance(part, int) and part < len(value):
        return value[part]
    return MISSING


def _value_at(tree: Any, location: Iterable[str | int]) -> Any:
    return reduce(_below, location, tree)


def _as_problem(tree: Any, location: Sequence[str | int], entry: Any) -> Problem:
    where = ".".join(map(str, location))
    last = str(location[-1]) if location else ""
    model = _model_at(location[:-1])
    if entry["type"] == "extra_forbidden":
        keys = list(model.model_fields)
        right = right_key(last, tree)
        hint = f"Did you mean '{right}'?" if right else did_you_mean(last, keys)
        if not hint and (right := right_key(last, tree, near=True)):
            hint = f"Did you mean '{right}'?"
        return Problem(where, f"unknown key; the keys here are: {', '.join(keys)}.", hint)
    if entry["type"] == "missing":
        if isinstance(_value_at(tree, location[:-1]), Mapping):
            return Problem(where, "is missing.")
        return Problem(where, "is missing; the list has too few elements.")
    value = _value_at(tree, location)
    return Problem(where, f"read {shown(value)}, {type_fault(entry)}.", _hint(value, entry, location))


def _hint(value: Any, entry: Any, location: Sequence[str | int]) -> str:
    model = _model_at(location)
    plain = isinstance(value, str | int | float) and not isinstance(value, bool)
    match entry["type"]:
        case "tuple_type" if location == ["data", "size"] and isinstance(value, int):
            return f"Write data.size=[{value}, {value}], which is height and width."
        case "tuple_type" if plain:
            return f"Write [{value}]." if isinstance(value, str) else ""
        case "tuple_type" if value is None:
            return "Write [] for none."
        case "model_type" | "model_attributes_type" if issubclass(model, Item):
            return "Write a name, or a map with a name and its options."
        case "model_type" | "model_attributes_type" if model is not Recipe:
            return f"Its keys are: {', '.join(model.model_fields)}."
        case "two_lengths":
            return "On the command line null takes one away, e.g. train.phases.0.epochs=null."
        case "string_type" if value is None and _may_be_empty(location):
            path = ".".join(map(str, location))
            return f"For none write '', on the command line within other quotes: \"{path}=''\"."
        case "string_type" if isinstance(value, Mapping | list | int | float) and value:
            return "Put a text that looks like something else in quotes."
        case "no_weights":
            return did_you_mean(value, WEIGHTS)
        case "literal_error" if isinstance(value, str):
            return did_you_mean(value, str(entry["ctx"]["expected"]).replace(" or ", ", ").replace("'", "").split(", "))
    return ""


def _may_be_empty(location: Sequence[str | int]) -> bool:
    """Whether the text at this place may be left out."""
    field = _model_at(location[:-1]).model_fields.get(str(location[-1]))
    return field is not None and field.default == ""


def _model_at(location: Sequence[str | int]) -> type[BaseModel]:
    """The part of the schema at a path such as `train.phases.0`."""
    model: type[BaseModel] = Recipe
    for part in location:
        if part in model.model_fields:
            model = _model_in(model.model_fields[str(part)].annotation) or model
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, getattr(annotation, "__args__", ()))), None)
