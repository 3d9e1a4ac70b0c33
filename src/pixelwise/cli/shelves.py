"""`pixelwise list` and `pixelwise show`: what there is, read from signatures and recipes without importing any of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixelwise.cli.options import AsJson
from pixelwise.terminal.output import ACCENT, QUIET, result_console, say, show_json, show_line
from pixelwise.terminal.table import show_rows

if TYPE_CHECKING:
    from pixelwise.shelf import Shelf, Signature

_WORDS = "recipe model encoder network dataset task loss metric augmentation optimizer schedule"
PLURALS = {word: f"{word}es" if word.endswith("s") else f"{word}s" for word in _WORDS.split()}
KINDS = ", ".join(PLURALS.values())


def list_(
    kind: Annotated[str | None, typer.Argument(help=f"One of: {KINDS}.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """List recipes, models, data sets, losses, metrics, augmentations and more, a line for each.

    Without KIND, the list has all kinds. `pixelwise show KIND NAME` shows more about one of them.
    """
    kinds = list(PLURALS) if kind is None else [find_kind(kind)]
    contents = {PLURALS[one]: one_liners(one) for one in kinds}
    if as_json:
        show_json(contents)
        return
    console = result_console()
    for name, lines in contents.items():
        show_line(console, (name, "bold"))
        show_rows(console, ("", ""), [(f"  {one}", text) for one, text in lines.items()], styles={0: ACCENT})
        show_line(console)
    example = kinds[0]
    show_line(console, (f"more: pixelwise show {example} {next(iter(contents[PLURALS[example]]), 'NAME')}", QUIET))


def show(
    kind: Annotated[str, typer.Argument(help=f"What it is: {', '.join(PLURALS)}.")],
    name: Annotated[str, typer.Argument(help="Its name, package.module:function, or the file of a recipe.")],
    as_json: AsJson = False,
) -> None:
    """Describe one thing: what it is, and its options with types and defaults. For a recipe: its head and all its values."""
    kind = find_kind(kind)
    record = describe_recipe(name) if kind == "recipe" else describe_item(kind, name)
    if as_json:
        show_json(record)
    elif kind == "recipe":
        _show_recipe(record)
    else:
        _show_item(record)


def find_kind(word: str) -> str:
    """The kind that a word means, in the singular: `models`, `model`, `data sets`. Raises RecipeError with a suggestion."""
    from pixelwise.errors import RecipeError, did_you_mean

    plain = word.lower().replace("-", "").replace(" ", "").replace("_", "")
    for singular, plural in PLURALS.items():
        if plain in (singular, plural):
            return singular
    hint = did_you_mean(plain, [*PLURALS, *PLURALS.values()])
    raise RecipeError(f"unknown kind '{word}'; choose from {KINDS}.", hint=hint)


def one_liners(kind: str) -> dict[str, str]:
    """The first sentence of everything of a kind, by name."""
    from pixelwise.recipe.shipped import shipped_recipes
    from pixelwise.yaml_text import parse

    if kind == "recipe":  # a title is not inherited
        return {name: str(parse(path).get("title", "")) for name, path in shipped_recipes().items()}
    shelf = find_shelf(kind)
    return {name: shelf.title(name) for name in sorted(shelf)}


def find_shelf(kind: str) -> Shelf:
    """The shelf of a kind; networks are the models of `engine: scratch`."""
    from pixelwise.recipe.shelves import SCRATCH, SHELVES

    return SCRATCH["model"] if kind == "network" else SHELVES[kind]


def describe_item(kind: str, name: str) -> dict[str, Any]:
    """What a shelf knows of one thing, as JSON values."""
    signature = find_shelf(kind).signature(name)
    return {
        "kind": kind,
        "name": name,
        "target": signature.target,
        "about": signature.doc,
        "given": list(signature.given),
        "options": _options(signature),
    }


def _options(signature: Signature) -> list[dict[str, Any]]:
    records = []
    for option in signature.options.values():
        record: dict[str, Any] = {"name": option.name, "type": type_words(option.type) or option.annotation}
        records.append({**record, "required": True} if option.required else {**record, "default": option.default})
    return records


def type_words(kind: Any) -> str:
    """A type as a person reads it: `int, at least 1`, `ignore | background`. Empty for one that says nothing."""
    import typing
    from types import NoneType, UnionType

    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is typing.Any:
        return ""
    if kind in (None, NoneType):
        return "null"
    if origin is typing.Literal:
        return " | ".join(map(str, arguments))
    if origin in (typing.Union, UnionType):
        return " | ".join(type_words(one) or "anything" for one in arguments)
    if origin is typing.Annotated:
        return ", ".join([type_words(arguments[0]), *map(_bound, arguments[1:])])
    if origin in (list, tuple, dict):
        inner = ", ".join("..." if one is ... else type_words(one) or "anything" for one in arguments)
        return f"[{inner}]" if origin is tuple else f"{origin.__name__} of {inner}"
    return str(getattr(kind, "__name__", kind))


def _bound(limit: Any) -> str:
    words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    return next((f"{words[name]} {getattr(limit, name)}" for name in words if hasattr(limit, name)), str(limit))


def describe_recipe(name: str) -> dict[str, Any]:
    """A recipe's lab card (the comment at its head), its resolved values and what is stated of it."""
    from pixelwise.recipe.effects import remarks
    from pixelwise.recipe.load import as_yaml, load_recipe
    from pixelwise.recipe.shipped import find_recipe
    from pixelwise.yaml_text import read_file

    path = find_recipe(name)
    recipe = load_recipe(name)
    card = []
    for line in read_file(path).splitlines():
        if not line.startswith("#"):
            break
        card.append(line.removeprefix("#").removeprefix(" "))
    return {
        "kind": "recipe",
        "name": name,
        "file": str(path),
        "card": "\n".join(card),
        "notes": remarks(recipe),
        "recipe": recipe.model_dump(mode="json"),
        "yaml": as_yaml(recipe),
    }


# -- on the screen -------------------------------------------------------------------------------------------------


def _show_item(record: dict[str, Any]) -> None:
    console = result_console()
    show_line(console, (f"{record['kind']} {record['name']}", "bold"))
    show_line(console, f"\n{record['about'] or 'Its author left no description.'}")
    show_line(console)
    if record["options"]:
        show_rows(console, ("  option", "default", "type"), [_option_row(option) for option in record["options"]])
    else:
        show_line(console, "It has no options.")
    show_line(console, (f"\nsource: {record['target']}", QUIET))


def _option_row(option: dict[str, Any]) -> tuple[str, str, str]:
    default = "required" if option.get("required") else _as_yaml(option["default"])
    return f"  {option['name']}", default, option["type"]


def _as_yaml(value: Any) -> str:
    """A default as a recipe would say it."""
    from pixelwise.yaml_text import render

    text = render({"": list(value) if isinstance(value, tuple) else value}).strip()
    return text.partition(":")[2].strip()


def _show_recipe(record: dict[str, Any]) -> None:
    console = result_console()
    show_line(console, (f"recipe {record['name']}", "bold"))
    if record["card"]:
        show_line(console, f"\n{record['card']}")
    for note in record["notes"]:
        show_line(console, f"\nnote: {note}")
    show_line(console, ("\nAll its values, with those of its parents and the defaults:\n", QUIET))
    say(record["yaml"].rstrip())
    show_line(console, (f"\nsource: {record['file']}", QUIET))
