"""Weights, outputs, connections, multiply-adds and activation memory of a network, in numbers or in symbols, and how
they grow with the picture.

"Connections" has several meanings, so the convention is an option and part of the answer. Multiply-adds are those of
convolutions and dense layers, as torch's flop counter counts them (its FLOPs are two for each multiply-add).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from pixelwise.arithmetic.layers import Join, TransposedConvolution, volume
from pixelwise.arithmetic.network import Flow, Network, flow, symbols_of
from pixelwise.arithmetic.table import Table, figure
from pixelwise.arithmetic.window import Length, Shape, is_symbolic
from pixelwise.errors import RecipeError, did_you_mean

QUANTITIES = ("weights", "outputs", "connections", "multiply_adds", "memory")
KINDS = {
    "convolutions": frozenset({"convolution"}),
    "weighted": frozenset({"convolution", "dense", "norm"}),
    "all": frozenset({"convolution", "dense", "norm", "pool", "activation", "join"}),
}
IN_WORDS = {
    "convolutions": "of convolutions only",
    "weighted": "of layers with weights (convolutions, dense layers, BatchNorm)",
    "all": "of all layers, pooling, upsampling and activations too",
}
HEADINGS = tuple(quantity.replace("_", "-") for quantity in QUANTITIES)


@dataclass(frozen=True)
class Convention:
    """Which connections count.

    of:          "convolutions" only; "weighted": all layers with weights (dense and BatchNorm too); "all" layers,
                 pooling, upsampling, activations and sums included
    biases:      whether the connection of an output to its bias counts
    batch:       pictures held in memory at once
    value_bytes: bytes per value: 4 for float32
    """

    of: str = "convolutions"
    biases: bool = False
    batch: int = 1
    value_bytes: int = 4

    def __post_init__(self) -> None:
        if self.of not in KINDS:
            hint = did_you_mean(self.of, KINDS)
            raise RecipeError(f"unknown kind of connections '{self.of}'; choose from {', '.join(KINDS)}.", hint=hint)
        if self.batch < 1 or self.value_bytes < 1:
            raise RecipeError(f"batch {self.batch} and {self.value_bytes} bytes a value must be at least 1.")

    def __str__(self) -> str:
        biases = "count" if self.biases else "do not count"
        return f"connections {IN_WORDS[self.of]}; biases {biases}; padding counts as input"


@dataclass(frozen=True)
class LayerCounts:
    """One layer's figures. `weights` are all its learned numbers, with biases and BatchNorm's scale and shift.

    reads:   connections without biases, in any convention
    copies:  outputs that `concat` only copies from earlier layers
    """

    label: str
    kind: str
    shape: Shape
    weights: Length
    biases: Length
    outputs: Length
    connections: Length
    multiply_adds: Length
    memory: Length
    reads: Length
    copies: Length

    @property
    def figures(self) -> dict[str, Length]:
        return {quantity: getattr(self, quantity) for quantity in QUANTITIES}


@dataclass(frozen=True)
class Counts:
    """The figures of a network, layer by layer, with their convention.

    assumption:  a condition on the symbols; may be empty
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
        if quantity not in (*QUANTITIES, "biases", "copies"):
            hint = did_you_mean(quantity, HEADINGS)
            raise RecipeError(f"unknown quantity '{quantity}'; choose from {', '.join(HEADINGS)}.", hint=hint)
        chosen = set(kinds)
        return tidy(sum(getattr(row, quantity) for row in self.layers if not chosen or row.kind in chosen))

    @property
    def totals(self) -> dict[str, Length]:
        return {quantity: self.total(quantity) for quantity in QUANTITIES}

    @property
    def outputs_of_convolutions(self) -> Length:
        return self.total("outputs", {"convolution"})

    @property
    def _copying(self) -> list[LayerCounts]:
        return [row for row in self.layers if not_zero(row.copies)]

    def totals_text(self) -> str:
        """The totals, one per line, with the convention."""
        lines = [*_named(self.totals), str(self.convention), self.assumption]
        return "\n".join(filter(None, lines))

    def as_table(self) -> Table:
        """One row per layer. Totals in symbols are long, so they are printed below the table."""
        rows: list[tuple[Any, ...]] = [(row.label, row.shape, *row.figures.values()) for row in self.layers]
        totals = self.totals
        symbolic = any(map(is_symbolic, totals.values()))
        if not symbolic:
            rows.append(("total", None, *totals.values()))
        peak = "" if self.peak is None else f"; at most {self.peak:,} at once when only predicting"
        notes = [
            *(_named(totals) if symbolic else ()),
            f"outputs of convolutions alone = {figure(self.outputs_of_convolutions)}",
            *(f"{row.label}: its {figure(row.copies)} outputs are copies of earlier outputs" for row in self._copying),
            str(self.convention),
            f"memory in bytes: every output kept (for the backward pass), batch {self.convention.batch}, "
            f"{self.convention.value_bytes} bytes a value{peak}",
            self.assumption,
        ]
        title = f"Counts on an input of {figure(self.input)}"
        return Table(title, ("layer", "gives", *HEADINGS), rows, tuple(filter(None, notes)), total=not symbolic)

    def as_record(self) -> dict[str, Any]:
        """The same for JSON, with the convention."""
        return {
            "input": self.input,
            "convention": str(self.convention),
            "assumption": self.assumption,
            "layers": [{"layer": row.label, "gives": row.shape, **row.figures} for row in self.layers],
            "totals": self.totals,
            "outputs_of_convolutions": self.outputs_of_convolutions,
            "copies": self.total("copies"),
            "peak_bytes": self.peak,
        }


