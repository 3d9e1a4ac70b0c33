"""From a YAML file to a checked Recipe: parents are merged, overrides applied, all problems reported at once.

Only text is read here, so a wrong recipe is refused before a data set, a model or torch is loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pixelwise.errors import Problem, RecipeError, shown
from pixelwise.outside import refusals
from pixelwise.recipe.effects import asks_for_test
from pixelwise.recipe.engines import engine_problems, shelves
from pixelwise.recipe.faults import schema_problems
from pixelwise.recipe.misfits import declared, heads_of, misfits, name_of, parts_of
from pixelwise.recipe.misspelt import right_key
from pixelwise.recipe.override import apply_overrides
from pixelwise.recipe.schema import Item, Model, Recipe, is_by_head
from pixelwise.recipe.shipped import find_recipe
from pixelwise.run.normalisation import NAMES, TASKS, range_problem
from pixelwise.run.renamed import with_present_names
from pixelwise.shelf import Shelf
from pixelwise.yaml_text import parse, render

UNWRITTEN = {("optimizer", "parts")}  # options that are written down only where they say something
# Options that are written down only where the recipe states them, even if it states the default: pretrained weights bring
# others for those that it does not state. A mark beside them would be lost where a recipe is written down and read again,
# extended or changed; what is written is stated in each of these forms. `run/normalisation.py` knows the defaults.
STATED = {("task", name) for name in NAMES}
PARENTS = 30  # a longer chain of `extends` is refused
ITS_OWN = ("title", "about", "stated")  # what a recipe says of itself is not inherited

# The path of each item in a recipe, and its shelf; `*` is every element of a list.
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
    (("train", "phases", "*", "loss"), "loss"),
)


def load_recipe(name: str, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe of that name or path, with `a.b=c` overrides. Raises RecipeError with every problem found."""
    return check_ranges(check_recipe(with_overrides(read_tree(find_recipe(name)), overrides), where=name), name)


