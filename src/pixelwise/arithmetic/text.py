"""Reads networks, shapes and expressions from text and YAML. Errors show the place, and what would be valid."""

from __future__ import annotations

import ast
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from operator import add, mul, sub
from pathlib import Path
from typing import Any

from pixelwise.arithmetic import layers
from pixelwise.arithmetic.network import EXAMPLES, INPUT, Network, Step
from pixelwise.arithmetic.window import Length, Pair, Shape, Window
from pixelwise.errors import PixelwiseError, Problem, RecipeError, ShapeError, did_you_mean

JOINS = ("concat", "add", "from")
GRAMMAR = {
    "conv": "conv KERNEL CHANNELS [sSTRIDE] [pPADDING | same] [dDILATION] [gGROUPS] [nobias]",
    "deconv": "deconv KERNEL CHANNELS [sSTRIDE] [pPADDING] [opOUTPUT_PADDING] [same] [dDILATION] [gGROUPS] [nobias]",
    "maxpool": "maxpool KERNEL [sSTRIDE, else the kernel] [pPADDING | same] [dDILATION]",
    "avgpool": "avgpool KERNEL [sSTRIDE, else the kernel] [pPADDING | same]",
    "globalpool": "globalpool",
    "upsample": "upsample FACTOR",
    "fc": "fc UNITS [nobias]",
    **{word: word for word in ("bn", "flatten", "dropout", "relu", "leakyrelu", "gelu", "sigmoid", "tanh", "softmax")},
    **{word: f"{word} NAME" for word in JOINS},
}
ALIASES = {
    "transposed": "deconv", "linear": "fc", "dense": "fc", "batchnorm": "bn", "cat": "concat",
    "pool": "maxpool", "meanpool": "avgpool", "up": "upsample", "convtranspose": "deconv",
}  # fmt: skip
OPTION = re.compile(r"(op|s|p|d|g)(\d+(?:[x×]\d+)?)")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
NORMAL_DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
Values = Mapping[str, int]
LARGEST = 10**9  # a base above this is not raised to a power: nobody's network is that large


class _Fault(Exception):
    """Something wrong in one word of a layer."""

    def __init__(self, word: int, what: str, hint: str = "") -> None:
        self.word, self.what, self.hint = word, what, hint


@dataclass(frozen=True)
class _Words:
    """The words of one layer: positional ones, and options by letter (a flag's value is (1, 1)); each with its place."""

    kind: str
    given: list[tuple[int, str]]
    options: dict[str, tuple[int, Pair]]


def parse_network(text: str, values: Values | None = None) -> Network:
    """A network from its line of text; a `|` or a new line ends a layer, `#` begins a comment.

    values:  numbers for symbols, e.g. {"NF": 32}; other symbols stay

    Raises RecipeError with all faults at once, each with its place and a suggestion.
    """
    steps, problems, names = [], [], {INPUT}
    for start, stage in _stages(text):
        words = list(re.finditer(r"\S+", stage))
        try:
            step = _step([word.group() for word in words], values or {})
            if isinstance(step.layer, layers.Join) and step.layer.source not in names:
                what = f"no earlier output is named '{step.layer.source}'; choose from {', '.join(sorted(names))}."
                raise _Fault(1, what, did_you_mean(step.layer.source, names) or "Name one with `as NAME`.")
            if step.name in names:
                raise _Fault(len(words) - 1, f"the name '{step.name}' is already used.")
        except _Fault as fault:
            word = words[min(fault.word, len(words) - 1)]
            at = start + word.start()
            problems.append(Problem(_place(text, at), fault.what, _pointed(text, at, word.group(), fault.hint)))
            if len(words) > 2 and words[-2].group() == "as":  # so that readers of the name are not faulted as well
                names.add(words[-1].group())
            continue
        names |= {step.name} - {""}
        steps.append(step)
    if problems:
        raise RecipeError.all(problems)
    if not steps:
        raise RecipeError("the network has no layers.", hint=f"For example: {EXAMPLES['vanilla-cnn'][0]}")
    return Network(tuple(steps))


def parse_shape(text: str, values: Values | None = None) -> Shape:
    """`3x256x256` or `NICxSxS` as a shape; `784` as a row of values. Raises RecipeError."""
    parts = re.split(r"[x×]", text.strip())
    if len(parts) not in (1, 3) or not all(parts):
        what = f"read '{text}'; a shape is channels×height×width, e.g. 3x256x256, or one number."
        raise RecipeError(what, where="input shape")
    try:
        return tuple(parse_expression(part, values) for part in parts)
    except ShapeError as error:
        raise RecipeError(str(error), where=f"input shape '{text}'") from None


