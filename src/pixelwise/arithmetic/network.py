"""A network in a line of text, or in YAML, with skips; and the shapes that flow through it.

    conv 5x5 5 | conv 7x7 10 | maxpool 3x3 s2 | conv 13x13 1 s10 | fc 512 | fc 10
    conv 3 NF same as down | maxpool 2 | conv 3 2NF same | upsample 2 | concat down | conv 3 NC same

`as a` names an output; `concat a`, `add a` and `from a` read it again; `input` is the network's own input. Channels
and kernels may be symbols. `GRAMMAR` has the grammar of each layer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pixelwise.arithmetic.layers import Join, Layer
from pixelwise.arithmetic.named import NAMED
from pixelwise.arithmetic.window import Shape
from pixelwise.errors import ShapeError, listing

INPUT = "input"


@dataclass(frozen=True)
class Step:
    """One layer of a network: its arithmetic, the words that made it, and its name (for skips), maybe empty."""

    layer: Layer
    text: str
    name: str = ""


@dataclass(frozen=True)
class Network:
    """Layers in a row; a Join among them reads the named output of an earlier one."""

    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return " | ".join(step.text for step in self.steps)


@dataclass(frozen=True)
class Flow:
    """A layer at its place, with the shapes of its input and output.

    x:      the shape it reads: the previous output; for a join the merged shape
    inputs: the places (0 = the network's input, i = after layer i) that it reads
    """

    step: Step
    number: int
    x: Shape
    y: Shape
    inputs: tuple[int, ...]

    @property
    def label(self) -> str:
        """For people: the number and the words of the layer."""
        return f"{self.number} {self.step.text}"

    def derive(self) -> list[str]:
        return self.step.layer.derive(self.x, self.y)


def flow(network: Network, shape: Shape) -> tuple[Flow, ...]:
    """The shapes before and after every layer.

    shape:  (C, H, W) or (F,), ints or SymPy expressions

    Raises ShapeError with the layer that does not fit, and the computation.

    >>> from pixelwise.arithmetic.text import parse_network
    >>> [row.y for row in flow(parse_network("conv 3 8 same | maxpool 2"), (3, 32, 32))]
    [(8, 32, 32), (8, 16, 16)]
    """
    places = {INPUT: 0}
    shapes: list[Shape] = [tuple(shape)]
    rows: list[Flow] = []
    for number, step in enumerate(network.steps, start=1):
        layer, x = step.layer, shapes[-1]
        inputs: tuple[int, ...] = (number - 1,)
        try:
            if isinstance(layer, Join):
                if layer.source not in places:
                    what = f"no earlier output is named '{layer.source}'; choose from {listing(places)}."
                    raise ShapeError(what, hint="Name one with `as NAME`.")
                place = places[layer.source]
                x = layer.merged(x, shapes[place])
                inputs = (place,) if layer.how == "from" else (number - 1, place)
            y = layer.output(x)
        except ShapeError as error:
            problem = error.problems[0]
            where = f"layer {number} ({step.text})" + (f", {problem.where}" if problem.where else "")
            raise ShapeError(problem.what, where=where, hint=problem.hint) from None
        rows.append(Flow(step, number, x, y, inputs))
        shapes.append(y)
        if step.name:
            places[step.name] = number
    return tuple(rows)


def symbols_of(*values: Any) -> list[Any]:
    """The SymPy symbols in shapes, sorted by name."""
    return sorted(set().union(*(getattr(value, "free_symbols", ()) for value in values)), key=str)


EXAMPLES: dict[str, tuple[str, str]] = {
    "course-cnn": ("conv 5x5 5 | conv 7x7 10 | maxpool 3x3 s2 | conv 13x13 1 s10 | fc 512 | fc 10", "3x256x256"),
    "pool-upsample-net": (
        "conv 3 NF same | maxpool 2 | bn | relu | conv 3 2NF same | maxpool 2 | bn | relu | "
        "conv 3 NF same | upsample 2 | bn | relu | conv 3 NC same | upsample 2 | bn | relu | conv 3 NC same",
        "NICx32x32",
    ),
    "conv-transpose-net": (
        "conv 3 NF s2 same | bn | relu | conv 3 2NF s2 same | bn | relu | "
        "deconv 3 NF s2 same | bn | relu | deconv 3 NC s2 same | bn | relu | conv 3 NC same",
        "NICx32x32",
    ),
    "colour-unet": (
        "conv 3 NF s2 same | bn | relu as first | conv 3 2NF s2 same | bn | relu | deconv 3 NF s2 same | bn | relu | "
        "concat first | deconv 3 NC s2 same | bn | relu | concat input | conv 3 NC same",
        "NICx32x32",
    ),
    "vanilla-cnn": ("conv 7 32 | relu | maxpool 2 | fc 10", "3x32x32"),
    **NAMED,
}
