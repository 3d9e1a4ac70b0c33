"""Finds the padding and output_padding that turn one size into another. Every candidate is shown with its computation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from pixelwise.arithmetic.table import Table
from pixelwise.arithmetic.window import output_length, same_padding, span
from pixelwise.errors import ShapeError


@dataclass(frozen=True)
class Candidate:
    """One candidate, the length it gives (None: refused at once), and why it does not fit (empty: it fits)."""

    padding: int
    output_padding: int
    gives: int | None
    why_not: str

    @property
    def fits(self) -> bool:
        return not self.why_not


@dataclass(frozen=True)
class Solution:
    """All candidates for one step from a length to another.

    transposed:  whether the step is a transposed convolution
    one_sided:   (before, after), if only an uneven padding fits
    """

    kernel: int
    stride: int
    dilation: int
    length: int
    wanted: int
    transposed: bool
    candidates: tuple[Candidate, ...]
    one_sided: tuple[int, int] | None = None

    @property
    def fitting(self) -> tuple[Candidate, ...]:
        return tuple(candidate for candidate in self.candidates if candidate.fits)

    @property
    def formula(self) -> str:
        """The formula in which every candidate is tried."""
        reach = f"{self.dilation}·({self.kernel} − 1)"
        if self.transposed:
            return f"({self.length} − 1)·{self.stride} − 2·padding + {reach} + output_padding + 1"
        return f"floor(({self.length} + 2·padding − {reach} − 1)/{self.stride}) + 1"

    @property
    def step(self) -> str:
        """For people: from where to where."""
        return f"{self.length} → {self.wanted}"

    def sums(self) -> list[str]:
        """The formula with each candidate's numbers put in."""
        lines = []
        for c in self.candidates:
            numbers = self.formula.replace("output_padding", str(c.output_padding)).replace("padding", str(c.padding))
            result = "refused" if c.gives is None else c.gives
            lines.append(f"{numbers} = {result}   {f'({c.why_not})' if c.why_not else 'fits'}")
        return lines

    def as_record(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "from": self.length,
            "to": self.wanted,
            "transposed": self.transposed,
            "formula": self.formula,
            "one_sided": self.one_sided,
            "candidates": [{**asdict(c), "fits": c.fits} for c in self.candidates],
        }


def solutions_table(solutions: Sequence[tuple[str, Solution]], weights: Sequence[Weights] = ()) -> Table:
    """Every candidate of every step with its verdict; the steps may be named, e.g. by their axis."""
    rows, notes = [], []
    for name, solution in solutions:
        for c in solution.candidates:
            verdict = "fits" if c.fits else f"refuted: {c.why_not}"
            more = c.output_padding if solution.transposed and (c.fits or (c.gives and c.output_padding)) else None
            rows.append((f"{name}{solution.step}", c.padding, more, c.gives, verdict))
        if not solution.fitting:
            uneven = solution.one_sided
            also = f" on both sides; {uneven[0]} before and {uneven[1]} after does" if uneven else ""
            notes.append(f"{name}{solution.step}: no padding fits{also}.")
    notes += map(str, weights)
    headings = ("step", "padding", "output_padding", "gives", "verdict")
    kernels = "×".join(dict.fromkeys(str(solution.kernel) for _, solution in solutions))
    title = f"Paddings for kernel {kernels}" if solutions else "Paddings"
    return Table(title, headings, rows, tuple(notes))


def solve_padding(kernel: int, length: int, wanted: int, stride: int = 1, dilation: int = 1) -> Solution:
    """Paddings with which a convolution turns `length` into `wanted`.

    The paddings 0 to the kernel's span − 1 are tried (with more, a window would read only padding). If none fits, because
    an even kernel at stride 1 has no middle, `one_sided` is the uneven padding that does.

    >>> [c.padding for c in solve_padding(4, 32, 16, stride=2).fitting]
    [1]
    """
    _check(kernel, length, wanted, stride, dilation)
    reach = span(kernel, dilation)
    candidates = []
    for padding in range(reach):
        if (padded := length + 2 * padding) < reach:
            covers = f"the kernel covers {reach}, more than {length} + 2·{padding} = {padded}"
            candidates.append(Candidate(padding, 0, None, covers))
        else:
            gives = output_length(length, kernel, stride, padding, dilation)
            candidates.append(Candidate(padding, 0, gives, "" if gives == wanted else f"gives {gives}, not {wanted}"))
    one_sided = None
    if not any(candidate.fits for candidate in candidates):
        before, after = same_padding(kernel, dilation)
        if output_length(length, kernel, stride, before, dilation, after - before) == wanted:
            one_sided = before, after
    return Solution(kernel, stride, dilation, length, wanted, False, tuple(candidates), one_sided)


