"""Options that several commands of `arithmetic` share, how they are read, and how answers are printed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixelwise.errors import RecipeError
from pixelwise.terminal.output import say, show_json

if TYPE_CHECKING:
    from pixelwise.arithmetic.claims.verdict import Verdict
    from pixelwise.arithmetic.table import Table

Values = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=NUMBER", help="A number for a symbol; may be repeated.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Latex = Annotated[bool, typer.Option("--latex", help="Print LaTeX.")]
Derive = Annotated[bool, typer.Option("--derive", help="Print every step of the computation.")]


def values_of(given: list[str] | None) -> dict[str, int]:
    """`NAME=NUMBER` words as a mapping. Raises RecipeError."""
    numbers = {}
    for text in given or []:
        name, _, value = text.partition("=")
        if not name.isidentifier() or not is_whole(value) or int(value) < 1:
            raise RecipeError(f"read '{text}'; write NAME=NUMBER.", where="--set", hint="For example: --set NF=32")
        numbers[name] = int(value)
    return numbers


def pixels_of(shape: tuple[Any, ...]) -> tuple[int, int, int]:
    """(C, H, W) in numbers. Raises RecipeError."""
    if len(shape) != 3 or not all(isinstance(member, int) for member in shape):
        from pixelwise.arithmetic.table import write

        raise RecipeError(f"read {write(shape)}; write channels×height×width in numbers.", where="--input")
    return shape[0], shape[1], shape[2]


def pair_of(text: str, option: str, least: int = 1) -> tuple[int, int]:
    """`3` or `2x3` as (vertical, horizontal). Raises RecipeError."""
    parts = text.strip().replace("×", "x").split("x")
    if len(parts) > 2 or not all(is_whole(part) and int(part) >= least for part in parts):
        what = f"read '{text}'; write a number of at least {least}, or HEIGHTxWIDTH."
        raise RecipeError(what, where=option, hint="For example: 3 or 2x3")
    return int(parts[0]), int(parts[-1])


def is_whole(text: str) -> bool:
    """Whether a word is a whole number that is not absurdly long."""
    return text.isascii() and text.isdigit() and len(text) <= 18


def print_answer(table: Table, record: dict[str, Any], as_json: bool, as_latex: bool, derivation: Any = None) -> None:
    """The answer in the form that was asked for."""
    if as_json and as_latex:
        raise RecipeError("--json and --latex exclude each other.")
    if as_json:
        echo_json({**record, "derivation": derivation} if derivation else record)
        return
    say(table.latex() if as_latex else table.text())
    for label, lines in (derivation or {}).items():
        comment = "% " if as_latex else ""
        say("\n".join([f"\n{comment}{label}", *(f"{comment}    {line}" for line in lines)]))


def echo_json(record: dict[str, Any]) -> None:
    from pixelwise.arithmetic.table import plain

    show_json(plain(record))


def with_claims(record: dict[str, Any], verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """A record with its verdicts, where there are any."""
    return {**record, "claims": [verdict.as_record() for verdict in verdicts]} if verdicts else record


def conclude(verdicts: Sequence[Verdict], *, as_json: bool, as_latex: bool = False, alone: bool = False) -> None:
    """Print the verdicts after an answer; ends with exit code 1 if one is wrong."""
    if verdicts and not as_json:
        comment = "% " if as_latex else ""
        say(("" if alone else "\n") + "\n".join(f"{comment}{verdict}" for verdict in verdicts))
    if not all(verdict.holds for verdict in verdicts):
        raise typer.Exit(1)
