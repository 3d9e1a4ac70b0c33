"""YAML with its traps taken out: `1e-3` is a number, `no` is a word, a key stands once, and nothing is expanded."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from pixelwise.errors import RecipeError

LIMIT = 1 << 20  # bytes; recipes are a page long


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses repeated keys and aliases, and reads YAML 1.2's numbers and truth values."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own way to declare them
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":bool", ":float", ":timestamp"))]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.constructor.ConstructorError(None, None, "aliases (*name) are not allowed in recipes", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                problem = f"a key is a word, this one is {key!r}"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key '{key}' stands here twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


_FLOAT = re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(true|false)$"), list("tf"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+.0123456789"))


def parse(path: Path) -> dict[str, Any]:
    """The map in a YAML file. Raises RecipeError with line and column."""
    try:
        if path.stat().st_size > LIMIT:
            raise RecipeError(f"has {path.stat().st_size} bytes; a recipe has at most {LIMIT}.", where=str(path))
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"cannot be read: {error}.", where=str(path)) from error
    tree = parse_text(text, where=str(path))
    if not isinstance(tree, dict):
        raise RecipeError(f"holds {type(tree).__name__}, not a map of keys.", where=str(path))
    return tree


def parse_text(text: str, where: str) -> Any:
    """The value of a YAML text."""
    try:
        return yaml.load(text, Loader=_Loader)  # a SafeLoader, stricter still
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{where}, line {mark.line + 1}, column {mark.column + 1}" if mark else where
        raise RecipeError(f"{error.problem or error}.", where=place) from error
    except yaml.YAMLError as error:
        raise RecipeError(f"is not YAML: {error}.", where=where) from error


def render(value: Any) -> str:
    """A value as YAML text that `parse_text` reads back equal; short lists in one line."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


class _Dumper(yaml.SafeDumper):
    """Block style for maps, one line for lists of plain values; numbers as our loader reads them."""


def _represent_list(dumper: _Dumper, value: list[Any]) -> Any:
    plain = all(not isinstance(element, dict | list) for element in value)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=plain)


def _represent_text(dumper: _Dumper, value: str) -> Any:
    unsafe = value in ("true", "false") or _FLOAT.match(value)
    style = "'" if unsafe else ("|" if "\n" in value else None)
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(list, _represent_list)
_Dumper.add_representer(str, _represent_text)
