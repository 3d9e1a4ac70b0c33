"""From a YAML file to a checked Recipe: parents are merged, overrides applied, every fault reported at once.

Nothing but text is read here, so a wrong recipe is refused before a data set, a model or torch is touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from pixelwise.errors import Problem, RecipeError, did_you_mean
from pixelwise.recipe.override import apply_overrides
from pixelwise.recipe.schema import Item, Recipe
from pixelwise.recipe.shelves import SHELVES
from pixelwise.recipe.yaml_text import parse, render
from pixelwise.shelf import Shelf
from pixelwise.tasks import DEFAULTS

SHIPPED = Path(__file__).resolve().parent.parent / "recipes"
ITS_OWN = ("title", "about", "stated")  # what a recipe says of itself is not inherited

# Where items stand in a recipe, and on which shelf; `*` stands for every element of a list.
ITEM_PATHS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("task",), "task"),
    (("data", "dataset"), "dataset"),
    (("augment", "*"), "augmentation"),
    (("model",), "model"),
    (("loss",), "loss"),
    (("metrics", "*"), "metric"),
    (("train", "optimizer"), "optimizer"),
    (("train", "schedule"), "schedule"),
    (("train", "phases", "*", "schedule"), "schedule"),
)


def load_recipe(name: str, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe of that name or path, with `a.b=c` overrides. Raises RecipeError with every problem found."""
    return check_recipe(apply_overrides(read_tree(find_recipe(name)), overrides), where=name)


def shipped_recipes() -> dict[str, Path]:
    """The recipes that come with the package, by name such as `voc2007/unet`."""
    return {path.relative_to(SHIPPED).with_suffix("").as_posix(): path for path in sorted(SHIPPED.rglob("*.yaml"))}


def find_recipe(name: str, beside: Path | None = None) -> Path:
    """The file of a recipe: a shipped name, or a path (relative to the recipe that names it)."""
    shipped = shipped_recipes()
    if name in shipped:
        return shipped[name]
    path = Path(name) if beside is None else beside.parent / name
    if path.is_file():
        return path
    raise RecipeError(
        f"there is no recipe '{name}', neither shipped with pixelwise nor as a file.",
        hint=did_you_mean(name, shipped) or "`pixelwise list recipes` names them all.",
    )