def parse_expression(text: str, values: Values | None = None) -> Length:
    """A whole number, or an expression with symbols such as `2NF`, `2*NF` or `(K-1)/2`. Raises ShapeError.

    Symbols without a value become positive whole SymPy symbols.
    """
    if re.search(r"\d{19}", text):
        raise ShapeError("read a number of more than 18 digits; no length is that large.")
    if text.isascii() and text.isdigit():
        return _at_least_one(int(text), text)
    try:
        result = _evaluate(_parsed(text), values or {})
    except (SyntaxError, ValueError, ZeroDivisionError, MemoryError, RecursionError):
        raise ShapeError(f"cannot read '{text}': write a whole number or an expression such as 2NF or S/2.") from None
    return _at_least_one(result, text)


def rows_as_typed(text: str) -> str:
    """Nested brackets as rows with `;` between them, and fractions of one letter as two numbers.

    >>> rows_as_typed("[[1½, 0], [−¼, 2]]")
    '3/2, 0; −1/4, 2'
    """
    return re.sub(r"[\[\]]", "", re.sub(r"\]\s*,?\s*\[", "; ", _spelled(text)))


def _spelled(text: str) -> str:
    """`1½` as 3/2."""

    def fraction(found: re.Match[str]) -> str:
        above, below = map(int, unicodedata.normalize("NFKC", found[2]).split("\N{FRACTION SLASH}"))
        return f"{int(found[1] or 0) * below + above}/{below}"

    return re.sub(r"(\d*)([¼½¾⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞])", fraction, text)


def parse_figure(text: str, values: Values | None = None) -> Length:
    """A figure as this program prints it, or as people write it: `72,125`, `9·NC² + 4·NC`, `−1`, `1/2`, `121.5`.

    Unlike a length it may be a fraction, zero or negative. Raises RecipeError.

    >>> parse_figure("72,125"), parse_figure("37/2")
    (72125, Fraction(37, 2))
    """
    written = re.sub(
        r"[⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda power: "**" + power.group().translate(NORMAL_DIGITS), _spelled(text).strip()
    )
    written = re.sub(r"(?<=[A-Za-z0-9_)])\s+(?=[A-Za-z_(])", "*", written.replace("−", "-"))  # NC NF is a product
    written = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", re.sub(r"\s+", "", written))
    if re.search(r"\d{19}", written):
        raise RecipeError("read a number of more than 18 digits.", where=f"figure '{text}'")
    try:
        result = _evaluate(_parsed(written), values or {}, exact=True)
    except (SyntaxError, ValueError, ZeroDivisionError, MemoryError, RecursionError):
        hint = "For example: 72,125 or 9·NC² + 4NC or 1/2"
        raise RecipeError(
            "cannot be read; write a number or an expression.", where=f"figure '{text}'", hint=hint
        ) from None
    return int(result) if isinstance(result, Fraction) and result.denominator == 1 else result


def _parsed(text: str) -> ast.expr:
    """An expression, with the products that people leave out: 2NF, 3(S + 1)."""
    spaced = re.sub(r"(?<![A-Za-z0-9_])(\d+)\s*(?=[A-Za-z_(])", r"\1*", text.replace("·", "*").replace("^", "**"))
    return ast.parse(spaced.strip(), mode="eval").body


def _at_least_one(value: Length, text: str) -> Length:
    number = getattr(value, "is_number", True)
    if number and (value != int(value) or value < 1):
        raise ShapeError(f"read {text}; a length or number of channels must be a whole number of at least 1.")
    return int(value) if number else value


def _evaluate(node: ast.expr, values: Values, *, exact: bool = False) -> Any:
    """Arithmetic only: this is a calculator, not Python. exact: fractions, decimals and minus signs are allowed."""
    match node:
        case ast.Constant(value=int(number)) if not isinstance(number, bool):
            return number
        case ast.Constant(value=float(number)) if exact:
            return Fraction(str(number))
        case ast.UnaryOp(op=ast.USub(), operand=operand) if exact:
            return -_evaluate(operand, values, exact=True)
        case ast.Name(id=name):
            if name in values:
                return values[name]
            import sympy  # half a second, so only for those who use symbols

            return sympy.Symbol(name, integer=True, positive=True)
        case ast.BinOp(left=left, op=operator, right=right):
            a, b = _evaluate(left, values, exact=exact), _evaluate(right, values, exact=exact)
            match operator:
                case ast.Add() | ast.Sub() | ast.Mult():
                    return {ast.Add: add, ast.Sub: sub, ast.Mult: mul}[type(operator)](a, b)
                case ast.Pow() if isinstance(b, int) and 0 <= b <= 8 and not (isinstance(a, int) and a > LARGEST):
                    return a**b
                case ast.Div() if exact and isinstance(a, int | Fraction) and isinstance(b, int | Fraction):
                    return Fraction(a) / b
                case ast.Div() | ast.FloorDiv() if isinstance(a, int) and isinstance(b, int):
                    if a % b:
                        raise ValueError
                    return a // b
                case ast.Div():
                    return a / b
    raise ValueError