def count(network: Network, shape: Shape, convention: Convention | None = None) -> Counts:
    """Count a network on an input of this shape. Raises ShapeError if something does not fit.

    A symbolic height or width is taken as a multiple of the network's whole stride, so that no floor remains;
    `assumption` says so.

    >>> from pixelwise.arithmetic.text import parse_network
    >>> count(parse_network("conv 5x5 5 | fc 10"), (3, 8, 8)).total("weights")
    1190
    """
    convention = convention or Convention()
    there, back, assumption = _multiples(network, shape)
    rows = tuple(
        replace(row, x=_substitute(row.x, back), y=_substitute(row.y, back))
        for row in flow(network, _substitute(shape, there))
    )
    layers = tuple(_count_layer(row, convention) for row in rows)
    derivation = tuple((row.label, tuple(row.derive())) for row in rows)
    peak = None if symbols_of(*shape, *(row.memory for row in layers)) else _peak(rows, shape, convention)
    return Counts(layers, shape, convention, assumption, peak, derivation)


def tidy(value: Any) -> Length:
    """An expression multiplied out; a whole number as int."""
    if not hasattr(value, "free_symbols"):
        return value
    value = value.expand()
    return int(value) if value.is_Integer else value


def _substitute(shape: Shape, values: dict[Any, Any]) -> Shape:
    return tuple(tidy(member.subs(values)) if hasattr(member, "subs") else member for member in shape)


def _count_layer(row: Flow, convention: Convention) -> LayerCounts:
    layer, x, y = row.step.layer, row.x, row.y
    reads = connections = layer.connections(x, y)
    multiply_adds = connections if layer.kind in ("convolution", "dense") else 0
    biases = layer.biases(x)
    if layer.kind not in KINDS[convention.of]:
        connections = 0
    elif convention.biases and not_zero(biases):
        connections = connections + volume(y)

    outputs = 0 if layer.kind == "join" and not connections and len(row.inputs) == 1 else volume(y)
    memory = outputs * convention.batch * convention.value_bytes
    copies = outputs if isinstance(layer, Join) and layer.how == "concat" else 0
    figures = (layer.weights(x) + biases, biases, outputs, connections, multiply_adds, memory, reads, copies)
    return LayerCounts(row.label, layer.kind, y, *map(tidy, figures))


