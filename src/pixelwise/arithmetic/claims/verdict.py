"""A claimed figure beside the computed one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pixelwise.arithmetic.table import figure
from pixelwise.arithmetic.window import Length
from pixelwise.errors import RecipeError


@dataclass(frozen=True)
class Verdict:
    """Whether a claim holds.

    quantity:     what the claim is about
    claimed:      a number, an expression, a shape, or the cells of a grid as text
    computed:     the same, as computed by pixelwise
    difference:   claimed minus computed; None if that has no meaning
    explanation:  the mistake that leads to the claim; empty if none was found
    sign:         the sign between quantity and figure
    """

    quantity: str
    claimed: Any
    computed: Any
    holds: bool
    difference: Length | None = None
    explanation: str = ""
    sign: str = " = "

    def __str__(self) -> str:
        said = "holds" if self.holds else f"is wrong: it is {figure(self.computed)}"
        why = f"; {self.explanation}" if self.explanation else ""
        return f"{self.quantity}{self.sign}{figure(self.claimed)} {said}{why}."

    def as_record(self) -> dict[str, Any]:
        """For JSON."""
        record = {key: value for key, value in vars(self).items() if key != "sign"}
        return {**record, "text": str(self)}


def split_claim(text: str, example: str) -> tuple[str, str]:
    """`QUANTITY=FIGURE` as its two sides. Raises RecipeError."""
    name, sign, claimed = text.partition("=" if "=" in text else ":")
    if not sign or not name.strip() or not claimed.strip():
        raise RecipeError(f"read '{text}'; write QUANTITY=FIGURE.", where="--claim", hint=f"For example: {example}")
    return name.strip(), claimed.strip()


def together(parts: Sequence[str]) -> str:
    """Parts as one enumeration.

    >>> together(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))
