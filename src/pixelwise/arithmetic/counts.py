"""Weights, outputs, connections, multiply-adds and activation memory of a network, in numbers or in symbols.

"Connections" has no one meaning, so the convention is an option and part of the answer. Multiply-adds are those of
convolutions and dense layers, as torch's flop counter counts them (its FLOPs are two for each multiply-add).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from pixelwise.arithmetic.layers import volume
from pixelwise.arithmetic.network import Flow, Network, flow, symbols_of
from pixelwise.arithmetic.table import Table, figure
from pixelwise.arithmetic.window import Length, Shape, is_symbolic
from pixelwise.errors import RecipeError, did_you_mean

Of = Literal["convolutions", "weighted", "all"]
QUANTITIES = ("weights", "outputs", "connections", "multiply_adds", "memory")
KINDS: dict[Of, frozenset[str]] = {
    "convolutions": frozenset({"convolution"}),
    "weighted": frozenset({"convolution", "dense", "norm"}),
    "all": frozenset({"convolution", "dense", "norm", "pool", "activation", "join"}),
}


@dataclass(frozen=True)
class Convention:
    """Which connections count.

    of:          "convolutions" only; "weighted": all layers with weights (dense and BatchNorm too); "all" layers,
                 pooling, upsampling, activations and sums included
    biases:      whether the connection of an output to its bias counts
    batch:       pictures held in memory at once
    value_bytes: bytes a value: 4 for float32
    """

    of: Of = "convolutions"
    biases: bool = False
    batch: int = 1
    value_bytes: int = 4

    def __post_init__(self) -> None:
        if self.of not in KINDS:
            hint = did_you_mean(self.of, KINDS)
            raise RecipeError(f"connections of '{self.of}' are unknown; there is {', '.join(KINDS)}.", hint=hint)
        if self.batch < 1 or self.value_bytes < 1:
            raise RecipeError(f"batch {self.batch} and {self.value_bytes} bytes a value must be at least 1.")

    def __str__(self) -> str:
        of = {
            "convolutions": "of convolutions only",
            "weighted": "of layers with weights (convolutions, dense layers, BatchNorm)",
            "all": "of all layers, pooling, upsampling and activations too",
        }[self.of]
        return f"connections {of}; biases {'count' if self.biases else 'do not count'}; padding counts as input"


@dataclass(frozen=True)
class LayerCounts:
    """One layer's figures. `weights` is all that it learns: biases, and BatchNorm's scale and shift, included."""

    label: str
    kind: str
    shape: Shape
    weights: Length
    biases: Length
    outputs: Length
    connections: Length
    multiply_adds: Length
    memory: Length


@dataclass(frozen=True)
class Counts:
    """The figures of a network, layer by layer, with the convention behind them.

    assumption:  what the symbols must satisfy, maybe empty
    peak:        bytes alive at once while predicting (each output is freed after its last reader), None for symbols
    """

    layers: tuple[LayerCounts, ...]
    input: Shape
    convention: Convention
    assumption: str
    peak: int | None
    derivation: tuple[tuple[str, tuple[str, ...]], ...]

    def total(self, quantity: str, kinds: Iterable[str] = ()) -> Length:
        """The sum over layers, of some kinds only where `kinds` is given."""
        if quantity not in (*QUANTITIES, "biases"):
            hint = did_you_mean(quantity, QUANTITIES)
            raise RecipeError(f"there is no quantity '{quantity}'; there is {', '.join(QUANTITIES)}.", hint=hint)
        chosen = set(kinds)
        return tidy(sum(getattr(row, quantity) for row in self.layers if not chosen or row.kind in chosen))

    @property
    def outputs_of_convolutions(self) -> Length:
        return self.total("outputs", {"convolution"})

    def totals_text(self) -> str:
        """The totals, one a line, with the convention."""
        lines = [f"{quantity.replace('_', '-')} = {figure(self.total(quantity))}" for quantity in QUANTITIES]
        return "\n".join([*lines, str(self.convention), *([self.assumption] if self.assumption else [])])

    def as_table(self) -> Table:
        """One row a layer. Totals in symbols are long, so they stand below."""
        rows: list[tuple[Any, ...]] = [
            (row.label, row.shape, *(getattr(row, quantity) for quantity in QUANTITIES)) for row in self.layers
        ]
        totals = {quantity: self.total(quantity) for quantity in QUANTITIES}
        symbolic = any(map(is_symbolic, totals.values()))
        notes = [f"{quantity.replace('_', '-')} = {figure(total)}" for quantity, total in totals.items() if symbolic]
        if not symbolic:
            rows.append(("total", None, *totals.values()))
        notes += [
            f"outputs of convolutions alone = {figure(self.outputs_of_convolutions)}",
            str(self.convention),
            f"memory in bytes: every output kept (for the backward pass), batch {self.convention.batch}, "
            f"{self.convention.value_bytes} bytes a value"
            + (f"; at most {self.peak:,} at once when only predicting" if self.peak is not None else ""),
            *([self.assumption] if self.assumption else []),
        ]
        headings = ("layer", "gives", *(quantity.replace("_", "-") for quantity in QUANTITIES))
        title = f"Counts on an input of {figure(self.input)}"
        return Table(title, headings, rows, tuple(notes), total=not symbolic)

    def as_record(self) -> dict[str, Any]:
        """The same for JSON, with the convention."""
        return {
            "input": self.input,
            "convention": str(self.convention),
            "assumption": self.assumption,
            "layers": [
                {"layer": row.label, "gives": row.shape, **{q: getattr(row, q) for q in QUANTITIES}}
                for row in self.layers
            ],
            "totals": {quantity: self.total(quantity) for quantity in QUANTITIES},
            "outputs_of_convolutions": self.outputs_of_convolutions,
            "peak_bytes": self.peak,
        }


def count(network: Network, shape: Shape, convention: Convention | None = None) -> Counts:
    """Counts a network on an input of this shape. Raises ShapeError where something does not fit.

    A symbolic height or width is taken as a multiple of the network's whole stride, so that no floor remains;
    `assumption` says so.

    >>> from pixelwise.arithmetic.text import parse_network
    >>> count(parse_network("conv 5x5 5 | fc 10"), (3, 8, 8)).total("weights")
    1190
    """
    convention = convention or Convention()
    multiples, assumption = _multiples(network, shape)
    there = {old: factor * multiple for old, (multiple, factor) in multiples.items()}
    back = {multiple: old / factor for old, (multiple, factor) in multiples.items()}
    rows = tuple(_settle_row(row, back) for row in flow(network, _substitute(shape, there)))
    layers = tuple(_count_layer(row, convention) for row in rows)
    derivation = tuple((row.label, tuple(row.derive())) for row in rows)
    peak = None if symbols_of(*shape, *(row.memory for row in layers)) else _peak(rows, shape, convention)
    return Counts(layers, shape, convention, assumption, peak, derivation)


def tidy(value: Any) -> Length:
    """An expression multiplied out; a number as int where it is whole."""
    if not hasattr(value, "free_symbols"):
        return value
    value = value.expand()
    return int(value) if value.is_Integer else value


def _substitute(shape: Shape, values: dict[Any, Any]) -> Shape:
    return tuple(tidy(member.subs(values)) if hasattr(member, "subs") else member for member in shape)


def _settle_row(row: Flow, back: dict[Any, Any]) -> Flow:
    return replace(row, x=_substitute(row.x, back), y=_substitute(row.y, back))


def _count_layer(row: Flow, convention: Convention) -> LayerCounts:
    layer, x, y = row.step.layer, row.x, row.y
    connections = layer.connections(x, y)
    multiply_adds = connections if layer.kind in ("convolution", "dense") else 0
    biases = layer.biases(x)
    if layer.kind not in KINDS[convention.of]:
        connections = 0
    elif convention.biases and not_zero(biases):
        connections = connections + volume(y)

    outputs = 0 if layer.kind == "join" and not connections and len(row.inputs) == 1 else volume(y)
    return LayerCounts(
        label=row.label,
        kind=layer.kind,
        shape=y,
        weights=tidy(layer.weights(x) + biases),
        biases=tidy(biases),
        outputs=tidy(outputs),
        connections=tidy(connections),
        multiply_adds=tidy(multiply_adds),
        memory=tidy(outputs * convention.batch * convention.value_bytes),
    )


def not_zero(figure: Length) -> bool:
    """Whether a figure is an expression, or a number other than 0."""
    return is_symbolic(figure) or bool(figure)


def _multiples(network: Network, shape: Shape) -> tuple[dict[Any, tuple[Any, int]], str]:
    """Each symbol of height and width → (a symbol m, the network's stride): the length is m strides."""
    symbols = symbols_of(*shape[1:])
    factor = 1
    for step in network.steps:
        stride = getattr(getattr(step.layer, "window", None), "stride", (1, 1))
        numbers = [s for s in stride if isinstance(s, int)]
        factor *= max(numbers, default=1) if step.layer.kind != "dense" else 1
        if type(step.layer).__name__ == "TransposedConvolution":
            factor //= max(numbers, default=1)
    if not symbols or factor == 1:
        return {}, ""
    import sympy

    multiples = {s: (sympy.Symbol(f"{s}_strides", integer=True, positive=True), factor) for s in symbols}
    names = " and ".join(map(str, symbols))
    return multiples, f"for {names} divisible by {factor}"


def _peak(rows: tuple[Flow, ...], shape: Shape, convention: Convention) -> int:
    """The most bytes alive at once: a layer's inputs, its output, and what later layers still read."""
    sizes = [volume(shape), *(volume(row.y) for row in rows)]
    last = {place: row.number for row in rows for place in row.inputs}
    most = 0
    for row in rows:
        alive = {place for place in range(row.number) if last.get(place, 0) >= row.number}
        most = max(most, sum(sizes[place] for place in alive) + sizes[row.number])
    return int(most) * convention.batch * convention.value_bytes
