"""A shelf is a table of builders by name. What a builder accepts is read off its signature, without importing it.

Positional parameters are given by the pipeline; keyword-only parameters are the recipe's options:

    def unet(in_channels: int, out_channels: int, *, width: int = 64, depth: int = 4) -> nn.Module: ...

A name of the form `my_package.my_module:my_net` reaches any builder outside the house; nothing has to be registered.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pixelwise.errors import PixelwiseError, Problem, RecipeError, did_you_mean, shown, type_fault

REQUIRED = object()  # the default of an option that has none


@dataclass(frozen=True)
class Option:
    """One keyword-only parameter of a builder: its name, annotation as written, type, and default (or REQUIRED)."""

    name: str
    annotation: str
    type: Any
    default: Any

    @property
    def required(self) -> bool:
        return self.default is REQUIRED


@dataclass(frozen=True)
class Signature:
    """What is known of a builder without importing it."""

    target: str
    given: tuple[str, ...]  # positional parameters: the pipeline's
    options: Mapping[str, Option]  # keyword-only parameters: the recipe's
    doc: str


class Shelf(Mapping[str, str]):
    """A visible table `name → module:function` of one kind of thing."""

    def __init__(self, kind: str, table: Mapping[str, str]) -> None:
        self.kind = kind
        self._table = dict(table)

    def __getitem__(self, name: str) -> str:
        if name in self._table:
            return self._table[name]
        if ":" in name:
            return name
        raise RecipeError(
            f"there is no {self.kind} '{name}'; there is {', '.join(sorted(self._table))}, or package.module:function.",
            hint=did_you_mean(name, self._table),
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)

    def signature(self, name: str) -> Signature:
        """The builder's signature, read from its source file."""
        return _read_signature(self[name])

    def check(self, name: str, options: Mapping[str, Any], where: str = "") -> list[Problem]:
        """Every problem with a name and its options; an empty list means that it can be built."""
        try:
            signature = self.signature(name)
        except PixelwiseError as error:
            return [Problem(where, p.what, p.hint) for p in error.problems]
        known = signature.options
        problems = []
        for key, value in options.items():
            path = f"{where}.{key}" if where else key
            if key not in known:
                allowed = ", ".join(known) or "none"
                what = f"{self.kind} '{name}' has no option '{key}'; it has: {allowed}."
                problems.append(Problem(path, what, did_you_mean(key, known)))
            elif fault := _type_fault(known[key], value):
                problems.append(Problem(path, f"read {shown(value)}, {fault} (declared as {known[key].annotation})."))
        for option in known.values():
            if option.required and option.name not in options:
                problems.append(Problem(where, f"{self.kind} '{name}' needs the option '{option.name}'."))
        return problems

    def build(self, name: str, *given: Any, **options: Any) -> Any:
        """Import the builder and call it."""
        if problems := self.check(name, options, where=f"{self.kind} '{name}'"):
            raise RecipeError.all(problems)
        module, _, function = self[name].partition(":")
        converted = {key: _convert(self.signature(name).options[key], value) for key, value in options.items()}
        return getattr(importlib.import_module(module), function)(*given, **converted)


def _adapter(option: Option) -> Any:
    from pydantic import TypeAdapter  # costs 0.1 s: only for those who check

    return TypeAdapter(option.type)


def _type_fault(option: Option, value: Any) -> str:
    from pydantic import ValidationError

    if isinstance(value, bool) and _takes_only_numbers(option.type):
        return "which is not a number"
    try:
        _adapter(option).validate_python(value)
    except ValidationError as error:
        return " and ".join(dict.fromkeys(type_fault(entry) for entry in error.errors()))
    return ""


def _takes_only_numbers(kind: Any) -> bool:
    """Whether true and false, which Python counts among the integers, are out of place."""
    members = get_args(kind) if isinstance(kind, UnionType) or get_origin(kind) is Union else (kind,)
    bare = {get_args(member)[0] if get_origin(member) is Annotated else member for member in members}
    return bool(bare & {int, float}) and not bare & {bool, Any}


def _convert(option: Option, value: Any) -> Any:
    return _adapter(option).validate_python(value)