def network_from_yaml(content: Any, values: Values | None = None) -> tuple[Network, Shape | None]:
    """A network and its input shape from a YAML mapping with `layers` (a list of lines) and maybe `input`, `set`.

    Raises RecipeError for anything else.
    """
    if not isinstance(content, dict) or not isinstance(content.get("layers"), list):
        what = "a network in YAML is a mapping with `layers`, a list of lines such as `conv 3x3 8 same`."
        raise RecipeError(what, hint="`input: 3x32x32` and `set: {NF: 32}` may be beside it.")
    if unknown := set(content) - {"layers", INPUT, "set"}:
        name = sorted(unknown)[0]
        hint = did_you_mean(name, ["layers", INPUT, "set"])
        raise RecipeError("unknown key; the keys are layers, input and set.", where=str(name), hint=hint)
    given = content.get("set") or {}
    if not isinstance(given, dict) or not all(isinstance(v, int) and v > 0 for v in given.values()):
        raise RecipeError(f"read {given!r}; it must be a mapping of symbols to whole numbers.", where="set")
    given = {**given, **(values or {})}
    shape = parse_shape(str(content[INPUT]), given) if INPUT in content else None
    return parse_network("\n".join(map(str, content["layers"])), given), shape


def _stages(text: str) -> Iterator[tuple[int, str]]:
    """(where it starts, words) of each layer that is not empty."""
    for match in re.finditer(r"[^|\n]+", re.sub(r"#[^\n]*", lambda comment: " " * len(comment.group()), text)):
        if match.group().strip():
            yield match.start(), match.group()


def _place(text: str, at: int) -> str:
    line, column = text.count("\n", 0, at) + 1, at - (text.rfind("\n", 0, at) + 1) + 1
    return f"line {line}, column {column}" if "\n" in text.strip() else f"column {column}"


def _pointed(text: str, at: int, word: str, hint: str) -> str:
    """The hint, and under it the line with a caret under the fault; long lines are cut around it."""
    start = text.rfind("\n", 0, at) + 1
    end = text.find("\n", at)
    line, column = text[start : end if end >= 0 else len(text)], at - start
    if column > 60:
        line, column = "…" + line[column - 40 :], 41
    line = line if len(line) <= 110 else line[:109] + "…"
    return f"{hint}\n    {line}\n    {' ' * column}{'^' * len(word)}"


def _step(words: list[str], values: Values) -> Step:
    """One layer from its words. Raises _Fault."""
    text, name = " ".join(words), ""
    if "as" in words[1:]:
        at = words.index("as", 1)
        if len(words) != at + 2 or not NAME.fullmatch(words[-1]):
            raise _Fault(at, "`as` is followed by one name, at the end of the layer.", "For example: conv 3 8 as skip")
        name, words = words[-1], words[:at]
    word = words[0].lower()
    kind = ALIASES.get(word, word)
    if kind not in GRAMMAR:
        hint = did_you_mean(word, [*GRAMMAR, *ALIASES])
        raise _Fault(0, f"unknown layer '{words[0]}'; choose from {', '.join(GRAMMAR)}.", hint)
    if kind in JOINS:
        if len(words) != 2:
            raise _Fault(0, f"`{kind}` names one earlier output.", f"It is written: {GRAMMAR[kind]}")
        return Step(layers.Join(kind, words[1]), text, name)
    try:
        return Step(_layer(_sort(kind, words), values), text, name)
    except ShapeError as error:
        raise _Fault(1, error.problems[0].what, f"It is written: {GRAMMAR[kind]}") from None


