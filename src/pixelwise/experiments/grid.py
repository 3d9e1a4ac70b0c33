"""A grid on the command line as recipes: `train.batch=32,64 train.seed=0,1,2` is six runs, all checked before the first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from pixelwise.errors import PixelwiseError, Problem, RecipeError, shown
from pixelwise.experiments.folder import Planned
from pixelwise.recipe.load import check_recipe, find_recipe, read_tree, with_overrides
from pixelwise.yaml_text import parse_text

LARGEST = 1000  # runs of one sweep
LETTERS = 40  # of a value in a folder's name
FORM = "a sweep takes a.b=v1,v2,..., e.g. train.seed=0,1,2."


@dataclass(frozen=True)
class Factor:
    """A place in the recipe and the values it takes, as written; one value is the same in every run."""

    path: str
    values: tuple[str, ...]


def plan(recipe: str, texts: Sequence[str]) -> tuple[tuple[Factor, ...], tuple[Planned, ...]]:
    """The factors and the runs of a grid; the last factor changes fastest.

    Raises RecipeError with every problem of every run, each once.
    """
    factors = read_factors(texts)
    tree = read_tree(find_recipe(recipe))
    problems: dict[str, Problem] = {}
    runs: list[Planned] = []
    names = _names(factors)
    for values in product(*(factor.values for factor in factors)):
        settings = {factor.path: value for factor, value in zip(factors, values, strict=True)}
        try:
            overrides = [f"{path}={value}" for path, value in settings.items()]
            checked = check_recipe(with_overrides(tree, overrides), where=recipe)
        except PixelwiseError as error:
            problems |= {str(problem): problem for problem in error.problems}
        else:
            runs.append(Planned(next(names), settings, checked))
    if problems:
        raise RecipeError.all(list(problems.values()))
    _refuse_twins(runs)
    return factors, tuple(runs)


def read_factors(texts: Sequence[str]) -> tuple[Factor, ...]:
    """The factors as they are written. Raises RecipeError with every problem found."""
    written, problems = read_settings(texts, FORM, "Write all its values in one setting: {path}=v1,v2.")
    factors = {path: Factor(path, tuple(split_values(text))) for path, text in written.items()}
    problems += [problem for factor in factors.values() for problem in _value_problems(factor)]
    count = prod(len(factor.values) for factor in factors.values())
    if not problems and count > LARGEST:
        problems.append(Problem("", f"the grid has {count:,} runs; a sweep has at most {LARGEST:,}.", "Split it."))
    if problems:
        raise RecipeError.all(problems)
    return tuple(factors.values())


def read_settings(texts: Sequence[str], form: str, twice: str = "") -> tuple[dict[str, str], list[Problem]]:
    """What is written for each path in words `path=text`, and the problems: a word without a path, a path given twice."""
    written: dict[str, str] = {}
    problems = []
    for word in texts:
        path, sign, text = word.partition("=")
        if not sign or not path or not all(path.split(".")):
            problems.append(Problem(shown(word), form))
        elif path in written:
            problems.append(Problem(path, "is given twice.", twice.format(path=path)))
        else:
            written[path] = text.strip()
    return written, problems


def _value_problems(factor: Factor) -> Iterator[Problem]:
    if factor.values == ("",):
        yield Problem(factor.path, "takes no value.", FORM[0].upper() + FORM[1:])
        return
    seen: dict[str, str] = {}
    for text in factor.values:
        if not text:
            yield Problem(
                factor.path, "a value between two commas is empty.", "Write null for no value, '' for an empty text."
            )
            continue
        try:
            value = repr(parse_text(text, where=shown(f"{factor.path}={text}")))
        except RecipeError as error:
            yield from error.problems
            continue
        if value in seen:
            yield Problem(factor.path, f"takes the value {seen[value]} twice{_also(seen[value], text)}.")
        seen[value] = text


def _also(first: str, second: str) -> str:
    return "" if first == second else f", once written {second}"


def split_values(text: str) -> list[str]:
    """The values between commas; a comma within brackets, braces or quotes belongs to its value.

    >>> split_values("[64, 80],null,{name: step, at: [1, 2]},'a,b'")
    ['[64, 80]', 'null', '{name: step, at: [1, 2]}', "'a,b'"]
    """
    values, depth, quote = [""], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"" and values[-1].rstrip()[-1:] in ("", "[", "{", ",", ":"):
            quote = letter  # where a text begins; the one in `it's` is a letter
        elif letter in "[{":
            depth += 1
        elif letter in "]}":
            depth -= 1
        if letter == "," and depth <= 0 and not quote:
            values.append("")
        else:
            values[-1] += letter
    return [value.strip() for value in values]


def _names(factors: Sequence[Factor]) -> Iterator[str]:
    """A folder's name for each run, in the grid's order, such as `size=32,seed=0`; no two are equal."""
    varying = [factor for factor in factors if len(factor.values) > 1]
    keys = short_keys([factor.path for factor in varying])
    used: set[str] = set()
    for values in product(*(factor.values for factor in factors)):
        settings = {factor.path: value for factor, value in zip(factors, values, strict=True)}
        stem = ",".join(f"{keys[factor.path]}={_in_a_name(settings[factor.path])}" for factor in varying) or "run"
        stem = stem[:200]
        name, number = stem, 1
        while name.lower() in used:  # some disks hold Size and size for one
            number += 1
            name = f"{stem}-{number}"
        used.add(name.lower())
        yield name


def short_keys(paths: Sequence[str]) -> dict[str, str]:
    """The end of each path that tells it from the others: `data.dataset.size` → `size`.

    >>> short_keys(["train.seed", "data.dataset.seed", "train.batch"])
    {'train.seed': 'train.seed', 'data.dataset.seed': 'dataset.seed', 'train.batch': 'batch'}
    """
    keys = {}
    for path in paths:
        parts = path.split(".")
        ends = [".".join(parts[-length:]) for length in range(1, len(parts) + 1)]
        keys[path] = next(
            (end for end in ends if sum(f".{other}".endswith(f".{end}") for other in paths) == 1 and not end.isdigit()),
            path,
        )
    return keys


def _in_a_name(value: str) -> str:
    return re.sub(r"[^\w.+-]+", "-", value).strip("-")[:LETTERS] or "empty"


def _refuse_twins(runs: Sequence[Planned]) -> None:
    seen: dict[str, str] = {}
    for run in runs:
        text = run.text
        if text in seen:
            raise RecipeError(
                f"{seen[text]} and {run.name} are the same recipe.", hint="One of their factors changes nothing."
            )
        seen[text] = run.name
