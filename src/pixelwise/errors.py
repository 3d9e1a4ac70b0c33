"""One family of errors: each says where, what was read, what is allowed and what to try.

A user's mistake never ends in a traceback: the command line prints `str(error)` and exits with code 2.
"""

from __future__ import annotations

import difflib
import os.path
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    where:   path of a key, file or option, e.g. `train.epochs` or `masks/cat.png`; may be empty
    what:    one sentence with what was read and what is allowed
    hint:    what to try; may be empty
    files:   every file that has it, where `what` names some of them
    """

    where: str
    what: str
    hint: str = ""
    files: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = self.where.replace("\n", "\\n")  # of a file name
        line = f"{where}: {self.what}" if where else self.what
        return f"{line} {self.hint}" if self.hint else line


class PixelwiseError(Exception):
    """Base of every error that pixelwise raises on purpose."""

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        self.problems: tuple[Problem, ...] = (Problem(where, what, hint),)
        super().__init__(str(self.problems[0]))

    def __reduce__(self) -> tuple[object, ...]:  # a DataLoader worker sends its error to the parent process
        return (_rebuild, (type(self), self.problems))

    @classmethod
    def all(cls, problems: Sequence[Problem]) -> PixelwiseError:
        """One error for several problems, so that a user can correct all of them at once."""
        return _rebuild(cls, tuple(problems))

    def __str__(self) -> str:
        if len(self.problems) == 1:
            return str(self.problems[0])
        return "\n".join(f"  - {problem}" for problem in self.problems)


def _rebuild(cls: type[PixelwiseError], problems: tuple[Problem, ...]) -> PixelwiseError:
    error = cls.__new__(cls)
    error.problems = problems
    Exception.__init__(error, "; ".join(map(str, problems)))
    return error


class RecipeError(PixelwiseError):
    """A recipe, or an override on the command line, that cannot be used as written."""


class DataError(PixelwiseError):
    """A data set, picture or mask that is missing, damaged or inconsistent."""


class ShapeError(PixelwiseError):
    """Sizes, kernels, channels or dtypes that do not fit each other."""


class RunError(PixelwiseError):
    """A run folder or checkpoint that is missing, damaged, of another recipe, or at a place where a new one should go."""


class TrainingError(PixelwiseError):
    """A training that cannot continue: a loss that is not finite, no memory, no space, a lost process."""


class DeviceError(PixelwiseError):
    """A device or precision that this machine does not have."""


@contextmanager
def naming(where: str, hint: str = "") -> Iterator[None]:
    """Around code from outside the package: every exception becomes one line with its file and line number.

    with naming("metric 'mine:depth'"):
        made = depth(info)
    """
    try:
        yield
    except (PixelwiseError, ModuleNotFoundError):  # a package that is missing has its own line
        raise
    except Exception as error:
        raise RecipeError(f"raised {raised(error)}", where=where, hint=hint) from error


def raised(error: BaseException) -> str:
    """`ValueError: its message (nets.py, line 7).`: the kind, the first line, and the last place outside of packages."""
    said = (str(error).strip().splitlines() or [""])[0]
    said = f"{type(error).__name__}: {said}" if said else type(error).__name__
    place, trace = "", error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if "site-packages" not in file and os.path.dirname(__file__) not in file:
            place = f" ({os.path.basename(file)}, line {trace.tb_lineno})"
        trace = trace.tb_next
    return f"{said}{place}."


# How a package is installed whose modules have another name.
_INSTALLED_AS = {
    "torch": "torch torchvision",
    "torchvision": "torch torchvision",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "PIL": "pillow",
    "yaml": "pyyaml",
}


def not_installed(error: ModuleNotFoundError) -> PixelwiseError | None:
    """The error that names the package to install; None if the missing module is one of pixelwise.

    >>> print(not_installed(ModuleNotFoundError("", name="sklearn.cluster")))
    this needs the package sklearn, which is not installed. Install it: pip install scikit-learn
    """
    package = (error.name or "pixelwise").partition(".")[0]
    if package == "pixelwise":
        return None
    hint = f"Install it: pip install {_INSTALLED_AS.get(package, package)}"
    return PixelwiseError(f"this needs the package {package}, which is not installed.", hint=hint)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A suggestion as a sentence, or an empty string if no name is similar.

    >>> did_you_mean("unett", ["unet", "basic_fcn"])
    "Did you mean 'unet'?"
    """
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"Did you mean '{near[0]}'?" if near else ""


def listing(names: Iterable[str], limit: int = 8) -> str:
    """Names in one line, cut after `limit` with the number of the rest."""
    names = [name.replace("\n", "\\n") for name in names]
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"


def shown(value: object, limit: int = 80) -> str:
    """A value as a recipe would write it, shortened if it is long.

    >>> shown(None), shown(True), shown("abc")
    ('null', 'true', "'abc'")
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    try:
        text = repr(value)
    except ValueError:  # an integer of thousands of digits
        text = f"{type(value).__name__} too long to show"
    return text if len(text) <= limit else f"{text[: limit - 2]} …"


# What was read, by pydantic's name of the fault; `{}` are filled from its context.
_FAULTS = {
    ("int_type", "int_parsing", "int_from_float", "int_parsing_size"): "which is not a valid integer",
    ("float_type", "float_parsing"): "which is not a number",
    ("finite_number",): "which is not a finite number",
    ("bool_type", "bool_parsing"): "which is neither true nor false",
    ("string_type",): "which is not a text",
    ("string_too_long",): "which is longer than {max_length} characters",
    ("string_pattern_mismatch",): "which is not allowed here",
    ("path_type",): "which is not a path",
    ("tuple_type", "list_type"): "which is not a list",
    ("dict_type", "mapping_type", "model_type", "model_attributes_type"): "which is not a map of keys",
    ("none_required",): "but only null is allowed",
    ("greater_than",): "but it must be greater than {gt:g}",
    ("greater_than_equal",): "but it must be greater than or equal to {ge}",
    ("less_than",): "but it must be less than {lt:g}",
    ("less_than_equal",): "but it must be less than or equal to {le}",
    ("multiple_of",): "but it must be a multiple of {multiple_of}",
    ("literal_error",): "but it must be {expected}",
    ("too_short",): "but it must have at least {min_length} elements",
    ("too_long",): "but it must have at most {max_length} elements",
    ("missing",): "an element is missing",
}


def type_fault(entry: Mapping[str, Any]) -> str:
    """What is wrong with a value, from one of pydantic's error entries, to follow `read VALUE, `.

    >>> type_fault({"type": "greater_than_equal", "ctx": {"ge": 1}})
    'but it must be greater than or equal to 1'
    """
    for types, sentence in _FAULTS.items():
        if entry["type"] in types:
            return sentence.format(**entry.get("ctx", {})).replace(" 1 elements", " 1 element")
    message = str(entry["msg"])
    return message[:1].lower() + message[1:]