def read_tree(path: Path, children: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The YAML of a recipe with its parents merged in."""
    if path.resolve() in children:
        circle = " → ".join(p.name for p in (*children, path))
        raise RecipeError(f"extends itself in a circle: {circle}.", where=str(path))
    tree = parse(path)
    parent = tree.pop("extends", None)
    if parent is None:
        return tree
    if not isinstance(parent, str):
        raise RecipeError(f"read {parent!r}; a recipe extends one other, by name or path.", where=f"{path}: extends")
    base = read_tree(find_recipe(parent, beside=path), (*children, path.resolve()))
    return merge({key: value for key, value in base.items() if key not in ITS_OWN}, tree)


def merge(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """Maps merge, everything else replaces. A map that names another item replaces too: its options are others."""
    merged = dict(base)
    for key, value in change.items():
        before = merged.get(key)
        merged[key] = value
        if isinstance(before, Mapping) and isinstance(value, Mapping) and not _is_other_item(before, value):
            merged[key] = merge(before, value)
    return merged


def _is_other_item(before: Mapping[str, Any], value: Mapping[str, Any]) -> bool:
    return "name" in value and value["name"] != before.get("name")


def check_recipe(tree: Mapping[str, Any], where: str = "recipe") -> Recipe:
    """A Recipe from plain values, items' options and defaults filled in. Raises RecipeError with every problem."""
    problems = [problem for path, shelf, item in _items(tree) for problem in _check_item(path, shelf, item)]
    recipe: Recipe | None = None
    try:
        recipe = Recipe.model_validate(tree)
    except ValidationError as error:
        problems += [_as_problem(entry) for entry in error.errors()]
    if problems or recipe is None:
        raise RecipeError.all([Problem(f"{where}: {p.where}" if p.where else where, p.what, p.hint) for p in problems])
    return _complete(recipe, where)


def as_yaml(recipe: Recipe) -> str:
    """The recipe as the YAML text that a run folder keeps: no parent, every default written out."""
    return render(recipe.model_dump(mode="json"))


def _items(tree: Any) -> Iterable[tuple[str, Shelf, Any]]:
    for path, kind in ITEM_PATHS:
        for where, value in _at(tree, path):
            if value is not None:
                yield where, SHELVES[kind], value


def _at(tree: Any, path: tuple[str, ...], where: str = "") -> Iterable[tuple[str, Any]]:
    """The values at a path with `*` in it, each with its own path; nothing where the tree has another shape."""
    if not path:
        yield where, tree
        return
    head, rest = path[0], path[1:]
    if head == "*" and isinstance(tree, Sequence) and not isinstance(tree, str):
        for index, element in enumerate(tree):
            yield from _at(element, rest, f"{where}.{index}")
    elif isinstance(tree, Mapping) and head in tree:
        yield from _at(tree[head], rest, f"{where}.{head}" if where else head)


def _check_item(where: str, shelf: Shelf, value: Any) -> list[Problem]:
    if isinstance(value, str):
        value = {"name": value}
    if not isinstance(value, Mapping) or not isinstance(value.get("name"), str):
        return [Problem(where, f"read {value!r}; a {shelf.kind} is a name, or a map with its name and options.")]
    return shelf.check(value["name"], {k: v for k, v in value.items() if k != "name"}, where)


def _as_problem(entry: Any) -> Problem:
    """A sentence for one of pydantic's error entries."""
    location = [str(part) for part in entry["loc"]]
    where = ".".join(location)
    if entry["type"] == "extra_forbidden":
        fields = list(_model_at(location[:-1]).model_fields)
        return Problem(
            where, f"there is no such key; here are: {', '.join(fields)}.", did_you_mean(location[-1], fields)
        )
    if entry["type"] == "missing":
        return Problem(where, "is missing.")
    message = entry["msg"][0].lower() + entry["msg"][1:]
    return Problem(where, f"read {entry['input']!r}, {message}.")


def _model_at(location: Sequence[str]) -> type[BaseModel]:
    """The part of the schema at a path such as `train.phases.0`."""
    model: type[BaseModel] = Recipe
    for part in location:
        if part in model.model_fields:
            found = _model_in(model.model_fields[part].annotation)
            model = found or model
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = [_model_in(argument) for argument in getattr(annotation, "__args__", ())]
    return next((model for model in inner if model is not None), None)


def _complete(recipe: Recipe, where: str) -> Recipe:
    """The same recipe with the task's defaults and every option of every item written out."""
    defaults = DEFAULTS.get(recipe.task.name)
    loss, metrics, best = recipe.loss, recipe.metrics, recipe.train.best
    if defaults is not None:
        loss = loss or Item(name=defaults.loss)
        metrics = metrics or tuple(Item(name=name) for name in defaults.metrics)
        best = best or defaults.best
    if loss is None or not metrics or not best:
        raise RecipeError(
            f"the task '{recipe.task.name}' has no defaults: say loss, metrics and train.best yourself.", where=where
        )
    train = recipe.train.model_copy(
        update={
            "best": best,
            "optimizer": _with_defaults("optimizer", recipe.train.optimizer),
            "schedule": _with_defaults("schedule", recipe.train.schedule),
            "phases": tuple(
                p.model_copy(update={"schedule": p.schedule and _with_defaults("schedule", p.schedule)})
                for p in recipe.train.phases
            ),
        }
    )
    return recipe.model_copy(
        update={
            "task": _with_defaults("task", recipe.task),
            "data": recipe.data.model_copy(update={"dataset": _with_defaults("dataset", recipe.data.dataset)}),
            "augment": tuple(_with_defaults("augmentation", item) for item in recipe.augment),
            "model": _with_defaults("model", recipe.model),
            "loss": _with_defaults("loss", loss),
            "metrics": tuple(_with_defaults("metric", item) for item in metrics),
            "train": train,
        }
    )


def _with_defaults(kind: str, item: Item) -> Item:
    options = SHELVES[kind].signature(item.name).options
    known = {name: option.default for name, option in options.items() if not option.required}
    return Item(name=item.name, **{**known, **item.options})
