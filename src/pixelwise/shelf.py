"""A shelf is a table of builders by name. What a builder accepts is read off its signature, without importing it.

Positional parameters are given by the pipeline; keyword-only parameters are the recipe's options:

    @declares(gives="pixel")
    def unet(in_channels: int, out_channels: int, *, width: int = 64, depth: int = 4) -> nn.Module: ...

What a builder fits together with is in its `declares`, which is read in the same way. A name of the form
`my_package.my_module:my_net` reaches any builder outside the package; nothing has to be registered, but its module must be
allowed before it is imported (outside.py).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import GenericAlias, MappingProxyType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pixelwise.errors import PixelwiseError, Problem, RecipeError, did_you_mean, naming, shown, type_fault
from pixelwise.outside import find_source, import_function, is_allowed, is_dotted, refusals

REQUIRED = object()  # in place of the default of an option without one
LONGEST = 4 * 2**20  # bytes of a source that is read

PLACES = ("pixel", "picture", "objects")
FORMS = ("categories", "levels", "values", "objects")  # levels: categories with an order and a weight for each pixel
DECLARATIONS: Mapping[str, tuple[type | tuple[type, ...], tuple[str, ...]]] = {  # key → types and words of its value
    "predicts": (str, ()),  # a task: the kind of its predictions, e.g. class_map
    "heads": (dict, FORMS),  # a task: the heads that a model must have, name → form
    "per": (str, PLACES),  # a task: what each prediction is of; a loss: what it needs scores of, if not of anything
    "loss": ((str, dict), ()),  # a task: its default loss (for each head, where they differ),
    "metrics": (tuple, ()),  # its default metrics,
    "best": (str, ()),  # and the score that chooses the best checkpoint
    "knows": ((str, tuple), ("mask", "label", "objects")),  # a data set: what it knows of its pictures; a task: needs
    "knows_with": (dict, ()),  # a data set: what it knows with some options, e.g. objects → kind=instances,components
    "gives": ((str, tuple), PLACES),  # a model: what each of its outputs is of; several where it follows the task
    "takes": (str, FORMS),  # a loss: the form of the heads that it is for
    "parts": (str, ()),  # a loss: its option that lists the losses it is made of
    "counts": (tuple, ()),  # a metric: the kinds of prediction that it counts
    "draws": (tuple, ()),  # a data set: the options that say how large a split of that name to make, e.g. test
    "only_with": (dict, ()),  # anything: option → the one setting with which it is read, e.g. beta → weights=effective
    "resizes": (str, ()),  # an augmentation: its option with the size (H, W) that a window is resized to
    "window": (tuple, ()),  # and its two with the range of the window's area and shape; without it, the whole picture
    "named": (dict, ()),  # anything: option → the kind of thing that its value names, e.g. encoder → encoder
    "weights": (dict, ()),  # a model: word of model.weights → the network that it means, e.g. imagenet → {encoder}
    "needs": (tuple, ()),  # a metric: the reductions of the scores that it reads besides, e.g. probability
}
Builder = TypeVar("Builder", bound=Callable[..., Any])


def declares(**claims: Any) -> Callable[[Builder], Builder]:
    """Declare what a builder fits together with, in plain values that are read without importing it.

    Raises RecipeError for a key or value that DECLARATIONS does not have.

    >>> @declares(gives="pixel")
    ... def net(in_channels, out_channels): ...
    >>> net.__declares__["gives"]
    'pixel'
    """
    _check_declaration(claims)

    def mark(builder: Builder) -> Builder:
        marked: Any = builder
        marked.__declares__ = MappingProxyType(claims)
        return builder

    return mark


def _check_declaration(claims: Mapping[str, Any], where: str = "") -> None:
    for key, value in claims.items():
        if key not in DECLARATIONS:
            what = f"declares has no keyword '{key}'; it has {', '.join(DECLARATIONS)}."
            raise RecipeError(what, where=where, hint=did_you_mean(key, DECLARATIONS))
        types, words = DECLARATIONS[key]
        parts = [value] if isinstance(value, str) else value.values() if isinstance(value, dict) else value
        if not isinstance(value, types) or not all(isinstance(part, str) for part in parts):
            names = {"str": "a text", "dict": "a map of texts", "tuple": "a tuple of texts"}
            allowed = [names[one.__name__] for one in (types if isinstance(types, tuple) else (types,))]
            raise RecipeError(f"declares({key}={value!r}): the value must be {' or '.join(allowed)}.", where=where)
        if wrong := [part for part in parts if words and part not in words]:
            what = f"declares({key}={value!r}): a word must be one of {', '.join(words)}."
            raise RecipeError(what, where=where, hint=did_you_mean(wrong[0], words))


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
    """What is known about a builder without importing it."""

    target: str
    given: tuple[str, ...]  # positional parameters: the pipeline's
    options: Mapping[str, Option]  # keyword-only parameters: the recipe's
    doc: str
    declared: Mapping[str, Any]  # what it says of itself by `declares`; empty if it says nothing


class Shelf(Mapping[str, str]):
    """A table `name → module:function` of one kind of thing."""

    def __init__(self, kind: str, table: Mapping[str, str]) -> None:
        self.kind = kind
        self._table = dict(table)

    def __getitem__(self, name: str) -> str:
        if name in self._table:
            return self._table[name]
        module, colon, function = name.partition(":")
        if is_dotted(module) and function.isidentifier():
            return name
        if colon:
            hint = "Name a function as package.module:function, e.g. my_nets:shallow."
            raise RecipeError(f"module or function {shown(name)} was not found.", hint=hint)
        raise RecipeError(
            f"unknown {self.kind} '{name}'; choose from {', '.join(sorted(self._table))}, or package.module:function.",
            hint=did_you_mean(name, self._table),
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)

    def signature(self, name: str) -> Signature:
        """The builder's signature, read from its source file."""
        return _read_signature(self[name])

    def title(self, name: str) -> str:
        """The first line of the builder's docstring, read from its source file."""
        return (ast.get_docstring(_find_function(self[name])[0]) or "").partition("\n")[0]

    def declared(self, name: str) -> Mapping[str, Any]:
        """What the builder declares, read from its source file; empty if it declares nothing."""
        return self.signature(name).declared

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

    def may_import(self, name: str) -> bool:
        """Whether the builder may be imported: one of the shelf's own, or one whose module is allowed (outside.py)."""
        target = self[name]
        return target in self._table.values() or is_allowed(target.partition(":")[0])

    def target(self, name: str, where: str = "") -> str:
        """The builder's `module:function`, to be imported. Raises RecipeError if that is not allowed."""
        if not self.may_import(name):
            raise RecipeError.all(refusals({where or self.kind: name}))
        return self[name]

    def build(self, name: str, /, *given: Any, **options: Any) -> Any:
        """Import the builder and call it. Raises RecipeError if it is not allowed, or does not take the options."""
        target = self.target(name)
        converted = self.convert(name, options, where=f"{self.kind} '{name}'")
        if name in self._table:
            return import_function(target)(*given, **converted)
        with naming(f"{self.kind} '{name}'"):
            return import_function(target)(*given, **converted)

    def convert(self, name: str, options: Mapping[str, Any], where: str) -> dict[str, Any]:
        """The options in the types that the builder declares, e.g. the text `255` as a number. Raises RecipeError."""
        if problems := self.check(name, options, where=where):
            raise RecipeError.all(problems)
        return {key: _convert(self.signature(name).options[key], value) for key, value in options.items()}


