"""The one reader of texts and of YAML: recipes, overrides, exercises, palettes, lists, classes and run folders.

It is stricter than YAML: `1e-3` is a number, `no` is a text, a key is given once, and nothing is expanded or imported.
"""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

from pixelwise.errors import PixelwiseError, Problem, RecipeError, shown

LIMIT = 1 << 16  # bytes of a file that a person writes
DEPTH = 40  # levels of maps and lists
# Texts that libyaml and PyYAML's own parser may read differently: other line ends, tabs, `?` and a comment in a block's head
_DIFFERING = re.compile("[^\n -~\xa1-\u2027\u202a-\ud7ff]|[?]|[|>][-+0-9]*#")


class _Strict(Composer, SafeConstructor, Resolver):
    """Refuses repeated keys, anchors, aliases and tags, and reads YAML 1.2's numbers and truth values."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own way to declare them
        first: [(tag, pattern) for tag, pattern in resolvers if tag.endswith(":null")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    peek_event: Callable[[], Any]  # of the parser beside it
    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        if getattr(event, "anchor", None) is not None:
            raise _refusal("anchors (&name) and aliases (*name) are not allowed", event)
        if getattr(event, "tag", None) is not None:
            raise _refusal("tags (!name) are not allowed", event)
        if self.depth == DEPTH:
            raise _refusal(f"maps and lists are nested more than {DEPTH} deep", event)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise _refusal(f"a key must be a text, this one is {shown(key)}; put it in quotes", key_node)
            if key in seen:
                raise _refusal(f"the key '{key}' is given twice", key_node)
            seen.add(key)
        return super().construct_mapping(node, deep)


class _Loader(_Strict, yaml.SafeLoader):
    """The strict loader over PyYAML's own parser, whose complaints `_in_words` knows."""

    def __init__(self, text: str) -> None:
        yaml.SafeLoader.__init__(self, text)


if yaml.__with_libyaml__:

    class _FastLoader(_Strict, yaml.CSafeLoader):
        """The strict loader over the events of libyaml: the same values, several times as fast."""

        def __init__(self, text: str) -> None:
            yaml.CSafeLoader.__init__(self, text)
            Composer.__init__(self)


def _refusal(problem: str, place: Any) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, place.start_mark)


def _whole(loader: Any, node: Any) -> int:
    if len(node.value) > 30:
        raise _refusal(f"a number of {len(node.value)} digits", node)
    return int(node.value)  # 010 is ten: the octal numbers of YAML 1.1 surprise


def _number(loader: Any, node: Any) -> float:
    value = float(node.value)
    if math.isinf(value):
        raise _refusal(f"{shown(node.value)} is too large for a floating-point number", node)
    return value


def _text(loader: Any, node: Any) -> str:
    value = str(node.value)
    if re.search("[\ud800-\udfff]", value):
        raise _refusal("half a surrogate pair (\\ud800 to \\udfff) is not a character", node)
    return value


_FLOAT = re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")
_Strict.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Strict.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9]+$"), list("-+0123456789"))
_Strict.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+.0123456789"))
_Strict.add_constructor("tag:yaml.org,2002:int", _whole)
_Strict.add_constructor("tag:yaml.org,2002:float", _number)
_Strict.add_constructor("tag:yaml.org,2002:str", _text)