def _sort(kind: str, words: list[str]) -> _Words:
    """Words into positional ones and options; those that the layer does not have are refused."""
    given: list[tuple[int, str]] = []
    options: dict[str, tuple[int, Pair]] = {}
    grammar = GRAMMAR[kind]
    allowed = re.findall(r"(?:\[|\| )([a-z]+)", grammar)
    for place, word in enumerate(words[1:], start=1):
        option = OPTION.fullmatch(word)
        if option is None and word not in ("same", "nobias"):
            given.append((place, word))
            continue
        letter, value = option.groups() if option else (word, "1")
        if letter not in allowed:
            raise _Fault(place, f"`{kind}` has no option '{word}'.", f"It is written: {grammar}")
        if option and letter in options:
            raise _Fault(place, f"'{letter}' is given twice.")
        if len(value) > 40:
            raise _Fault(place, f"the number of '{letter}' is too large.")
        parts = [int(part) for part in re.split("[x×]", value)]
        options[letter] = place, (parts[0], parts[-1])
    if "same" in options and ("p" in options or "op" in options):
        raise _Fault(options["same"][0], "`same` computes the padding: leave out one of the two.")
    wanted = len(re.findall(r" [A-Z]{2,}(?=[ \n]|$)", grammar))
    if len(given) != wanted:
        place, extra = given[wanted] if len(given) > wanted else (0, "")
        hint = did_you_mean(extra, allowed) or f"It is written: {grammar}"
        plural = "" if wanted == 1 else "s"
        raise _Fault(place, f"`{kind}` takes {wanted} value{plural}, read {len(given)}.", hint)
    return _Words(kind, given, options)


def _pair(word: tuple[int, str], values: Values) -> Pair:
    """`3`, `3x5`, `K` or `KxK`."""
    place, text = word
    parts = re.split(r"[x×]", text)
    if len(parts) > 2:
        raise _Fault(place, f"read {text}: it has {len(parts)} members; it must be one number or HEIGHTxWIDTH.")
    lengths = [_number((place, part), values) for part in parts]
    return lengths[0], lengths[-1]


def _number(word: tuple[int, str], values: Values) -> Length:
    try:
        return parse_expression(word[1], values)
    except ShapeError as error:
        raise _Fault(word[0], error.problems[0].what) from None


def _layer(words: _Words, values: Values) -> layers.Layer:
    """The layer that sorted words mean."""
    match words.kind, words.given:
        case "conv" | "deconv" as kind, [kernel, channels]:
            size, number = _pair(kernel, values), _number(channels, values)
            window, more = _window(words, size, (1, 1))
            options = (number, window, _groups(words), "nobias" not in words.options)
            if kind == "conv":
                return layers.Convolution(*options)
            return layers.TransposedConvolution(*options, output_padding=more)
        case "maxpool" | "avgpool" as kind, [kernel]:
            size = _pair(kernel, values)
            return layers.Pool("max" if kind == "maxpool" else "mean", _window(words, size, size)[0])
        case "globalpool", _:
            return layers.GlobalPool()
        case "upsample", [factor]:
            return layers.Upsample(_pair(factor, values))
        case "fc", [units]:
            return layers.Linear(_number(units, values), "nobias" not in words.options)
        case "bn", _:
            return layers.BatchNorm()
        case "flatten", _:
            return layers.Flatten()
    return layers.Elementwise(words.kind)


def _window(words: _Words, kernel: Pair, stride: Pair) -> tuple[Window, Pair]:
    """The window, and for a transposed convolution its output_padding."""

    def option(letter: str, default: Pair) -> Pair:
        return words.options.get(letter, (0, default))[1]

    stride, dilation = option("s", stride), option("d", (1, 1))
    if "same" not in words.options:
        return Window(kernel, stride, option("p", (0, 0)), dilation), option("op", (0, 0))
    if words.kind == "deconv":
        return Window.same_transposed(kernel, stride, dilation)
    return Window.same(kernel, dilation, stride), (0, 0)


def _groups(words: _Words) -> int:
    place, (groups, other) = words.options.get("g", (0, (1, 1)))
    if groups != other or groups < 1:
        raise _Fault(place, "groups is one number of at least 1.")
    return int(groups)


def read_network(source: str, values: Values | None = None) -> tuple[Network, Shape | None]:
    """A network, and its input shape if the source has one, from an example's name, a file, or a line of text.

    Files end in .yaml, .yml or .txt. Raises RecipeError.
    """
    from pixelwise.yaml_text import parse_text, read_file

    if source in EXAMPLES:
        text, shape = EXAMPLES[source]
        return parse_network(text, values), parse_shape(shape, values)
    if not source.rstrip().endswith((".yaml", ".yml", ".txt")):
        return parse_network(source, values), None
    content = read_file(Path(source))
    if source.endswith(".txt"):
        return parse_network(content, values), None
    tree = parse_text(content, where=source)
    try:
        return network_from_yaml(tree, values)
    except PixelwiseError as error:
        problems = [Problem(f"{source}, {p.where}" if p.where else source, p.what, p.hint) for p in error.problems]
        raise RecipeError.all(problems) from None