def read_tree(path: Path, children: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The YAML of a recipe with its parents merged in."""
    if path.resolve() in children:
        circle = " → ".join(p.name for p in (*children, path))
        raise RecipeError(f"extends itself in a circle: {circle}.", where=str(path))
    if len(children) > PARENTS:
        raise RecipeError(f"has more than {PARENTS} parents above it.", where=str(children[0]))
    tree = with_present_names(parse(path))
    parent = tree.pop("extends", None)
    if parent is None:
        return tree
    if not isinstance(parent, str):
        raise RecipeError(
            f"read {shown(parent)}; a recipe can extend one other recipe, by name or path.", where=f"{path}: extends"
        )
    base = read_tree(find_recipe(parent, beside=path), (*children, path.resolve()))
    merged = merge({key: value for key, value in base.items() if key not in ITS_OWN}, tree)
    loss = tree.get("loss") or {}
    replaces = not is_by_head(base.get("loss")) or name_of(merged.get("task")) != name_of(base.get("task"))
    if is_by_head(loss) and replaces and heads_of(merged, _shelves_for(merged)) & set(loss):
        merged["loss"] = (
            loss  # losses by head replace the parent's one, and those of another task's heads; without a head
        )
        # among them they are options of the parent's loss
    return merged


def with_overrides(tree: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """A recipe's tree with `a.b=c` overrides. Raises RecipeError with every problem.

    On another data set the title says so. `about` and `stated` are left out, because they describe the first data set.
    """
    changed = apply_overrides(tree, overrides)
    before, after = (_dataset_words(one.get("data")) for one in (tree, changed))
    if before is None or after is None or before == after:
        return changed
    for key in ITS_OWN:
        if key in tree and changed.get(key) == tree[key]:
            title = changed.pop(key)
            if key == "title":
                changed[key] = f"{title}, on {after}" if isinstance(title, str) else title
    return changed


def _dataset_words(data: Any) -> str | None:
    """E.g. `longtail of cifar10`; None if it does not say."""
    item = data.get("dataset") if isinstance(data, Mapping) else None
    words: list[Any] = []
    while isinstance(item, Mapping):
        words.append(item.get("name"))
        item = item.get("of")
    words += [] if item is None else [item]
    told = [word for word in words if isinstance(word, str)]
    return " of ".join(told) if told and len(told) == len(words) else None


def merge(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """Maps are merged; everything else is replaced. A map that names another item is replaced too: its options differ."""
    merged = dict(base)
    for key, value in change.items():
        before = merged.get(key)
        before, value = _spelt_out(before, value), _spelt_out(value, before)
        merged[key] = value
        if isinstance(before, Mapping) and isinstance(value, Mapping) and not _is_other_item(before, value):
            merged[key] = merge(before, value)
    return merged


def _spelt_out(value: Any, other: Any) -> Any:
    """`unet` as `{name: unet}` where the other side is a map: both ways to write an item merge alike."""
    return {"name": value} if isinstance(value, str) and isinstance(other, Mapping) else value


def _is_other_item(before: Mapping[str, Any], value: Mapping[str, Any]) -> bool:
    return "name" in value and value["name"] != before.get("name")


def check_recipe(tree: Mapping[str, Any], where: str = "recipe") -> Recipe:
    """A Recipe from plain values, items' options and defaults filled in. Raises RecipeError with every problem."""
    tree = with_present_names(tree)
    unfit = list(misfits(tree, _shelves_for(tree)))
    heads = {problem.where for problem in unfit if "loss." in problem.where}  # no options, whatever the shelf says
    found = (p for path, shelf, item in _items(tree) for p in _check_item(path, shelf, item))
    problems = [_pointed(problem, tree) for problem in found if problem.where not in heads]
    problems += unfit
    recipe: Recipe | None = None
    try:
        recipe = Recipe.model_validate(tree)
        problems += engine_problems(recipe)
    except ValidationError as error:
        named = {problem.where for problem in problems}
        problems += [p for p in schema_problems(tree, error.errors()) if not _said(p.where, named)]
    if problems or recipe is None:
        raise RecipeError.all([Problem(f"{where}: {p.where}" if p.where else where, p.what, p.hint) for p in problems])
    return _complete(recipe, where)


def not_allowed(recipe: Recipe) -> dict[str, str]:
    """The code outside the package that the recipe names and that may not be imported: path → `module:function`."""
    items = ((where, shelf, name_of(item)) for where, shelf, item in _items(recipe.model_dump()))
    return {where: name for where, shelf, name in items if not shelf.may_import(name)}


def check_allowed(recipe: Recipe, where: str = "") -> Recipe:
    """The recipe. Raises RecipeError if it names code outside the package that may not be imported (outside.py)."""
    if refused := not_allowed(recipe):
        raise RecipeError.all(refusals({f"{where}: {path}" if where else path: n for path, n in refused.items()}))
    return recipe


def check_ranges(recipe: Recipe, where: str = "") -> Recipe:
    """The recipe. Raises RecipeError if the task's mean or std is not of pictures in 0..1.

    Only recipes that are to be trained are checked: runs of earlier versions, which did not check, still open.
    """
    if recipe.task.name not in TASKS:
        return recipe
    place = f"{where}: task" if where else "task"
    stated = ((name, recipe.task.options.get(name)) for name in NAMES)
    lists = [(name, value) for name, value in stated if isinstance(value, list | tuple)]  # not `image`, not null
    if problems := [p for name, value in lists if (p := range_problem(name, value, f"{place}.{name}"))]:
        raise RecipeError.all(problems)
    return recipe


def as_yaml(recipe: Recipe) -> str:
    """The recipe as the YAML text that a run folder keeps: no parent, every default written out."""
    return render(recipe.model_dump(mode="json"))


def _items(tree: Any) -> Iterable[tuple[str, Shelf, Any]]:
    known = _shelves_for(tree)
    for path, kind in ITEM_PATHS:
        for where, value in _at(tree, path):
            if kind == "loss" and value is not None:
                heads = (
                    ((f"{where}.{head}", one) for head, one in value.items()) if is_by_head(value) else [(where, value)]
                )
                for place, loss in heads:
                    yield from ((there, known[kind], item) for there, item in parts_of(place, loss, known[kind]))
            elif kind == "dataset":
                yield from ((place, known[kind], item) for place, item in _wrapped(where, value))
            elif value is not None:
                yield where, known[kind], value
                yield from _named_within(where, known, kind, value)


def _named_within(where: str, known: Mapping[str, Shelf], kind: str, item: Any) -> Iterable[tuple[str, Shelf, Any]]:
    """What the options of an item name that are themselves from a shelf, e.g. a model's encoder (`declares(named=...)`)."""
    if isinstance(item, Mapping):
        for option, inner in declared(known[kind], name_of(item)).get("named", {}).items():
            if inner in known and isinstance(item.get(option), str):
                yield f"{where}.{option}", known[inner], item[option]


def _wrapped(where: str, value: Any) -> Iterable[tuple[str, Any]]:
    """A data set, and every one that it is `of`."""
    while value is not None:
        yield where, value
        where, value = f"{where}.of", value.get("of") if isinstance(value, Mapping) else None


def _shelves_for(tree: Mapping[str, Any]) -> Mapping[str, Shelf]:
    return shelves(str(tree.get("engine", "torch")))


def _said(where: str, named: set[str]) -> bool:
    """Whether the shelf has told of this place already: of the item, or of its name."""
    return where in named or where.removesuffix(".name") in named


def _at(tree: Any, path: tuple[str, ...], where: str = "") -> Iterable[tuple[str, Any]]:
    """The values at a path with `*` in it, each with its own path; nothing if the tree has another shape."""
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
        article = "an" if shelf.kind[0] in "aeiou" else "a"
        what = f"read {shown(value)}; {article} {shelf.kind} is a name, or a map with its name and options."
        return [Problem(where, what)]
    fields = (Model if where == "model" else Item).model_fields  # keys that are not options
    return shelf.check(value["name"], {k: v for k, v in value.items() if k not in fields}, where)


def _pointed(problem: Problem, tree: Mapping[str, Any]) -> Problem:
    """The problem of an option that an item does not have, with the key elsewhere in the recipe that is meant."""
    if " has no option " not in problem.what or problem.hint:
        return problem
    right = right_key(problem.where.rpartition(".")[2], tree)
    return replace(problem, hint=f"Did you mean '{right}'?") if right and right != problem.where else problem


def _complete(recipe: Recipe, where: str) -> Recipe:
    """The same recipe with the task's defaults and every option of every item written out."""
    known = shelves(recipe.engine)
    loss, metrics, best = _or_defaults(recipe, known["task"].declared(recipe.task.name), where)

    def whole(kind: str, item: Any) -> Any:
        """An item, or each of a map or a tuple of items, with all its options."""
        if isinstance(item, dict):
            return {head: whole(kind, one) for head, one in item.items()}
        if isinstance(item, tuple):
            return tuple(whole(kind, one) for one in item)
        return item and _with_defaults(known[kind], item)

    train = recipe.train
    phases = tuple(
        phase.model_copy(update={"schedule": whole("schedule", phase.schedule), "loss": whole("loss", phase.loss)})
        for phase in train.phases
    )
    data: dict[str, Any] = {"dataset": whole("dataset", recipe.data.dataset)}
    if "test" not in recipe.data.model_fields_set and asks_for_test(recipe):
        data["test"] = "test"  # who asks for a test split wants it scored; `data.test=''` leaves it alone
    chosen = {"optimizer": whole("optimizer", train.optimizer), "schedule": whole("schedule", train.schedule)}
    return recipe.model_copy(
        update={
            "task": whole("task", recipe.task),
            "data": recipe.data.model_copy(update=data),
            "augment": whole("augmentation", recipe.augment),
            "model": whole("model", recipe.model),
            "loss": whole("loss", loss),
            "metrics": whole("metric", metrics),
            "train": train.model_copy(update={"best": best, "phases": phases, **chosen}),
        }
    )


def _or_defaults(recipe: Recipe, defaults: Mapping[str, Any], where: str) -> tuple[Any, tuple[Item, ...], str]:
    """Loss, metrics and best score of the recipe, or those that its task declares. Raises RecipeError if neither does."""
    named = defaults.get("loss")
    by_head = {head: Item(name=name) for head, name in named.items()} if isinstance(named, dict) else None
    loss = recipe.loss or by_head or (named and Item(name=named))
    metrics = recipe.metrics or tuple(Item(name=name) for name in defaults.get("metrics", ()))
    best = recipe.train.best or defaults.get("best", "")
    owns_losses = set(defaults.get("heads", {"": ""}).values()) <= {"objects"}  # then its model does
    needed = {"loss": loss or owns_losses, "metrics": metrics, "train.best": best}
    if absent := [key for key, value in needed.items() if not value]:
        what = f"the task '{recipe.task.name}' has no default for {', '.join(absent)}."
        raise RecipeError(what, where=where, hint="Set it in the recipe.")
    return loss, metrics, best


def _with_defaults(shelf: Shelf, item: Item) -> Item:
    options = shelf.signature(item.name).options
    known = {name: _as_written(option.default) for name, option in options.items() if not option.required}
    known = {name: value for name, value in known.items() if (shelf.kind, name) not in STATED}
    whole = {**known, **item.options}
    if parts := shelf.declared(item.name).get("parts"):
        named = [Item.model_validate({"name": one} if isinstance(one, str) else one) for one in whole[parts]]
        whole[parts] = [_with_defaults(shelf, one).model_dump() for one in named]
    fields = {key: getattr(item, key) for key in type(item).model_fields}
    return type(item)(**fields, **{k: v for k, v in whole.items() if v or (shelf.kind, k) not in UNWRITTEN})


def _as_written(value: Any) -> Any:
    """A default as a recipe writes it down, where there are no tuples: so the resolved text reads back equal."""
    if isinstance(value, Mapping):
        return {key: _as_written(inner) for key, inner in value.items()}
    return [_as_written(inner) for inner in value] if isinstance(value, tuple | list) else value