def read_file(path: Path, kind: type[PixelwiseError] = RecipeError, limit: int = LIMIT) -> str:
    """The text of a file that a person writes, of at most `limit` bytes. Raises `kind` where it cannot be read as text."""
    try:
        with open(path, "rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise kind(f"cannot be read: {error.strerror or error}.", where=str(path)) from error
    if len(content) > limit:
        raise kind(f"is larger than {limit // 1024} KiB, the most that is read.", where=str(path))
    return decode(content, str(path), kind)


def decode(content: bytes, where: str, kind: type[PixelwiseError] = RecipeError) -> str:
    """The text of bytes: UTF-8, or UTF-16 that begins with a byte order mark. Raises `kind` for anything else."""
    encoding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        name = encoding.upper().removesuffix("-SIG")
        what = f"is not {name} text: byte {error.start} is 0x{content[error.start]:02x}."
        raise kind(what, where=where, hint="Save it as UTF-8.") from error
    if "\0" in text:
        raise kind("is not a text: it contains zero bytes.", where=where, hint="Save it as UTF-8.")
    return text


def parse(path: Path) -> dict[str, Any]:
    """The map in a YAML file. Raises RecipeError with line and column."""
    return parse_map(read_file(path), where=str(path))


def parse_map(text: str, where: str) -> dict[str, Any]:
    """The map of a YAML text."""
    tree = parse_text(text, where)
    if not isinstance(tree, dict):
        raise RecipeError(f"contains {'nothing' if tree is None else shown(tree)}, not a map of keys.", where=where)
    return tree


def parse_options(words: Iterable[str], where: str) -> dict[str, Any]:
    """Options on the command line, `key=value` with YAML values. Raises RecipeError with every problem."""
    options = {}
    problems: list[Problem] = []
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key.strip():
            problems.append(Problem(where, f"read {shown(word)}; an option is written key=value."))
            continue
        try:
            options[key.strip()] = parse_text(value, where=f"{where} {word}")
        except RecipeError as error:
            problems += error.problems
    if problems:
        raise RecipeError.all(problems)
    return options


def parse_text(text: str, where: str) -> Any:
    """The value of a YAML text."""
    if yaml.__with_libyaml__ and not _DIFFERING.search(text):
        with suppress(yaml.YAMLError):  # what is refused is read again below, for the sentence
            return yaml.load(text, Loader=_FastLoader)
    try:
        return yaml.load(text, Loader=_Loader)  # a SafeLoader, stricter still
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        place = ", ".join(part for part in (where, place) if part)
        raise RecipeError(f"{_in_words(error)}.", where=place) from error
    except yaml.YAMLError as error:
        raise RecipeError(f"is not YAML: {' '.join(str(error).split())}.", where=where) from error


def _in_words(error: yaml.MarkedYAMLError) -> str:
    """PyYAML's complaint; its commonest ones in words for people who know no YAML grammar."""
    problem = str(error.problem or error)
    if problem.startswith("expected alphabetic or numeric character"):
        return "a text that begins with * or & must be in quotes, e.g. images='\"*/images/*.png\"' in a shell"
    if "cannot start any token" in problem and "\\t" in problem:
        return "a tab cannot indent in YAML; use spaces"
    if problem == "mapping values are not allowed here":
        return "there is a second ': ' in this line, or it is indented too far; put a text that contains ': ' in quotes"
    if problem.startswith("found character") and problem.endswith("cannot start any token"):
        return (
            f"{problem.removesuffix('that cannot start any token')}at the beginning of a text; put the text in quotes"
        )
    if problem == "but found another document":
        return "a second document begins here; a file has only one"
    if problem == "found unexpected end of stream":
        return "a quotation mark is opened and not closed"
    if problem.endswith("'<stream end>'"):
        return "a bracket is opened and not closed"
    if problem == "could not find expected ':'":
        return "a key without its ':'"
    if problem.startswith("expected <block end>"):
        return "this line is not indented like the ones above it"
    return problem


def render(value: Any) -> str:
    """A value as YAML text that `parse_text` reads back equal; short lists in one line."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


class _Dumper(yaml.SafeDumper):
    """Block style for maps, one line for lists of plain values; numbers as our loader reads them."""


def _represent_list(dumper: _Dumper, value: list[Any]) -> Any:
    plain = all(not isinstance(element, dict | list) for element in value)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=plain)


def _represent_text(dumper: _Dumper, value: str) -> Any:
    style: str | None
    if any(letter in "\r\x85\u2028\u2029" for letter in value):
        style = '"'  # line ends that other styles would fold away
    elif value.lower() in ("true", "false") or _FLOAT.match(value):
        style = "'"
    else:
        style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(list, _represent_list)
_Dumper.add_representer(str, _represent_text)
