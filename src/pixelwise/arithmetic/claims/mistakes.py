"""Claims about counts, compared with the computed figures. A wrong total is also compared with the results of known mistakes.

A *reading* is one way to count: which kinds of layers, with or without biases, and known mistakes such as outputs of
BatchNorm that read their whole map. Figures are kept as terms (monomial → coefficient), so that thousands of readings can be
compared quickly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, combinations
from typing import Any

from pixelwise.arithmetic.claims.verdict import Verdict, together
from pixelwise.arithmetic.counts import KINDS, Counts, LayerCounts, not_zero, tidy
from pixelwise.arithmetic.layers import volume
from pixelwise.arithmetic.network import symbols_of
from pixelwise.arithmetic.table import figure
from pixelwise.arithmetic.window import Length, is_symbolic

Terms = dict[Any, Any]  # monomial → coefficient, without zeros; 1 is the monomial of plain numbers
Delta = tuple[str, Terms]  # a mistake in words, and what it adds
NAMES = {
    "convolution": "convolutions",
    "dense": "dense layers",
    "norm": "BatchNorm",
    "pool": "pooling, upsampling",
    "activation": "activations",
    "join": "skips",
    "shape": "flattening",
}
WHOLE_MAP = "lets every output of BatchNorm read its whole map (16-fold when the side is doubled)"


@dataclass(frozen=True)
class Reading:
    """One way to count a quantity: its differences from the usual way, in words, and the terms of every counted layer."""

    words: tuple[str, ...]
    layers: dict[str, Terms]

    @property
    def total(self) -> Terms:
        total: Terms = {}
        for terms in self.layers.values():
            total = _sum(total, terms)
        return total


ALIASES = {"parameters": "weights", "params": "weights", "macs": "multiply_adds", "mult_adds": "multiply_adds"}
CONVOLUTIONS = "outputs_of_convolutions"  # as the line under the table says


def check_claim(counts: Counts, quantity: str, claimed: Length, half: Counts | None = None) -> Verdict:
    """Compare a claimed total with the computed one.

    quantity:  one of weights, outputs, connections, multiply-adds, memory, or outputs of convolutions alone
    half:      the counts of the same network at half the side, to recognise terms that were not doubled

    A wrong claim is explained by the reading with the fewest mistakes that gives exactly this figure. Without such a
    reading, each term of the claim is searched for by itself.
    """
    quantity = quantity.lower().replace("-", "_").replace(" ", "_")
    quantity = ALIASES.get(quantity, quantity)
    if quantity in (CONVOLUTIONS, f"{CONVOLUTIONS}_alone"):
        computed, wrong = counts.outputs_of_convolutions, "this is the sum over all layers"
        holds = not not_zero(difference := tidy(claimed - computed))
        why = "" if holds or not_zero(tidy(claimed - counts.total("outputs"))) else wrong
        return Verdict("outputs of convolutions alone", claimed, computed, holds, difference, why)
    computed = counts.total(quantity)
    difference = tidy(claimed - computed)
    holds = not not_zero(difference)
    explanation = ""
    if not holds:
        explanation = _explain(counts, quantity, claimed) or _term_by_term(counts, quantity, claimed, half)
    return Verdict(quantity.replace("_", "-"), claimed, computed, holds, difference, explanation)


def _explain(counts: Counts, quantity: str, claimed: Length) -> str:
    """The mistake that gives exactly this figure; empty if none is found."""
    wanted = terms_of(claimed)
    if found := [row.label for row in counts.layers if terms_of(getattr(row, quantity)) == wanted]:
        last = " (the last one)" if found[-1] == counts.layers[-1].label else ""
        return f"this is the figure of layer {found[-1]}{last} alone"
    if found := [
        word for factor, word in _units(counts, quantity) if wanted == _scaled(counts.total(quantity), factor)
    ]:
        return f"this {found[0]}"
    explanations = []
    swaps = _Swaps(counts)
    for reading in readings(counts, quantity):
        missing = _sum(wanted, reading.total, -1)
        if not missing:
            explanations.append(reading.words)
        elif words := [swap for swap, delta in swaps.of(reading) if delta == missing]:
            explanations.append((*reading.words, words[0]))
    if explanations:
        return f"this {together(min(explanations, key=len))}"
    return _repeated(counts, quantity, wanted)


def _units(counts: Counts, quantity: str) -> list[tuple[Any, str]]:
    """Factors between two units of a quantity that are often confused."""
    known: dict[str, list[tuple[Any, str]]] = {
        "multiply_adds": [(2, "counts two operations for each multiply-add, as FLOPs do")],
        "memory": [(Fraction(1, counts.convention.value_bytes), "counts values and not bytes")],
    }
    return known.get(quantity, [])


def _repeated(counts: Counts, quantity: str, wanted: Terms) -> str:
    """One kind of layers counted several times."""
    computed = terms_of(counts.total(quantity))
    for kind in sorted({row.kind for row in counts.layers}):
        part = terms_of(counts.total(quantity, {kind}))
        for times in (2, 4, 16):
            if part and _sum(computed, part, times - 1) == wanted:
                return f"this counts {NAMES[kind]} {times} times"
    return ""


def readings(counts: Counts, quantity: str) -> Iterator[Reading]:
    """Ways to count: every set of kinds of layers, with and without biases, with and without the mistake of BatchNorm."""
    reads = quantity == "connections"
    figures = "reads" if reads else quantity
    there = [kind for kind in NAMES if any(not_zero(getattr(r, figures)) for r in counts.layers if r.kind == kind)]
    usual = tuple(kind for kind in there if not reads or kind in KINDS[counts.convention.of])
    with_biases = counts.convention.biases if reads else True
    for kinds in chain.from_iterable(combinations(there, size) for size in range(1, len(there) + 1)):
        for whole in (False, True) if reads and "norm" in kinds else (False,):
            for biases in (False, True) if reads or quantity == "weights" else (True,):
                words = [_kinds_in_words(kinds, usual)] if kinds != usual else []
                if biases != with_biases:
                    words.append("counts connections to biases" if biases else "leaves the biases out")
                words += [WHOLE_MAP] if whole else []
                rows = {
                    row.label: _terms_of_layer(row, quantity, whole=whole, biases=biases)
                    for row in counts.layers
                    if row.kind in kinds
                }
                yield Reading(tuple(words), rows)


def _kinds_in_words(kinds: tuple[str, ...], usual: tuple[str, ...]) -> str:
    left_out = [kind for kind in usual if kind not in kinds]
    if len(left_out) == 1 and len(kinds) == len(usual) - 1 > 1:
        return f"leaves {together(NAMES[left_out[0]].split(', '))} out"
    return f"counts {together(', '.join(NAMES[kind] for kind in kinds).split(', '))} only"


def _terms_of_layer(row: LayerCounts, quantity: str, *, whole: bool, biases: bool) -> Terms:
    if quantity == "weights":
        return terms_of(row.weights if biases else row.weights - row.biases)
    if quantity != "connections":
        return terms_of(getattr(row, quantity))
    reads = row.reads * volume(row.shape[1:]) if whole and row.kind == "norm" and len(row.shape) > 1 else row.reads
    return terms_of(reads + (volume(row.shape) if biases and not_zero(row.biases) else 0))


class _Swaps:
    """The mistakes of one symbol written for another in one layer."""

    def __init__(self, counts: Counts) -> None:
        self.symbols = symbols_of(*(row.outputs for row in counts.layers), *counts.input)
        self.known: dict[tuple[str, frozenset[Any]], list[Delta]] = {}

    def of(self, reading: Reading) -> Iterator[Delta]:
        for label, terms in reading.layers.items():
            key = label, frozenset(terms.items())
            if key not in self.known:
                self.known[key] = list(self._deltas(label, terms))
            yield from self.known[key]

    def _deltas(self, label: str, terms: Terms) -> Iterator[Delta]:
        value = sum(coefficient * monomial for monomial, coefficient in terms.items())
        for old in symbols_of(value):
            for new in self.symbols:
                if new != old:
                    delta = _sum(terms_of(value.subs(old, new)), terms, -1)
                    yield f"writes {new} for {old} in layer {label}", delta


def _term_by_term(counts: Counts, quantity: str, claimed: Length, half: Counts | None) -> str:
    """The origin of a claim's terms, for the reading that explains most of them."""
    wanted = terms_of(claimed)
    if not is_symbolic(claimed) or len(wanted) < 2:
        return ""
    swaps, half_swaps = _Swaps(counts), _Swaps(half or counts)
    best: tuple[tuple[int, int, int], str] = ((0, 0, 0), "")
    for now, before in zip(readings(counts, quantity), readings(half or counts, quantity), strict=True):
        earlier = dict(half_swaps.of(before)) if half else {}
        for words, delta in [("", {}), *swaps.of(now)]:
            table = _sum(now.total, delta)
            old_table = _sum(before.total, earlier.get(words, {})) if half else {}
            mistakes = (*now.words, *([words] if words else ()))
            right = sum(table.get(monomial) == c for monomial, c in wanted.items())
            strays = _strays(wanted, table, old_table)
            rank = (right + len(strays), right, -len(mistakes))
            if right and rank > best[0]:
                best = rank, _told(wanted, table, strays, mistakes)
    return best[1]


