"""Claims about shapes, receptive fields and paddings, compared with the computed figures and with known mistakes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from math import prod
from typing import Any

from pixelwise.arithmetic.claims.verdict import Verdict, together
from pixelwise.arithmetic.counts import tidy
from pixelwise.arithmetic.field import Field
from pixelwise.arithmetic.layers import Convolution, Pool, TransposedConvolution
from pixelwise.arithmetic.network import Flow
from pixelwise.arithmetic.padding import Solution
from pixelwise.arithmetic.window import Length, Shape, Window
from pixelwise.errors import RecipeError, did_you_mean, listing

Slip = tuple[str, Callable[[Length, Window, int], Length]]  # words, and the length that the slip gives along one axis
FIELD_QUANTITIES = ("sees", "stride", "start")


def named_layer(rows: Sequence[Flow], name: str) -> Flow:
    """The layer that a claim is about: its number, `output`, its name by `as`, or the n-th of its kind, e.g. conv3.

    Raises RecipeError for a layer that does not exist.
    """
    named = {str(row.number): row for row in rows} | {"output": rows[-1]}
    seen: dict[str, int] = {}
    for row in rows:
        word = row.step.text.split()[0].lower()
        seen[word] = seen.get(word, 0) + 1
        named[f"{word}{seen[word]}"] = row
        if seen[word] == 1:
            named.setdefault(word, row)
        if row.step.name:
            named[row.step.name] = row
    if name not in named:
        hint = did_you_mean(name, named)
        raise RecipeError(f"unknown layer '{name}'; choose from {listing(named, 40)}.", where="--claim", hint=hint)
    return named[name]


def check_shape(rows: Sequence[Flow], name: str, claimed: Shape) -> Verdict:
    """Compare a claimed output shape of one layer with the computed one."""
    row = named_layer(rows, name)
    holds = _equal(claimed, row.y)
    explanation = "" if holds else _explain_shape(rows, row, claimed)
    return Verdict(f"layer {row.label}", claimed, row.y, holds, explanation=explanation, sign=" gives ")


def _explain_shape(rows: Sequence[Flow], row: Flow, claimed: Shape) -> str:
    if others := [other.label for other in rows if other is not row and _equal(claimed, other.y)]:
        return f"this is the output of layer {others[-1]}"
    if _equal(claimed, row.x):
        return "this is the input of the layer"
    if len(claimed) != len(row.y):
        return "it has another number of members"
    words = []
    if not _same(claimed[0], row.y[0]):
        words.append("the channels are those of its input" if _same(claimed[0], row.x[0]) else "the channels are wrong")
    if not _equal(claimed[1:], row.y[1:]):
        window = getattr(row.step.layer, "window", None)
        slips = list(_slips(row.step.layer)) if isinstance(window, Window) else []
        found = [
            slip
            for slip, length in slips
            if window and all(_same(claimed[axis + 1], length(row.x[axis + 1], window, axis)) for axis in (0, 1))
        ]
        words.append(found[0] if found else "height or width is wrong")
    return together(words)


def _slips(layer: Any) -> Iterator[Slip]:
    """Common mistakes in the formula of an output size."""
    if isinstance(layer, TransposedConvolution):
        more = layer.output_padding
        yield "this leaves output_padding out", lambda n, w, a: (n - 1) * w.stride[a] - 2 * w.padding[a] + w.span[a]
        yield "this multiplies by the stride alone", lambda n, w, a: n * w.stride[a]
        yield "this leaves the padding out", lambda n, w, a: (n - 1) * w.stride[a] + w.span[a] + more[a]
        return
    if not isinstance(layer, Convolution | Pool):
        return

    def places(n: Length, w: Window, a: int, **changed: Length) -> Length:
        parts = {
            "padding": 2 * w.padding[a] + w.extra[a],
            "stride": w.stride[a],
            "span": w.span[a],
            "one": 1,
            **changed,
        }
        return (n + parts["padding"] - parts["span"]) // parts["stride"] + parts["one"]

    yield (
        "this rounds up; the formula rounds down",
        lambda n, w, a: -(-(n + 2 * w.padding[a] + w.extra[a] - w.span[a]) // w.stride[a]) + 1,
    )
    yield "this leaves the + 1 out", lambda n, w, a: places(n, w, a, one=0)
    yield "this adds the padding on one side only", lambda n, w, a: places(n, w, a, padding=w.padding[a] + w.extra[a])
    yield "this leaves the padding out", lambda n, w, a: places(n, w, a, padding=0)
    yield "this leaves the dilation out", lambda n, w, a: places(n, w, a, span=w.kernel[a])
    yield (
        "this multiplies the kernel by the dilation",
        lambda n, w, a: places(n, w, a, span=w.kernel[a] * w.dilation[a]),
    )
    yield "this leaves the stride out", lambda n, w, a: places(n, w, a, stride=1)
    yield "this keeps the size, as padding would", lambda n, w, a: n
    yield "this divides by the stride and forgets the kernel", lambda n, w, a: n // w.stride[a]
    yield "this takes the kernel from the size without the + 1", lambda n, w, a: n - w.kernel[a]


def check_field(
    fields: Sequence[Field], number: int, quantity: str, claimed: Sequence[Any], rows: Sequence[Flow]
) -> Verdict:
    """Compare a claimed `sees`, `stride` or `start` of layer `number` with the computed one.

    claimed:  one number, or (vertical, horizontal)
    """
    if quantity not in FIELD_QUANTITIES:
        hint = did_you_mean(quantity, FIELD_QUANTITIES)
        what = f"unknown quantity '{quantity}'; choose from {listing(FIELD_QUANTITIES)}."
        raise RecipeError(what, where="--claim", hint=hint)
    field = fields[number - 1]
    name = f"layer {field.label}: {quantity}"
    if field.dense and quantity != "sees":
        what = f"a dense layer has no {quantity}: each output sees everything."
        raise RecipeError(what, where="--claim")
    values = {"sees": field.size, "stride": field.stride, "start": field.start}
    pair = tuple(claimed) if len(claimed) == 2 else (claimed[0], claimed[0])
    holds = pair == tuple(values[quantity])
    why = "" if holds else _explain_field(fields, number, quantity, pair, rows)
    return Verdict(name, _short(pair), _short(values[quantity]), holds, explanation=why)


def _explain_field(fields: Sequence[Field], number: int, quantity: str, claimed: Any, rows: Sequence[Flow]) -> str:
    attribute = {"sees": "size"}.get(quantity, quantity)
    if others := [f.label for f in fields if tuple(getattr(f, attribute)) == claimed and f is not fields[number - 1]]:
        return f"this is the figure of layer {others[-1]}"
    if quantity != "sees":
        return ""
    windows = [r.step.layer.window for r in rows[:number] if isinstance(r.step.layer, Convolution | Pool)]
    slips: Mapping[str, Callable[[int], int]] = {
        "this leaves the strides of the layers before out": lambda a: 1 + sum(w.span[a] - 1 for w in windows),
        "this leaves the dilation out": lambda a: _reach(windows, a, lambda w: w.kernel[a] - 1),
        "this adds the whole kernel in each layer, not the kernel − 1": lambda a: (
            _reach(windows, a, lambda w: w.span[a]) - 1
        ),
        "this adds the kernels up": lambda a: sum(w.kernel[a] for w in windows),
        "this multiplies by the layer's own stride too": lambda a: _reach(
            windows, a, lambda w: (w.span[a] - 1) * w.stride[a]
        ),
        "this multiplies the kernels": lambda a: prod(w.kernel[a] for w in windows),
    }
    return next((words for words, along in slips.items() if (along(0), along(1)) == claimed), "")


def _reach(windows: Sequence[Window], axis: int, adds: Callable[[Window], int]) -> int:
    size = stride = 1
    for window in windows:
        size += adds(window) * stride
        stride *= window.stride[axis]
    return size


def check_paddings(solutions: Sequence[tuple[str, Solution]], claimed: str) -> list[Verdict]:
    """Compare `[down|up] padding=P [output_padding=Q]` with every step that it is about; one verdict per step."""
    read = re.fullmatch(
        r"(?:(down|up)[\s:]+)?(?:padding|p)\s*=?\s*(\d+)(?:[\s,;]+(?:output[\s_-]?padding|op)\s*=?\s*(\d+))?",
        claimed.strip().lower(),
    )
    if read is None:
        hint = "For example: padding=2, or up padding=1 output_padding=1"
        raise RecipeError(f"cannot read '{claimed}'.", where="--claim", hint=hint)
    way, padding, more = read.group(1), int(read.group(2)), read.group(3)
    verdicts = []
    for axis, solution in solutions:
        if way in (None, "up" if solution.transposed else "down"):
            verdicts.append(
                _padding_verdict(f"{axis}{solution.step}", solution, padding, None if more is None else int(more))
            )
    if not verdicts:
        raise RecipeError(f"the sizes have no step {way}.", where="--claim")
    return verdicts


def _padding_verdict(name: str, solution: Solution, padding: int, more: int | None) -> Verdict:
    """Whether a padding fits one step; output_padding is only looked at where the step is a transposed one."""
    choice = f"padding {padding}" + (f" and output_padding {more}" if solution.transposed and more is not None else "")
    fitting = [
        f"padding {c.padding}" + (f" and output_padding {c.output_padding}" if solution.transposed else "")
        for c in solution.fitting
    ]
    tried = next((c for c in solution.candidates if c.padding == padding), None)
    why = f"it covers no pixel of {solution.length} in some windows" if tried is None else tried.why_not
    if not why and tried is not None and solution.transposed and more not in (None, tried.output_padding):
        gives = solution.wanted - tried.output_padding + (more or 0)
        why = f"gives {gives}, not {solution.wanted}"
    wanted = " or ".join(fitting) or "no padding on both sides"
    return Verdict(name, choice, wanted, not why, explanation=why, sign=": ")


def _short(pair: Any) -> Any:
    """One figure if both axes agree."""
    one, other = (str(member) if isinstance(member, Fraction) else member for member in pair)
    return one if one == other else f"{one}, {other}"


def _equal(one: Shape, other: Shape) -> bool:
    return len(one) == len(other) and all(map(_same, one, other))


def _same(one: Length, other: Length) -> bool:
    return bool(tidy(one - other) == 0)