def _convert(option: Option, value: Any) -> Any:
    from pydantic import TypeAdapter  # costs 0.1 s: only for those who check

    return TypeAdapter(option.type).validate_python(value)


def _type_fault(option: Option, value: Any) -> str:
    from pydantic import ValidationError

    try:
        for kind, part in _within(option.type, value):
            if isinstance(part, bool) and _takes_only_numbers(kind):
                return "which is not a number" if part is value else f"in which {shown(part)} is not a number"
        _convert(option, value)
    except ValidationError as error:
        return " and ".join(dict.fromkeys(type_fault(entry) for entry in error.errors()))
    except Exception as error:  # of pydantic, about an annotation such as Annotated[str, Ge(1)]
        return f"but the option's annotation cannot be checked: {str(error).splitlines()[0]}"
    return ""


def _takes_only_numbers(kind: Any) -> bool:
    """Whether true and false, which Python counts among the integers, are out of place."""
    bare: set[Any] = set()
    for member in _members(kind):
        bare |= {type(word) for word in get_args(member)} if get_origin(member) is Literal else {member}
    return bool(bare & {int, float}) and not bare & {bool, Any}


def _members(kind: Any) -> list[Any]:
    """The types of a union, or the one type, without their limits."""
    members = get_args(kind) if isinstance(kind, UnionType) or get_origin(kind) is Union else (kind,)
    return [get_args(member)[0] if get_origin(member) is Annotated else member for member in members]


def _within(kind: Any, value: Any) -> Iterator[tuple[Any, Any]]:
    """A value with its type, and all that its lists and maps contain with theirs."""
    yield kind, value
    for member in _members(kind):
        within, inner = get_origin(member), get_args(member)
        if within is dict and isinstance(value, dict):
            for element in value.values():
                yield from _within(inner[1], element)
        elif within in (list, tuple) and isinstance(value, list | tuple):
            kinds = inner if within is tuple and inner[-1:] != (...,) else inner[:1] * len(value)
            for one, element in zip(kinds, value, strict=False):  # another length is pydantic's to refuse
                yield from _within(one, element)


@cache  # a module has several builders
def _read(source: Path, what: str) -> ast.Module:
    """The parsed source. Raises RecipeError if it is not Python, or too long to be a module."""
    try:
        if source.stat().st_size > LONGEST:
            raise RecipeError(f"{what} is longer than {LONGEST // 2**20} MiB.", where=str(source))
        return ast.parse(source.read_bytes())
    except (SyntaxError, ValueError, OSError, RecursionError, MemoryError) as error:
        reason = str(error) or type(error).__name__
        raise RecipeError(f"{what} is not readable Python: {reason}.", where=str(source)) from error


