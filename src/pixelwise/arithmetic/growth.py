"""How counts grow when a picture grows, and claims about them: held against the figures, with the mistake named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pixelwise.arithmetic.counts import KINDS, QUANTITIES, Convention, Counts, count, not_zero, tidy
from pixelwise.arithmetic.network import Network, symbols_of
from pixelwise.arithmetic.table import Table, figure
from pixelwise.arithmetic.window import Length, Shape


def doubled(network: Network, shape: Shape, convention: Convention | None = None) -> tuple[Counts, Counts]:
    """The counts as they are, and with height and width doubled."""
    twice = (shape[0], *(2 * member for member in shape[1:]))
    return count(network, shape, convention), count(network, twice, convention)


def growth(before: Length, after: Length) -> Length | None:
    """By which factor a figure grows; None where it is 0."""
    if not not_zero(before):
        return None
    if hasattr(before, "free_symbols") or hasattr(after, "free_symbols"):
        import sympy

        return tidy(sympy.simplify(sympy.sympify(after) / before))
    return after // before if after % before == 0 else after / before


def growth_table(before: Counts, after: Counts) -> Table:
    """By which factor every figure of every layer grows."""
    rows = [
        (one.label, *(growth(getattr(one, q), getattr(two, q)) for q in QUANTITIES))
        for one, two in zip(before.layers, after.layers, strict=True)
    ]
    rows.append(("total", *(growth(before.total(q), after.total(q)) for q in QUANTITIES)))
    headings = ("layer", *(quantity.replace("_", "-") for quantity in QUANTITIES))
    title = "When height and width are doubled, each figure is multiplied by"
    return Table(title, headings, rows, (str(before.convention), "–: there is none"), total=True)


def growth_record(before: Counts, after: Counts) -> dict[str, Any]:
    """The totals before and after, and their factors, for JSON."""
    return {
        "convention": str(before.convention),
        "input": before.input,
        "doubled": after.input,
        "before": {q: before.total(q) for q in QUANTITIES},
        "after": {q: after.total(q) for q in QUANTITIES},
        "factors": {q: growth(before.total(q), after.total(q)) for q in QUANTITIES},
    }


@dataclass(frozen=True)
class Verdict:
    """A claimed figure beside the computed one.

    explanation:  what the claim is the figure of, where that can be told; maybe empty
    """

    quantity: str
    claimed: Length
    computed: Length
    holds: bool
    difference: Length
    explanation: str

    def __str__(self) -> str:
        said = "holds" if self.holds else f"is wrong: it is {figure(self.computed)}"
        why = f"; {self.explanation}" if self.explanation else ""
        return f"{self.quantity} = {figure(self.claimed)} {said}{why}."

    def as_record(self) -> dict[str, Any]:
        """For JSON."""
        return {**{name: getattr(self, name) for name in self.__dataclass_fields__}, "text": str(self)}


def check_claim(counts: Counts, quantity: str, claimed: Length) -> Verdict:
    """Holds a claimed total against the computed one; where it is wrong, says which mistake gives just this figure.

    Looked for: a single layer, the convolutions alone, the layers with weights alone, all without biases, one symbol
    written for another in one layer, and a kind of layers counted several times or not at all.
    """
    computed = counts.total(quantity)
    difference = tidy(claimed - computed)
    holds = not getattr(difference, "free_symbols", False) and difference == 0
    explanation = "" if holds else _explain(counts, quantity, claimed)
    return Verdict(quantity, claimed, computed, holds, difference, explanation)


def _explain(counts: Counts, quantity: str, claimed: Length) -> str:
    def same(value: Any) -> bool:
        return bool(tidy(claimed - value) == 0)

    found = [row.label for row in counts.layers if same(getattr(row, quantity))]
    if found:
        last = " (the last one)" if found[-1] == counts.layers[-1].label else ""
        return f"this is the figure of layer {found[-1]}{last} alone"
    for of, kinds in KINDS.items():
        if of != "all" and same(counts.total(quantity, kinds)):
            return "this counts convolutions only" if of == "convolutions" else "this counts layers with weights only"
    if quantity == "weights" and same(counts.total("weights") - counts.total("biases")):
        return "this leaves the biases out"
    if quantity == "weights" and same(counts.total("weights", {"convolution", "dense"})):
        return "this leaves BatchNorm out"
    computed = counts.total(quantity)
    symbols = symbols_of(computed)
    for row in counts.layers:
        figure = getattr(row, quantity)
        for old in symbols_of(figure):
            for new in symbols:
                if new != old and same(computed - figure + figure.subs(old, new)):
                    return f"this writes {new} for {old} in layer {row.label}"
    for kind in sorted({row.kind for row in counts.layers}):
        for times in (0, 2, 4, 16):
            part = counts.total(quantity, {kind})
            if not_zero(part) and same(computed + (times - 1) * part):
                return f"this counts the {kind} layers {times} times"
    return ""