def _strays(wanted: Terms, table: Terms, old_table: Terms) -> dict[Any, str]:
    """Terms that are not the table's, with what they are: another monomial's coefficient, or one not doubled."""
    found = {}
    for monomial, coefficient in wanted.items():
        if table.get(monomial) == coefficient:
            continue
        if old_table.get(monomial) == coefficient:
            found[monomial] = "is the figure before doubling"
        elif others := [other for other, value in table.items() if value == coefficient]:
            found[monomial] = f"is the term in {others[0]}, with {monomial} written for it"
    return found


def _told(wanted: Terms, table: Terms, strays: dict[Any, str], mistakes: tuple[str, ...]) -> str:
    def written(terms: Terms) -> str:
        return figure(sum(coefficient * monomial for monomial, coefficient in terms.items()))

    wrong = {monomial: c for monomial, c in wanted.items() if table.get(monomial) != c}
    lost = {monomial: c for monomial, c in table.items() if wanted.get(monomial) != c}
    start = f"this {together(mistakes)}; then the" if mistakes else "the"
    told = [f"{written({m: wrong[m]})} {strays.get(m, 'is not found')}" for m in sorted(wrong, key=str)]
    instead = f", where the sums give {written(lost)}" if lost else ""
    right = written({monomial: c for monomial, c in wanted.items() if monomial not in wrong})
    return f"{start} terms {right} are right, {together(told)}{instead}"


def terms_of(value: Length) -> Terms:
    """An expression or a number as monomial → coefficient, without zeros."""
    value = tidy(value)
    if not is_symbolic(value):
        return {1: value} if value else {}
    terms = value.as_coefficients_dict()
    return {(1 if monomial == 1 else monomial): _number(c) for monomial, c in terms.items() if c != 0}


def _number(coefficient: Any) -> Any:
    return int(coefficient) if coefficient.is_Integer else coefficient


def _scaled(value: Length, factor: Any) -> Terms:
    return {monomial: coefficient * factor for monomial, coefficient in terms_of(value).items()}


def _sum(one: Terms, other: Terms, times: int = 1) -> Terms:
    """one + times · other"""
    total = dict(one)
    for monomial, coefficient in other.items():
        total[monomial] = total.get(monomial, 0) + times * coefficient
        if not total[monomial]:
            del total[monomial]
    return total
