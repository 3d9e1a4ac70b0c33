"""Ranges on the command line, `train.optimizer.learning_rate=log(1e-4,1e-1)`: read, and checked against the recipe."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import isfinite, prod
from typing import Any, Literal, cast

from pixelwise.errors import PixelwiseError, Problem, RecipeError, did_you_mean, shown
from pixelwise.experiments.grid import read_settings, split_values, value_problems
from pixelwise.recipe.load import check_recipe, read_tree, with_overrides
from pixelwise.recipe.schema import Recipe
from pixelwise.recipe.shipped import find_recipe
from pixelwise.yaml_text import parse_text

Kind = Literal["uniform", "log", "int", "logint", "choice"]
KINDS = ("uniform", "log", "int", "logint", "choice")
FORM = "A range is uniform(0,1), log(1e-4,1e-1), int(8,64), logint(8,64) or choice(32,64,128)."
MOST_CORNERS = 256  # settings of all ends together that are checked; of more, each range alone
DIGITS = 4  # of a drawn number, in the recipe


@dataclass(frozen=True)
class Range:
    """A place in the recipe and what may stand there.

    low, high:  ends of a numeric range, both included
    choices:    values as they were written, of a choice
    """

    path: str
    kind: Kind
    low: float = 0.0
    high: float = 0.0
    choices: tuple[str, ...] = ()

    @property
    def is_log(self) -> bool:
        return self.kind in ("log", "logint")

    @property
    def is_whole(self) -> bool:
        return self.kind in ("int", "logint")

    @property
    def written(self) -> str:
        """As on the command line."""
        inner = self.choices or (self.text(self.low), self.text(self.high))
        return f"{self.kind}({','.join(inner)})"

    @property
    def ends(self) -> tuple[str, ...]:
        """Values between which all others lie: the two ends, or every choice."""
        return self.choices or (self.text(self.low), self.text(self.high))

    def text(self, value: float | str) -> str:
        """A drawn value as the recipe writes it: four digits are enough, and never beyond an end.

        >>> Range("train.optimizer.learning_rate", "log", 1e-4, 1e-1).text(0.00123456)
        '0.001235'
        """
        if isinstance(value, str):
            return value
        if self.is_whole:
            return str(int(value))
        rounded = float(f"{value:.{DIGITS}g}")
        return repr(rounded if self.low <= rounded <= self.high else float(value))


@dataclass(frozen=True)
class Space:
    """What is searched: a recipe with some values fixed, and ranges for others."""

    recipe: str
    fixed: tuple[str, ...]
    ranges: tuple[Range, ...]
    tree: Mapping[str, Any]  # of the recipe, with what is fixed

    def recipe_at(self, values: Mapping[str, str]) -> Recipe:
        """The recipe at one point. Raises RecipeError where the values do not go together."""
        return check_recipe(with_overrides(self.tree, [f"{k}={v}" for k, v in values.items()]), where=self.recipe)

    def record(self) -> dict[str, Any]:
        """What two searches must have in common to be the same."""
        return {"recipe": dict(self.tree), "ranges": {one.path: one.written for one in self.ranges}}


def read_space(recipe: str, texts: Sequence[str]) -> Space:
    """The recipe's name and `path=value` words as a space. Raises RecipeError with every problem found."""
    written, problems = read_settings(texts, f"a search takes a.b=RANGE or a.b=VALUE. {FORM}")
    fixed, ranges = [], []
    for path, text in written.items():
        try:
            found = read_range(path, text)
        except RecipeError as error:
            problems += error.problems
            continue
        if found is None:
            fixed.append(f"{path}={text}")
        else:
            ranges.append(found)
    if not ranges and not problems:
        problems.append(Problem("", "without a range there is nothing to search.", FORM))
    if problems:
        raise RecipeError.all(problems)
    space = Space(recipe, tuple(fixed), tuple(ranges), with_overrides(read_tree(find_recipe(recipe)), fixed))
    if found_wrong := list(_wrong_corners(space)):
        raise RecipeError.all(found_wrong)
    return space


def read_range(path: str, written: str) -> Range | None:
    """The range that a text writes; None where it is a plain value. Raises RecipeError with what is wrong with it."""
    match = re.fullmatch(r"([A-Za-z_]+)\s*\((.*)\)", written, flags=re.DOTALL)
    if match is None:
        return None
    kind, inner = match[1], split_values(match[2])
    if kind not in KINDS:
        hint = did_you_mean(kind, KINDS) or FORM
        raise RecipeError(f"there is no range '{kind}'; there is {', '.join(KINDS)}.", where=path, hint=hint)
    if kind == "choice":
        return Range(path, "choice", choices=_choices(path, inner))
    whole = kind in ("int", "logint")
    if len(inner) != 2:
        raise RecipeError(f"read {shown(written)}; {kind} takes its two ends.", where=path, hint=FORM)
    low, high = (_number(path, text, whole) for text in inner)
    if low >= high:
        raise RecipeError(f"read {shown(written)}; the first end must be less than the second.", where=path)
    if kind in ("log", "logint") and low <= 0:
        what = f"read {shown(written)}; a logarithmic range begins above 0."
        raise RecipeError(what, where=path, hint=f"Use {'int' if whole else 'uniform'}(...) for one with 0 in it.")
    return Range(path, cast(Kind, kind), low, high)


def _number(path: str, text: str, whole: bool) -> float:
    value = parse_text(text, where=path) if text else None
    sound = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not sound or not isfinite(cast(float, value)):
        raise RecipeError(f"read {shown(text)}, which is not a {'whole ' * whole}number.", where=path, hint=FORM)
    return cast(float, value)


def _choices(path: str, texts: Sequence[str]) -> tuple[str, ...]:
    if problems := list(value_problems(path, texts, FORM)):
        raise RecipeError.all(problems)
    if len(texts) == 1:
        hint = f"For a single value write {path}={texts[0]}."
        raise RecipeError("a choice needs at least two values.", where=path, hint=hint)
    return tuple(texts)


def _wrong_corners(space: Space) -> Iterator[Problem]:
    """What the recipe refuses at the ends of the ranges, each problem once; values between the ends are as sound as they are.

    Where there are very many combinations not all are checked: one that is refused later is a failed trial.
    """
    ends = [one.ends for one in space.ranges]
    if prod(map(len, ends)) <= MOST_CORNERS:
        corners = list(product(*ends))
    else:
        first = [end[0] for end in ends]
        corners = [(*first[:n], end, *first[n + 1 :]) for n, one in enumerate(ends) for end in one]
    known: set[str] = set()
    for corner in corners:
        try:
            space.recipe_at({one.path: text for one, text in zip(space.ranges, corner, strict=True)})
        except PixelwiseError as error:
            for problem in error.problems:
                if str(problem) not in known:
                    known.add(str(problem))
                    yield problem