def find_source(module: str) -> Path | None:
    """The source file of a module, found without importing any of its packages."""
    path: list[str] | None = None
    spec = None
    parts = module.split(".")
    for depth in range(len(parts)):
        spec = PathFinder.find_spec(".".join(parts[: depth + 1]), path)
        if spec is None:
            return None
        path = list(spec.submodule_search_locations or [])
    return Path(spec.origin) if spec and spec.origin else None


@cache
def _read_signature(target: str) -> Signature:
    module, _, function = target.partition(":")
    source = find_source(module)
    if source is None or source.suffix != ".py":
        raise RecipeError(
            f"there is no module '{module}' to take '{function}' from.",
            hint="Is its package installed in this environment?",
        )
    try:
        tree = ast.parse(source.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError) as error:
        raise RecipeError(f"module '{module}' is not readable Python: {error}.", where=str(source)) from error
    functions = [n for n in tree.body if isinstance(n, ast.FunctionDef)]
    found = next((n for n in functions if n.name == function), None)
    if found is None:
        hint = did_you_mean(function, [n.name for n in functions])
        raise RecipeError(f"module '{module}' has no function '{function}'.", hint=hint)
    aliases = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)
    }
    arguments = found.args
    options = {}
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        options[argument.arg] = Option(
            name=argument.arg,
            annotation=ast.unparse(argument.annotation) if argument.annotation else "anything",
            type=_type_of(argument.annotation, aliases),
            default=REQUIRED if default is None else _default(default, aliases, f"{target}, option '{argument.arg}'"),
        )
    given = tuple(argument.arg for argument in (*arguments.posonlyargs, *arguments.args))
    return Signature(target, given, options, ast.get_docstring(found) or "")


def _default(node: ast.expr, aliases: Mapping[str, ast.expr], where: str) -> Any:
    if isinstance(node, ast.Name) and node.id in aliases:
        node = aliases[node.id]
    try:
        return ast.literal_eval(node)
    except ValueError as error:
        raise RecipeError(
            f"the default `{ast.unparse(node)}` has to be computed; it must be a plain value or a constant of its module.",
            where=where,
            hint="Options are read without importing, and a recipe has to be able to write them down.",
        ) from error


def _type_of(node: ast.expr | None, aliases: Mapping[str, ast.expr]) -> Any:
    """The type that an annotation means. Only what recipes can hold is known; everything else is Any."""
    simple = {"int": int, "float": float, "str": str, "bool": bool, "Path": Path, "None": None, "Any": Any}
    match node:
        case ast.Name(id=name) if name in simple:
            return simple[name]
        case ast.Name(id=name) if name in aliases:
            return _type_of(aliases[name], aliases)
        case ast.Constant(value=None):
            return None
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _type_of(left, aliases) | _type_of(right, aliases)
        case ast.Subscript(value=ast.Name(id="Literal"), slice=inner):
            return Literal[ast.literal_eval(inner)]
        case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[base, *bounds])):
            limits = [limit for limit in map(_bound, bounds) if limit is not None]
            return Annotated[_type_of(base, aliases), *limits] if limits else _type_of(base, aliases)
        case ast.Subscript(value=ast.Name(id="list" | "Sequence"), slice=inner):
            return list[_type_of(inner, aliases)]  # type: ignore[misc]
        case ast.Subscript(value=ast.Name(id="dict" | "Mapping"), slice=ast.Tuple(elts=[key, value])):
            return dict[_type_of(key, aliases), _type_of(value, aliases)]  # type: ignore[misc]
        case ast.Subscript(value=ast.Name(id="tuple"), slice=inner):
            elements = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            members = [
                ... if isinstance(e, ast.Constant) and e.value is ... else _type_of(e, aliases) for e in elements
            ]
            return tuple[tuple(members)]  # type: ignore[misc]
    return Any


def _bound(node: ast.expr) -> Any:
    """A bound such as `Ge(0)`; None for any other, which the builder has to check itself."""
    import annotated_types

    match node:
        case ast.Call(func=ast.Name(id="Gt" | "Ge" | "Lt" | "Le" | "MultipleOf" as name), args=[ast.expr() as limit]):
            return getattr(annotated_types, name)(ast.literal_eval(limit))
    return None