def _named(totals: dict[str, Length]) -> list[str]:
    return [f"{name} = {figure(total)}" for name, total in zip(HEADINGS, totals.values(), strict=True)]


def not_zero(figure: Length) -> bool:
    """Whether a figure is an expression, or a number other than 0."""
    return is_symbolic(figure) or bool(figure)


def _multiples(network: Network, shape: Shape) -> tuple[dict[Any, Any], dict[Any, Any], str]:
    """Each symbol of height and width → m times the network's stride, with a symbol m; the way back; in words."""
    symbols = symbols_of(*shape[1:])
    factor = 1
    for step in network.steps:
        stride = getattr(getattr(step.layer, "window", None), "stride", (1, 1))
        if not isinstance(step.layer, TransposedConvolution):
            factor *= max((s for s in stride if isinstance(s, int)), default=1)
    if not symbols or factor == 1:
        return {}, {}, ""
    import sympy

    multiples = {s: sympy.Symbol(f"{s}_strides", integer=True, positive=True) for s in symbols}
    there, back = {s: factor * m for s, m in multiples.items()}, {m: s / factor for s, m in multiples.items()}
    return there, back, f"for {' and '.join(map(str, symbols))} divisible by {factor}"


def _peak(rows: tuple[Flow, ...], shape: Shape, convention: Convention) -> int:
    """The most bytes alive at once: a layer's inputs, its output, and what later layers still read."""
    sizes = [volume(shape), *(volume(row.y) for row in rows)]
    last = {place: row.number for row in rows for place in row.inputs}
    most = 0
    for row in rows:
        alive = {place for place in range(row.number) if last.get(place, 0) >= row.number}
        most = max(most, sum(sizes[place] for place in alive) + sizes[row.number])
    return int(most) * convention.batch * convention.value_bytes


def doubled(network: Network, shape: Shape, convention: Convention | None = None) -> tuple[Counts, Counts]:
    """The counts at the given size, and with height and width doubled."""
    twice = (shape[0], *(2 * member for member in shape[1:]))
    return count(network, shape, convention), count(network, twice, convention)


def growth(before: Length, after: Length) -> Length | None:
    """The factor by which a figure grows; None if it is 0."""
    if not not_zero(before):
        return None
    if hasattr(before, "free_symbols") or hasattr(after, "free_symbols"):
        import sympy

        return tidy(sympy.simplify(sympy.sympify(after) / before))
    return after // before if after % before == 0 else after / before


def growth_table(before: Counts, after: Counts) -> Table:
    """The factor by which every figure of every layer grows."""
    both = zip(before.layers, after.layers, strict=True)
    rows = [(one.label, *_factors(one.figures, two.figures).values()) for one, two in both]
    rows.append(("total", *_factors(before.totals, after.totals).values()))
    title = "When height and width are doubled, each figure is multiplied by"
    return Table(title, ("layer", *HEADINGS), rows, (str(before.convention), "–: the figure is 0"), total=True)


def growth_text(before: Counts, after: Counts) -> str:
    """The totals at the doubled size with their factors, one per line, and the convention."""
    lines = [f"With height and width doubled, on an input of {figure(after.input)}:"]
    for line, factor in zip(_named(after.totals), _factors(before.totals, after.totals).values(), strict=True):
        grown = "unchanged" if factor == 1 else f"{figure(factor)} times as many"
        lines.append(line if factor is None else f"{line} ({grown})")
    return "\n".join(filter(None, [*lines, str(after.convention), after.assumption]))


def growth_record(before: Counts, after: Counts) -> dict[str, Any]:
    """The totals before and after, and their factors, for JSON."""
    return {
        "convention": str(before.convention),
        "input": before.input,
        "doubled": after.input,
        "before": before.totals,
        "after": after.totals,
        "factors": _factors(before.totals, after.totals),
    }


def _factors(before: dict[str, Length], after: dict[str, Length]) -> dict[str, Length | None]:
    return {quantity: growth(before[quantity], after[quantity]) for quantity in QUANTITIES}
