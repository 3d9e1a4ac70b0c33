"""How a batch is shown to the model: its pictures or mixtures of them, at once or in pieces that give one gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pixelwise.engine.torch.update import Total, check_term
from pixelwise.losses.base import Term


@dataclass(frozen=True, eq=False)
class Shown:
    """Pictures as the model reads them, with what its scores are compared with.

    others, share:  for mixtures: the targets of the partners, and the share of the picture itself in each mixture
    """

    images: Any
    targets: Mapping[str, Any]
    others: Mapping[str, Any] | None = None
    share: float = 1.0

    def __len__(self) -> int:
        return len(self.images)

    def cut(self, count: int) -> list[Shown]:
        """`count` pieces in the batch's order, whose lengths differ by at most one."""
        ends = [len(self) * number // count for number in range(count + 1)]
        return [self._part(slice(*ends[n : n + 2])) for n in range(count)]

    def _part(self, rows: slice) -> Shown:
        targets, others = ({h: t[rows] for h, t in of.items()} if of else of for of in (self.targets, self.others))
        return Shown(self.images[rows], targets or {}, others, self.share)


def mixed(images: Tensor, targets: Mapping[str, Any], alpha: float) -> Shown:
    """Mixtures: `share` of each picture itself and of its loss, the rest of its partner in the batch (Zhang et al. 2018).

    Drawn from torch's generator of the CPU, which is seeded for every step.
    """
    share = float(torch.distributions.Dirichlet(torch.tensor([alpha, alpha])).sample()[0])  # Beta(α, α)
    partners = torch.randperm(len(images)).to(images.device)
    others = {head: target[partners] for head, target in targets.items()}
    return Shown(share * images + (1 - share) * images[partners], targets, others, share)


def blended(own: Mapping[str, Term], other: Mapping[str, Term], share: float) -> dict[str, Term]:
    """The terms of mixtures, from those with the pictures' own targets and with their partners'."""
    return {
        head: Term(
            share * term.numerator + (1 - share) * other[head].numerator,
            share * term.denominator + (1 - share) * other[head].denominator,
        )
        for head, term in own.items()
    }


# -- one gradient from pieces --

Compute = Callable[[Shown, int, nn.Module], Mapping[str, Term]]  # (piece, its number, model) → terms
Close = Callable[[Mapping[str, Term]], Total]  # the terms of the whole batch, without gradients → their total


def accumulate(
    pieces: Sequence[Shown], compute: Compute, close: Close, *, model: nn.Module, shared: nn.Module, factor: float
) -> Total:
    """Leave the gradient of a whole batch's loss in the parameters, with the activations of one piece in memory at a time.

    The loss is Σₖ Nₖ/Dₖ with a numerator and a denominator for each term, both summed over the whole batch. With one term the
    gradients of the numerators are added and divided by D at the end. With several the denominators have to be known before:
    a pass without gradients finds them, from the same draws, after which running statistics are put back.

    compute:        gives the same draws for the same piece, whenever it is called
    close:          raises TrainingError if a sum is not finite; no weight has changed until then
    model, shared:  the bare module, and the one that averages gradients over processes after the last piece
    factor:         a factor of the loss, for processes whose gradients are averaged; 0 for a process that counts nothing
    """
    for parameter in model.parameters():
        parameter.grad = None
    before = [buffer.clone() for buffer in model.buffers()]
    sums: dict[str, list[Tensor]] = {}
    for number, piece in enumerate(pieces):
        with _apart(shared, last=number == len(pieces) - 1):
            terms = compute(piece, number, shared)
            if len(terms) > 1:
                break
            _add(sums, terms)
            _backward(terms, dict.fromkeys(terms, factor))
    else:
        found = close({name: Term(*pair) for name, pair in sums.items()})
        (denominator,) = (below for _, below in found.sums.values()) if found.sums else (0.0,)
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        if denominator:
            torch._foreach_mul_(gradients, 1 / denominator)
        else:  # nothing counts: nothing changes
            for parameter in model.parameters():
                parameter.grad = None
        return found
    return _several(pieces, compute, close, model, shared, factor, before)


def _several(
    pieces: Sequence[Shown],
    compute: Compute,
    close: Close,
    model: nn.Module,
    shared: nn.Module,
    factor: float,
    before: Sequence[Tensor],
) -> Total:
    """The same for several terms: first their denominators, then the gradients of the quotients."""
    sums: dict[str, list[Tensor]] = {}
    _put_back(model, before)
    with torch.no_grad():
        for number, piece in enumerate(pieces):
            _add(sums, compute(piece, number, model))
    _put_back(model, before)
    for parameter in model.parameters():
        parameter.grad = None
    found = close({name: Term(*pair) for name, pair in sums.items()})
    weights = {name: factor / below for name, (_, below) in found.sums.items() if below}
    for number, piece in enumerate(pieces):
        with _apart(shared, last=number == len(pieces) - 1):
            _backward(compute(piece, number, shared), weights)
    return found


def _add(sums: dict[str, list[Tensor]], terms: Mapping[str, Term]) -> None:
    """Add a piece's numerators and denominators, in double precision."""
    for name, term in terms.items():
        check_term(name, term)
        for place, value in enumerate((term.numerator, term.denominator)):
            pair = sums.setdefault(name, [])
            value = value.detach().double()
            if place < len(pair):
                pair[place] = pair[place] + value
            else:
                pair.append(value)


def _backward(terms: Mapping[str, Term], weights: Mapping[str, float]) -> None:
    loss = sum((terms[name].numerator * weight for name, weight in weights.items()), start=torch.zeros(()))
    if isinstance(loss, Tensor) and loss.requires_grad:
        loss.backward()


@contextmanager
def _apart(shared: nn.Module, *, last: bool) -> Iterator[None]:
    """Within, gradients of several processes are not averaged yet, unless this is the last piece."""
    apart: AbstractContextManager[Any] = nullcontext() if last or not hasattr(shared, "no_sync") else shared.no_sync()
    with apart:
        yield


@torch.no_grad()
def _put_back(model: nn.Module, values: Sequence[Tensor]) -> None:
    for buffer, value in zip(model.buffers(), values, strict=True):
        buffer.copy_(value)
