"""A grid on the command line as recipes: `train.batch=32,64 train.seed=0,1,2` is six runs, all checked before the first."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from pixelwise.errors import PixelwiseError, Problem, RecipeError, shown
from pixelwise.experiments.folder import Planned
from pixelwise.recipe.load import check_recipe, read_tree, with_overrides
from pixelwise.recipe.shipped import find_recipe
from pixelwise.run.identity import deciding
from pixelwise.yaml_text import parse_text

LARGEST = 1000  # runs of one sweep
LETTERS, LONGEST = 40, 200  # of a value in a folder's name, and of the name
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
    keys = short_keys([factor.path for factor in factors if len(factor.values) > 1])
    problems: dict[str, Problem] = {}
    runs: dict[str, Planned] = {}  # by what decides their trainings
    names: set[str] = set()
    for values in product(*(factor.values for factor in factors)):
        settings = {factor.path: value for factor, value in zip(factors, values, strict=True)}
        try:
            overrides = [f"{path}={value}" for path, value in settings.items()]
            checked = check_recipe(with_overrides(tree, overrides), where=recipe)
        except PixelwiseError as error:
            problems |= {str(problem): problem for problem in error.problems}
            continue
        run = Planned(_name({key: settings[path] for path, key in keys.items()}, names), settings, checked)
        if (twin := runs.setdefault(json.dumps(deciding(checked.model_dump(mode="json"))), run)) is not run:
            what = f"{twin.name} and {run.name} are the same recipe."
            problems[what] = Problem("", what, "One of their factors changes nothing.")
    if problems:
        raise RecipeError.all(list(problems.values()))
    return factors, tuple(runs.values())


def read_factors(texts: Sequence[str]) -> tuple[Factor, ...]:
    """The factors as they are written. Raises RecipeError with every problem found."""
    written, problems = read_settings(texts, FORM, "Write all its values in one setting: {path}=v1,v2.")
    factors = {path: Factor(path, tuple(split_values(text))) for path, text in written.items()}
    problems += [problem for factor in factors.values() for problem in value_problems(factor.path, factor.values, FORM)]
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


def value_problems(path: str, values: Sequence[str], form: str) -> Iterator[Problem]:
    """What is wrong with the values to try of one path: none, an empty one, one that is not YAML, one twice."""
    if tuple(values) == ("",):
        yield Problem(path, "takes no value.", form[0].upper() + form[1:])
        return
    seen: dict[str, str] = {}
    for text in values:
        if not text:
            yield Problem(
                path, "a value between two commas is empty.", "Write null for no value, '' for an empty text."
            )
            continue
        try:
            value = repr(parse_text(text, where=shown(f"{path}={text}")))
        except RecipeError as error:
            yield from error.problems
            continue
        if value in seen:
            also = "" if seen[value] == text else f", once written {text}"
            yield Problem(path, f"takes the value {seen[value]} twice{also}.")
        seen[value] = text


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


def _name(values: Mapping[str, str], used: set[str]) -> str:
    """A folder's name such as `size=32,seed=0`, different from those in `used`."""
    plain = {key: re.sub(r"[^\w.+-]+", "-", value).strip("-")[:LETTERS] or "empty" for key, value in values.items()}
    stem = ",".join(f"{key}={value}" for key, value in plain.items())[:LONGEST] or "run"
    name, number = stem, 1
    while name.lower() in used:  # some disks do not tell Size from size
        number += 1
        name = f"{stem}-{number}"
    used.add(name.lower())
    return name


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
