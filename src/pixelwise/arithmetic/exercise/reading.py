"""An exercise by hand as text or YAML.

    title: One convolution
    input:
      1 0 -1
      0 1  1

      2 0 0
      1 1 0
    filter:
      1 -1

      0 1
    do:
      convolve stride 1 padding 0 dilation 1 bias 0
      relu
      max pool 2 stride 1
      best patch -1 1
      detects

A blank line separates the channels. A layer with several filters has `filter:`, `filter2:`, `filter3:`, …; `bias 1,0,2` then
gives one bias to each. `convolve` and `transposed convolve` always start from the input; `relu`, `max pool` and
`average pool` continue from the step before. `backward` takes the gradient back from the last result to the input; the
gradient of the result is given by `gradient:`, or is 1 everywhere. Strides, paddings and pooling kernels may be unequal: `2x1`.

A ReLU network is given by `W1:`, `b1:`, `W2:`, …, `at:` with one point per line, and `pieces` under `do`; vectors are rows
or columns. In YAML the same keys hold blocks of text or nested lists, and `do` is a list of lines.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pixelwise.arithmetic.exercise.linear_piece import Exact, exact
from pixelwise.arithmetic.text import rows_as_typed
from pixelwise.arithmetic.window import Window
from pixelwise.errors import PixelwiseError, RecipeError, did_you_mean

STEPS = {
    "convolve": "convolve [stride S] [padding P] [dilation D] [bias B]",
    "transposed convolve": "transposed convolve [stride S] [padding P] [output_padding Q] [dilation D] [bias B]",
    "relu": "relu",
    "max pool": "max pool K [stride S] [padding P]",
    "average pool": "average pool K [stride S] [padding P]",
    "backward": "backward",
    "best patch": "best patch LOW HIGH",
    "detects": "detects",
    "pieces": "pieces",
}
CONVOLVES = ("convolve", "transposed convolve")
NEEDS = {
    **dict.fromkeys(CONVOLVES, ("input", "filter")),
    **dict.fromkeys(("relu", "max pool", "average pool", "backward"), ("input",)),
    **dict.fromkeys(("best patch", "detects"), ("filter",)),
    "pieces": ("W1",),
}
CHANNELS = "Write its channels one below the other, with an empty line between them."
AGAIN = {"input": CHANNELS, "filter": CHANNELS, "do": "Write one step per line.", "at": "Write one point per line."}
KEYS = ("title", "input", "filter", "gradient", "do", "at")
UNMOVED = Window(1)
LAYER_KEY = re.compile(r"([Wb])([1-9]\d*)")
SECTION = re.compile(r"(?:([A-Za-z]\w*)\s*[:=]|([A-Za-z]\w*(?: +\w+)+)\s*:)\s*(.*)")  # several words need a colon
FILTER_KEY = re.compile(r"filter([1-9]\d*)?")


@dataclass(frozen=True)
class Task:
    """One line under `do`: its kind, its numbers by name (`more` is output_padding), and the line as written."""

    kind: str
    text: str
    window: Window = UNMOVED
    more: tuple[int, int] = (0, 0)
    bias: Any = 0
    bounds: tuple[Any, Any] = (-1, 1)


@dataclass(frozen=True, eq=False)
class Exercise:
    """The given numbers and the questions of an exercise. Numbers are exact fractions.

    input:    (C, H, W), or None
    filters:  (O, C, K, K), or None
    gradient: of the last result, where `backward` begins; None: 1 everywhere
    network:  weights and biases of a ReLU network, one pair for each layer; may be empty
    points:   the points at which the network's linear piece is asked for
    """

    title: str
    input: Exact | None
    filters: Exact | None
    tasks: tuple[Task, ...]
    gradient: Exact | None = None
    network: tuple[tuple[Exact, Exact], ...] = ()
    points: tuple[Exact, ...] = ()


def read_exercise(path: Path) -> Exercise:
    """An exercise from a .yaml, .yml or text file. Raises RecipeError that says where it is wrong."""
    from pixelwise.yaml_text import read_file

    text = read_file(Path(path))
    try:
        return parse_yaml(text) if Path(path).suffix in (".yaml", ".yml") else parse_exercise(text)
    except PixelwiseError as error:
        problem = error.problems[0]
        where = ", ".join(filter(None, (str(path), problem.where)))
        raise RecipeError(problem.what, where=where, hint=problem.hint) from None


def parse_exercise(text: str) -> Exercise:
    """An exercise from its text form. Raises RecipeError with the line."""
    sections: dict[str, list[str]] = {}
    lines: list[str] = []
    places: dict[str, str] = {}
    for number, raw in enumerate(text.splitlines(), start=1):
        line, where = raw.split("#")[0].rstrip(), f"line {number}"
        if head := SECTION.match(line):
            key, rest = head[1] or head[2], head[3]
            if FILTER_KEY.fullmatch(joined := key.replace(" ", "")):
                key = joined  # `filter 2:` is filter2
            _check_key(key, where)
            if key in sections:
                raise RecipeError(f"'{key}' is given twice.", where=where, hint=AGAIN.get(key, ""))
            lines = sections[key] = [rest] if rest else []
            places[key] = f"{key} ({where})"
        elif sections:
            lines.append(line)
        elif line.strip():
            raise RecipeError(f"read '{line.strip()}' before any section.", where=where, hint="Begin with `input:`.")
    content: dict[str, Any] = {key: "\n".join(rows) for key, rows in sections.items()}
    content["do"] = [line.strip() for line in sections.get("do", ()) if line.strip()]
    return exercise_from(content, places)


def parse_yaml(text: str) -> Exercise:
    """An exercise from YAML. Raises RecipeError."""
    from pixelwise.yaml_text import parse_text

    content = parse_text(text, where="")
    if not isinstance(content, dict):
        raise RecipeError("an exercise is a mapping.", hint=f"Its keys: {', '.join(KEYS)}, W1, b1, …")
    for key in content:
        _check_key(key, "")
    content["do"] = content.get("do") or []
    if not isinstance(content["do"], list):
        raise RecipeError("is a list of lines.", where="do", hint=f"For example: [{', '.join(STEPS)}]")
    return exercise_from(content, {})


def exercise_from(content: Mapping[str, Any], places: Mapping[str, str]) -> Exercise:
    """An exercise from its parts. `places` is the place of each key, for messages.

    Raises RecipeError with the section that is wrong or missing.
    """

    def grids(key: str, dimensions: int) -> Exact | None:
        return _grids(content[key], dimensions, places.get(key, key)) if content.get(key) is not None else None

    picture, gradient, filters = grids("input", 3), grids("gradient", 3), _filters(content, grids)
    tasks = tuple(_task(str(line)) for line in content["do"])
    layers = []
    for number in sorted({int(match.group(2)) for key in content if (match := LAYER_KEY.fullmatch(key))}):
        for key in (f"W{number}", f"b{number}"):
            if key not in content:
                raise RecipeError(f"'{key}' is missing: every layer has weights W and biases b.")
        weight, bias = grids(f"W{number}", 2), grids(f"b{number}", 1)
        if weight is not None and bias is not None:
            layers.append((weight, bias))
    points = grids("at", 2)
    if layers and points is None and not any(task.kind == "pieces" for task in tasks):
        hint = "With one input, `pieces` under `do:` lists all of them."
        raise RecipeError("a ReLU network needs `at:`, the points where its linear piece is asked for.", hint=hint)
    if points is not None and layers and points.shape == (layers[0][0].shape[1], 1):
        points = points.T  # one point, written as a column
    if not tasks and not layers:
        raise RecipeError(
            "the exercise asks for nothing: `do:` is missing.", hint=f"It can contain: {', '.join(STEPS)}."
        )
    title = str(content.get("title") or "An exercise by hand")
    at = () if points is None else tuple(points)
    exercise = Exercise(title, picture, filters, tasks, gradient, tuple(layers), at)
    _check_fit(exercise)
    return exercise


def _filters(content: Mapping[str, Any], grids: Callable[[str, int], Exact | None]) -> Exact | None:
    """`filter`, `filter2`, … as (O, C, K, K). Raises RecipeError if their shapes differ."""
    keys = {int(match.group(1) or 1): key for key in content if (match := FILTER_KEY.fullmatch(key))}
    parts = [part for _, key in sorted(keys.items()) if (part := grids(key, 4)) is not None]
    if len({part.shape[1:] for part in parts}) > 1:
        shapes = ", ".join("×".join(map(str, part.shape[1:])) for part in parts)
        raise RecipeError(f"the filters are {shapes}: all must have the same channels and size.", where="filter")
    return np.concatenate(parts) if parts else None


def with_drawn_input(exercise: Exercise, shape: tuple[int, int, int], seed: int) -> Exercise:
    """The same exercise on another input of −1, 0 and 1, to practise. Raises RecipeError if channels do not fit."""
    drawn = replace(exercise, input=exact(np.random.default_rng(seed).integers(-1, 2, shape)))
    _check_fit(drawn)
    return drawn


def _check_key(key: str, where: str) -> None:
    if key not in KEYS and not LAYER_KEY.fullmatch(key) and not FILTER_KEY.fullmatch(key):
        hint = did_you_mean(key, KEYS)
        what = f"unknown section '{key}'; choose from {', '.join(KEYS)}, filter2, …, W1, b1, …"
        raise RecipeError(what, where=where, hint=hint)


def _check_fit(exercise: Exercise) -> None:
    picture, filters = exercise.input, exercise.filters
    given = {"input": picture is not None, "filter": filters is not None, "W1": bool(exercise.network)}
    convolved = False
    for task in exercise.tasks:
        if not all(given[name] for name in NEEDS[task.kind]):
            needed = " and ".join(f"`{name}:`" for name in NEEDS[task.kind])
            raise RecipeError(f"`{task.text}` needs {needed}.")
        convolved = convolved or task.kind not in ("backward", "best patch", "detects", "pieces")
        if task.kind == "backward" and not convolved:
            raise RecipeError("`backward` needs a step before it, such as `convolve`.", where="do")
        if task.kind in CONVOLVES and picture is not None and filters is not None:
            if len(picture) != filters.shape[1]:
                both = f"the input has {len(picture)} channels, the filter {filters.shape[1]}"
                what = f"{both}: a filter needs one sub-filter for each channel."
                raise RecipeError(what, hint="A blank line separates the channels.")
            if task.bias.size not in (1, len(filters)):
                what = f"read {task.bias.size} biases for {len(filters)} filters."
                raise RecipeError(what, where="do", hint="Give one for all, or one for each: bias 1,0,2")
    if any(task.kind == "pieces" for task in exercise.tasks):
        weight, bias = exercise.network[0]
        if weight.shape not in ((len(bias), 1), (1, len(bias))):
            raise RecipeError("`pieces` needs a network with one input.", hint="Use `at:` for points of more inputs.")


def _grids(value: Any, dimensions: int, where: str) -> Exact:
    """Text or nested lists as an exact array with this many dimensions."""
    try:
        if isinstance(value, str):
            value = rows_as_typed(value).replace(";", "\n")
            blocks = [block for block in re.split(r"\n\s*\n", value.strip("\n")) if block.strip()]
            lines = [filter(None, map(str.strip, block.splitlines())) for block in blocks]
            value = [[re.split(r"[\s,]+", row) for row in block] for block in lines]
            lengths, heights = {len(row) for block in value for row in block}, [len(block) for block in value]
            if len(lengths) > 1:
                read = ", ".join(map(str, sorted(lengths)))
                raise RecipeError(f"the rows have {read} numbers, but all rows must be equally long.")
            if len(set(heights)) > 1:
                read = ", ".join(map(str, heights))
                raise RecipeError(f"the channels have {read} rows, but all channels must be equally high.")
        array = exact(value)
    except PixelwiseError as error:
        raise RecipeError(error.problems[0].what, where=where, hint=error.problems[0].hint) from None
    while array.ndim > dimensions and len(array) == 1:
        array = array[0]
    if dimensions == 1 and array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]  # a vector, written as a column
    array = array.reshape((1,) * (dimensions - array.ndim) + array.shape)
    if array.ndim != dimensions or not array.size:
        raise RecipeError(f"read {array.ndim} levels of numbers, but {dimensions} are needed.", where=where)
    return np.ascontiguousarray(array)


def _task(line: str) -> Task:
    """One line under `do`. Raises RecipeError."""
    kind = next((kind for kind in STEPS if re.match(rf"{kind}\b", line)), "")
    if not kind:
        name = re.split(r"\s+[-\d]", line)[0]
        hint = did_you_mean(name, STEPS)
        raise RecipeError(f"unknown step '{line}'; choose from {'; '.join(STEPS.values())}.", where="do", hint=hint)
    words = line[len(kind) :].split()
    usage = f"It is written: {STEPS[kind]}"
    try:
        if kind in CONVOLVES:
            more = {"output_padding": "0"} if kind == "transposed convolve" else {}
            options = _named(words, {"stride": "1", "padding": "0", "dilation": "1", "bias": "0", **more})
            moves = (_pair(options[name]) for name in ("stride", "padding", "dilation"))
            bias = exact(options["bias"].split(","))
            return Task(kind, line, Window(1, *moves), _pair(options.get("output_padding", "0")), bias)
        if kind in ("max pool", "average pool"):
            options = _named(words[1:], {"stride": words[0], "padding": "0"})
            return Task(kind, line, Window(*map(_pair, (words[0], options["stride"], options["padding"]))))
        if kind == "best patch":
            low, high = (exact(word)[()] for word in (words or ["-1", "1"]))
            if low > high:
                raise ValueError
            return Task(kind, line, bounds=(low, high))
        if words:
            raise ValueError
    except (ValueError, IndexError):
        raise RecipeError(f"cannot read '{line}'.", where="do", hint=usage) from None
    except PixelwiseError as error:
        raise RecipeError(f"cannot read '{line}': {error}", where="do", hint=usage) from None
    return Task(kind, line)


def _named(words: list[str], defaults: dict[str, str]) -> dict[str, str]:
    """`stride 2 padding 1` as a mapping over the defaults."""
    names, values = words[::2], words[1::2]
    if len(names) != len(values) or not set(names) <= set(defaults) or len(set(names)) != len(names):
        raise ValueError
    return {**defaults, **dict(zip(names, values, strict=True))}


def _pair(text: str) -> tuple[int, int]:
    """`2` or `2x1` as (vertical, horizontal)."""
    parts = [int(part) for part in re.split("[x×]", text)]
    if len(parts) > 2:
        raise ValueError
    return parts[0], parts[-1]
