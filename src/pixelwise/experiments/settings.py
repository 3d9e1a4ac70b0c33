"""The varied values in the form of the command line: values of a sweep, ranges of a search. All are checked before a run.

`train.batch=32,64 train.seed=0,1,2` is a grid of six runs; `train.optimizer.learning_rate=log(1e-4,1e-1)` is a range.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import isfinite, prod
from pathlib import Path
from typing import Any, Literal, cast, get_args

from pixelwise.errors import PixelwiseError, Problem, RecipeError, did_you_mean, shown
from pixelwise.experiments.folder import Planned
from pixelwise.recipe.load import check_allowed, check_ranges, check_recipe, read_tree, with_overrides
from pixelwise.recipe.place import moved
from pixelwise.recipe.schema import Recipe
from pixelwise.recipe.shipped import find_recipe
from pixelwise.run.identity import deciding
from pixelwise.yaml_text import parse_text

LARGEST = 1000  # runs of one sweep
LETTERS, LONGEST = 40, 200  # of a value in a folder's name, and of the name
OF_MAP = 24  # letters of a value with a map in it, whose words say less
GRID = "a sweep needs words of the form a.b=v1,v2,..., e.g. train.seed=0,1,2."
Kind = Literal["uniform", "log", "int", "logint", "choice"]
KINDS: tuple[Kind, ...] = get_args(Kind)
RANGE = "A range is uniform(0,1), log(1e-4,1e-1), int(8,64), logint(8,64) or choice(32,64,128)."
MOST_CORNERS = 256  # settings of all ends together that are checked; of more, each range alone
DIGITS = 4  # of a drawn number, in the recipe


def plan(recipe: str, texts: Sequence[str]) -> tuple[dict[str, tuple[str, ...]], tuple[Planned, ...]]:
    """The factors (path → its values as written, of which one is the same in every run) and the runs of a grid.

    The last factor changes fastest. Raises RecipeError with every problem of every run, each once.
    """
    factors = read_factors(texts)
    tree = read_tree(find_recipe(recipe))
    keys = short_keys([path for path, values in factors.items() if len(values) > 1])
    problems: list[Problem] = []
    runs: dict[str, Planned] = {}  # by what decides their trainings
    names: set[str] = set()
    for values in product(*factors.values()):
        settings = dict(zip(factors, values, strict=True))
        try:
            checked = _recipe_at(tree, settings, recipe)
        except PixelwiseError as error:
            problems += error.problems
            continue
        run = Planned(_name({key: settings[path] for path, key in keys.items()}, names), settings, checked)
        if (twin := runs.setdefault(json.dumps(deciding(checked.model_dump(mode="json"))), run)) is not run:
            what = f"{twin.name} and {run.name} are the same recipe."
            problems.append(Problem("", what, "One of their factors changes nothing."))
    if problems:
        raise RecipeError.all(list(dict.fromkeys(problems)))
    return factors, tuple(runs.values())


def _recipe_at(tree: Mapping[str, Any], settings: Mapping[str, str], where: str) -> Recipe:
    changed = with_overrides(tree, [f"{path}={value}" for path, value in settings.items()])
    return check_ranges(check_allowed(check_recipe(changed, where=where), where), where)


def read_factors(texts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The factors as they are written. Raises RecipeError with every problem found."""
    written, problems = _read_settings(texts, GRID, "Write all its values in one setting: {path}=v1,v2.")
    factors = {path: tuple(split_values(text)) for path, text in written.items()}
    problems += [problem for path, values in factors.items() for problem in _value_problems(path, values, GRID)]
    count = prod(map(len, factors.values()))
    if not problems and count > LARGEST:
        problems.append(Problem("", f"the grid has {count:,} runs; a sweep has at most {LARGEST:,}.", "Split it."))
    if problems:
        raise RecipeError.all(problems)
    return factors


def _read_settings(texts: Sequence[str], form: str, twice: str = "") -> tuple[dict[str, str], list[Problem]]:
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


def _value_problems(path: str, values: Sequence[str], form: str) -> Iterator[Problem]:
    """Problems of the values for one path: no value, an empty one, one that is not YAML, one given twice."""
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
    short = {key: _value_in_name(value) for key, value in values.items()}
    written = json.dumps(values)
    name = _shortened(",".join(f"{key}={value}" for key, value in short.items()) or "run", LONGEST, written)
    if name.lower() in used:  # some disks do not tell Size from size, and [1, 2] is written like 1-2
        name = f"{name}-{_digest(written)}"
    used.add(name.lower())
    return name


def _value_in_name(text: str) -> str:
    """A value in a folder's name: as it is written, and one with maps without their braces and the key `name`.

    If that is long, it is the values in the maps, cut, with a digest.

    >>> _value_in_name("[64, 80]"), _value_in_name("{name: tversky, alpha: 0.7}")
    ('64-80', 'tversky-alpha-0.7')
    >>> _value_in_name("[{epochs: 2, freeze: [encoder]}, {epochs: 8}]")
    '2-encoder-8-ade5a0'
    """
    value = parse_text(text, where=text)
    if not _has_map(value):
        return _shortened(_plain(text), LETTERS, text)
    with_keys, leaves = (_plain("-".join(_words(value, keys))) for keys in (True, False))
    if len(with_keys) <= OF_MAP:
        return with_keys
    return f"{leaves[: OF_MAP - 7].rstrip('-.')}-{_digest(text)}"