@cache
def _find_function(target: str) -> tuple[ast.FunctionDef, ast.Module]:
    module, _, function = target.partition(":")
    source = find_source(module)
    if source is None or source.suffix != ".py":
        raise RecipeError(
            f"module '{module}', which should contain '{function}', was not found.",
            hint="Install its package in this environment, or put its file into the working folder.",
        )
    tree = _read(source, f"module '{module}'")
    functions = [n for n in tree.body if isinstance(n, ast.FunctionDef)]
    found = next((n for n in functions if n.name == function), None)
    if found is None:
        hint = did_you_mean(function, [n.name for n in functions])
        raise RecipeError(f"module '{module}' has no function '{function}'.", hint=hint)
    return found, tree


@cache
def _read_signature(target: str) -> Signature:
    try:
        return _signature(target, *_find_function(target))
    except (ValueError, TypeError, RecursionError) as error:  # e.g. Literal[...] of what has to be computed
        what = f"its signature cannot be read: {str(error) or type(error).__name__}."
        raise RecipeError(what, where=target, hint="Annotate options with plain types and values.") from error


def _signature(target: str, found: ast.FunctionDef, tree: ast.Module) -> Signature:
    arguments = found.args
    aliases = _constants(tree) | _imported_constants(tree, arguments, target.partition(":")[0].partition(".")[0])
    options = {}
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        options[argument.arg] = Option(
            name=argument.arg,
            annotation=ast.unparse(argument.annotation) if argument.annotation else "anything",
            type=_type_of(argument.annotation, aliases),
            default=REQUIRED if default is None else _default(default, aliases, f"{target}, option '{argument.arg}'"),
        )
    given = tuple(argument.arg for argument in (*arguments.posonlyargs, *arguments.args))
    return Signature(target, given, options, ast.get_docstring(found) or "", _declaration(found, target))


def _declaration(function: ast.FunctionDef, target: str) -> Mapping[str, Any]:
    """The keywords of the function's `@declares(...)`."""
    for node in function.decorator_list:
        if not isinstance(node, ast.Call) or ast.unparse(node.func).rpartition(".")[2] != "declares":
            continue
        try:
            claims = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in node.keywords if keyword.arg}
        except (ValueError, TypeError):
            claims = {}
        if node.args or len(claims) < len(node.keywords):
            raise RecipeError(
                f"`{ast.unparse(node)}` would have to be computed; `declares` takes keywords with plain values.",
                where=target,
                hint="Write the values out: declarations are read without importing.",
            )
        _check_declaration(claims, target)
        return MappingProxyType(claims)
    return MappingProxyType({})


def _constants(tree: ast.Module) -> dict[str, ast.expr]:
    """The names that a module assigns once, and what."""
    return {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)
    }


def _imported_constants(tree: ast.Module, arguments: ast.arguments, package: str) -> dict[str, ast.expr]:
    """The constants that arguments mention and the module imports from another module of its package."""
    mentioned = {node.id for node in ast.walk(arguments) if isinstance(node, ast.Name)}
    found: dict[str, ast.expr] = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == package:
            names = {alias.asname or alias.name: alias.name for alias in node.names}
            if (names.keys() & mentioned) and (source := find_source(node.module)) is not None:
                constants = _constants(_read(source, f"module '{node.module}'"))
                found |= {name: constants[first] for name, first in names.items() if first in constants}
    return found


def _default(node: ast.expr, aliases: Mapping[str, ast.expr], where: str) -> Any:
    if isinstance(node, ast.Name) and node.id in aliases:
        node = aliases[node.id]
    try:
        return ast.literal_eval(node)
    except ValueError as error:
        raise RecipeError(
            f"the default `{ast.unparse(node)}` would have to be computed; write a plain value, or a constant of its package.",
            where=where,
            hint="Options are read without importing the module, and a recipe must be able to contain them.",
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
            return GenericAlias(list, (_type_of(inner, aliases),))
        case ast.Subscript(value=ast.Name(id="dict" | "Mapping"), slice=ast.Tuple(elts=[key, value])):
            return GenericAlias(dict, (_type_of(key, aliases), _type_of(value, aliases)))
        case ast.Subscript(value=ast.Name(id="tuple"), slice=inner):
            elements = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            members = [
                ... if isinstance(e, ast.Constant) and e.value is ... else _type_of(e, aliases) for e in elements
            ]
            return GenericAlias(tuple, tuple(members))
    return Any


def _bound(node: ast.expr) -> Any:
    """A bound such as `Ge(0)`; None for any other, which the builder has to check itself."""
    import annotated_types

    match node:
        case ast.Call(func=ast.Name(id="Gt" | "Ge" | "Lt" | "Le" | "MultipleOf" as name), args=[ast.expr() as limit]):
            return getattr(annotated_types, name)(ast.literal_eval(limit))
    return None