def solve_transposed(
    kernel: int, length: int, wanted: int, stride: int = 1, dilation: int = 1, output_padding: int | None = None
) -> Solution:
    """Paddings and output_paddings with which a transposed convolution turns `length` into `wanted`.

    For every padding the needed output_padding follows from the formula; it must be at least 0 and stay below
    max(stride, dilation). If `output_padding` is given, only that one is tried.

    >>> [(c.padding, c.output_padding) for c in solve_transposed(3, 8, 16, stride=2).fitting]
    [(1, 1)]
    """
    _check(kernel, length, wanted, stride, dilation)
    limit = max(stride, dilation)
    if output_padding is not None and not 0 <= output_padding < limit:
        raise ShapeError(f"output_padding {output_padding} must stay below max(stride, dilation) = {limit}.")
    candidates = []
    for padding in range(span(kernel, dilation)):
        bare = (length - 1) * stride - 2 * padding + span(kernel, dilation)
        needed = wanted - bare
        if output_padding is not None:
            gives = bare + output_padding
            why = "" if gives == wanted else f"gives {gives}, not {wanted}"
            candidates.append(Candidate(padding, output_padding, gives, why))
            continue
        if needed < 0:
            candidates.append(Candidate(padding, 0, bare, f"gives {bare} or more, not {wanted}: too long"))
            continue
        needs = f"needs output_padding {wanted} − {bare} = {needed}"
        too_much = f"{needs}, which must stay below max(stride, dilation) = {limit}"
        candidates.append(Candidate(padding, needed, *((wanted, "") if needed < limit else (None, too_much))))
    return Solution(kernel, stride, dilation, length, wanted, True, tuple(candidates))


def solve_chain(
    kernel: int,
    lengths: Sequence[int],
    stride: int = 1,
    dilation: int = 1,
    *,
    transposed: bool = False,
    output_padding: int | None = None,
) -> list[Solution]:
    """One solution for each step of a chain of lengths such as 32 → 16 → 8 → 16 → 32; a step to a longer one is transposed.

    A step that keeps the length is a plain convolution with stride 1. The paddings that fit every step down (and every
    step up) are what the network can use.

    transposed:      every step is a transposed convolution with the stride
    output_padding:  of the transposed steps; None: the one that each padding needs
    """
    if len(lengths) < 2:
        raise ShapeError(f"read {list(lengths)}; a chain needs at least two sizes.", hint="For example: 32,16,8,16,32")
    return [
        solve_transposed(kernel, length, wanted, stride, dilation, output_padding)
        if transposed or wanted > length
        else solve_padding(kernel, length, wanted, stride if wanted < length else 1, dilation)
        for length, wanted in pairwise(lengths)
    ]


@dataclass(frozen=True)
class Weights:
    """The weights of one step, which no padding changes: C_out·(C_in/groups)·K·K, and C_out more with a bias."""

    step: str
    reads: int
    gives: int
    kernel: tuple[int, int]
    groups: int = 1
    bias: bool = True

    def __post_init__(self) -> None:
        if self.groups < 1 or self.reads % self.groups or self.gives % self.groups:
            both = f"{self.reads} input and {self.gives} output channels"
            raise ShapeError(f"{both} cannot be split into {self.groups} groups.", where=self.step)

    @property
    def count(self) -> int:
        return self.gives * (self.reads // self.groups) * self.kernel[0] * self.kernel[1] + self.bias * self.gives

    def __str__(self) -> str:
        read = f"({self.reads}/{self.groups})" if self.groups > 1 else str(self.reads)
        more = f" + {self.gives}" if self.bias else ""
        return f"{self.step}: {self.gives}·{read}·{self.kernel[0]}·{self.kernel[1]}{more} = {self.count:,} weights."


def _check(kernel: int, length: int, wanted: int, stride: int, dilation: int) -> None:
    names = ("kernel", "length", "wanted length", "stride", "dilation")
    for name, value in zip(names, (kernel, length, wanted, stride, dilation), strict=True):
        if value < 1:
            raise ShapeError(f"{name} must be at least 1, not {value}.")