def _plain(text: str) -> str:
    """A text without the letters that do not belong into a folder's name."""
    return re.sub(r"[^\w.+-]+", "-", text).strip("-") or "empty"


def _has_map(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(map(_has_map, value)))


def _words(value: Any, keys: bool) -> Iterator[str]:
    """The values in lists and maps, and with `keys` the keys before them other than `name`."""
    if isinstance(value, dict):
        for key, one in value.items():
            if keys and key != "name":
                yield str(key)
            yield from _words(one, keys)
    elif isinstance(value, list):
        for one in value:
            yield from _words(one, keys)
    else:
        yield value if isinstance(value, str) else shown(value)


def _shortened(text: str, length: int, whole: str) -> str:
    """A text that is too long as its beginning, a digest of what it stands for, and its end."""
    if len(text) <= length:
        return text
    begin = (length - 8) // 2
    return f"{text[:begin].rstrip('-')}-{_digest(whole)}-{text[len(text) - (length - 8 - begin) :].lstrip('-')}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:6]


def short_keys(paths: Sequence[str]) -> dict[str, str]:
    """The shortest end of each path that no other path has: `data.dataset.size` → `size`.

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


# -- ranges ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Range:
    """A place in the recipe and the values that are searched there.

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
        return f"{self.kind}({','.join(self.ends)})"

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
    """What is searched: a recipe with some values fixed, and ranges for others.

    place:  where the data set lies on this machine, if not where the recipe says
    """

    recipe: str
    fixed: tuple[str, ...]
    ranges: tuple[Range, ...]
    tree: Mapping[str, Any]  # of the recipe, with what is fixed
    place: Path | None = None

    def recipe_at(self, values: Mapping[str, str]) -> Recipe:
        """The recipe at one point. Raises RecipeError if the values do not go together."""
        recipe = _recipe_at(self.tree, values, self.recipe)
        return recipe if self.place is None else moved(recipe, self.place)

    def record(self) -> dict[str, Any]:
        """What two searches must have in common to be the same."""
        return {"recipe": dict(self.tree), "ranges": {one.path: one.written for one in self.ranges}}


def read_space(recipe: str, texts: Sequence[str]) -> Space:
    """The recipe's name and `path=value` words as a space. Raises RecipeError with every problem found."""
    written, problems = _read_settings(texts, f"a search needs words of the form a.b=RANGE or a.b=VALUE. {RANGE}")
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
        problems.append(Problem("", "no range is given, so there is nothing to search.", RANGE))
    if problems:
        raise RecipeError.all(problems)
    space = Space(recipe, tuple(fixed), tuple(ranges), with_overrides(read_tree(find_recipe(recipe)), fixed))
    if problems := _wrong_corners(space):
        raise RecipeError.all(problems)
    return space


def read_range(path: str, written: str) -> Range | None:
    """The range that a text writes; None if it is a plain value. Raises RecipeError with what is wrong with it."""
    match = re.fullmatch(r"([A-Za-z_]+)\s*\((.*)\)", written, flags=re.DOTALL)
    if match is None:
        return None
    kind, inner = match[1], split_values(match[2])
    if kind not in KINDS:
        hint = did_you_mean(kind, KINDS) or RANGE
        raise RecipeError(f"unknown range '{kind}'; choose from {', '.join(KINDS)}.", where=path, hint=hint)
    if kind == "choice":
        return Range(path, "choice", choices=_choices(path, inner))
    whole = kind in ("int", "logint")
    if len(inner) != 2:
        raise RecipeError(f"read {shown(written)}; {kind} needs two ends.", where=path, hint=RANGE)
    low, high = (_number(path, text, whole) for text in inner)
    if low >= high:
        raise RecipeError(f"read {shown(written)}; the first end must be less than the second.", where=path)
    if kind in ("log", "logint") and low <= 0:
        what = f"read {shown(written)}; a logarithmic range must begin above 0."
        raise RecipeError(what, where=path, hint=f"Use {'int' if whole else 'uniform'}(...) for one with 0 in it.")
    return Range(path, cast(Kind, kind), low, high)


def _number(path: str, text: str, whole: bool) -> float:
    value = parse_text(text, where=path) if text else None
    sound = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not sound or not isfinite(cast(float, value)):
        raise RecipeError(f"read {shown(text)}, which is not a {'whole ' * whole}number.", where=path, hint=RANGE)
    return cast(float, value)


def _choices(path: str, texts: Sequence[str]) -> tuple[str, ...]:
    if problems := list(_value_problems(path, texts, RANGE)):
        raise RecipeError.all(problems)
    if len(texts) == 1:
        hint = f"For a single value write {path}={texts[0]}."
        raise RecipeError("a choice needs at least two values.", where=path, hint=hint)
    return tuple(texts)


def _wrong_corners(space: Space) -> list[Problem]:
    """The problems of recipes at the ends of the ranges, each once. A value between two valid ends is valid.

    Where there are very many combinations not all are checked: one that is refused later is a failed trial.
    """
    ends = [one.ends for one in space.ranges]
    if prod(map(len, ends)) <= MOST_CORNERS:
        corners = list(product(*ends))
    else:
        first = [end[0] for end in ends]
        corners = [(*first[:n], end, *first[n + 1 :]) for n, one in enumerate(ends) for end in one]
    problems: list[Problem] = []
    for corner in corners:
        try:
            space.recipe_at({one.path: text for one, text in zip(space.ranges, corner, strict=True)})
        except PixelwiseError as error:
            problems += error.problems
    return list(dict.fromkeys(problems))
