"""Code outside the package: how it is named and found, and when it may be imported.

A recipe, a run or a search may name any function as `module:function`. Its source is read to check options, but it is
imported only where its module was allowed: by `--allow MODULE`, by the variable PIXELWISE_ALLOW, by `allow=` in Python, or
because a person typed the name on the command line. Python's own modules, whose functions build nothing of pixelwise's and
may delete files, are never allowed. The variable holds what is allowed, so processes that pixelwise
starts know it too.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from pixelwise.errors import Problem, RecipeError, shown

ALLOW = "PIXELWISE_ALLOW"
OWN = "a part of Python itself, which a recipe may not call"
NAME = re.compile(r"(?<![\w.:/-])([^\W\d][\w.]*):([^\W\d]\w*)(?![\w:/])")  # module:function within a text


def allow(modules: Iterable[str]) -> None:
    """Allow modules, and those within them, to be imported by this process and by those that it starts.

    modules: names such as `my_nets` or `my_package.nets`; several may be joined by commas. Raises RecipeError for anything
    else.
    """
    names = list(allowed())
    for module in [part.strip() for text in modules for part in text.split(",")]:
        if not is_dotted(module) or module.endswith(".py"):
            hint = f"Write {module[:-3]}." if module.endswith(".py") and is_dotted(module) else ""
            what = f"read {shown(module)}; write a module as in Python's import, e.g. my_nets or my_package.nets."
            raise RecipeError(what, where="--allow", hint=hint)
        if is_python(module):
            raise RecipeError(f"{module} is {OWN}.", where="--allow")
        names += [] if module in names else [module]
    if names:
        os.environ[ALLOW] = ",".join(names)


def allow_typed(words: Iterable[str]) -> None:
    """Allow the modules of every `module:function` in words that a person typed on the command line."""
    typed = [module for word in words for module, _ in NAME.findall(word) if is_dotted(module)]
    allow(module for module in typed if not is_python(module))


def allowed() -> tuple[str, ...]:
    """The modules that are allowed."""
    return tuple(name for part in os.environ.get(ALLOW, "").split(",") if (name := part.strip()))


def is_allowed(module: str) -> bool:
    """Whether a module, or a package that it is in, is allowed."""
    return not is_python(module) and any(module == name or module.startswith(f"{name}.") for name in allowed())


def is_python(module: str) -> bool:
    """Whether a module comes with Python itself."""
    return module.partition(".")[0] in sys.stdlib_module_names


def again() -> str:
    """The options that a command needs when it is repeated, e.g. ` --allow my_nets`; empty if nothing is allowed."""
    return "".join(f" --allow {name}" for name in allowed())


def is_dotted(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))


def refusals(named: Mapping[str, str]) -> list[Problem]:
    """A problem for each of these names (path → `module:function`): it may not be imported. The last has the hint."""
    modules = list(dict.fromkeys(target.partition(":")[0] for target in named.values()))
    problems = []
    for where, target in named.items():
        module, _, function = target.partition(":")
        what = f"read '{target}', which would import the module {module} and call its function {function}; "
        why = f"that is {OWN}" if is_python(module) else "code outside pixelwise is imported only if it is allowed"
        problems.append(Problem(where, f"{what}{why}."))
    modules = [module for module in modules if not is_python(module)]
    hint = f"If you trust it, add --allow {','.join(modules)} (in Python: allow={modules})." if modules else ""
    return [*problems[:-1], *(Problem(last.where, last.what, hint) for last in problems[-1:])]


def import_function(target: str) -> Callable[..., Any]:
    """The function that an allowed `module:function` names, imported.

    Raises RecipeError if its module needs another one of the working folder that is not allowed.
    """
    module, _, function = target.partition(":")
    try:
        found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    except ModuleNotFoundError as error:
        top = (error.name or "").partition(".")[0]
        if not top.isidentifier() or in_working_folder(top) is None:
            raise
        what = f"imports {top}, which is in the working folder and not allowed."
        raise RecipeError(what, where=f"module {module}", hint=f"If you trust it, add --allow {top} too.") from error
    return found


class WorkingFolder:
    """Finds allowed modules in the working folder, and no others: the folder itself is not on the import path.

    It is asked last, so a file there never takes the place of an installed module.
    """

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The spec of a top-level module; what is in a package is found by way of the package."""
        if path is not None or name not in {module.partition(".")[0] for module in allowed()}:
            return None
        return in_working_folder(name)


def in_working_folder(name: str) -> ModuleSpec | None:
    """The spec of a top-level module in the working folder."""
    try:
        return PathFinder.find_spec(name, [os.getcwd()])
    except OSError:  # the folder was removed
        return None


def find_source(module: str) -> Path | None:
    """The source file of a module, found without importing any of its packages."""
    path: list[str] | None = None
    spec = None
    parts = module.split(".")
    for depth in range(len(parts)):
        package = ".".join(parts[: depth + 1])
        if depth < len(parts) - 1 and package in sys.modules:  # what is imported already need not be looked for
            path = list(getattr(sys.modules[package], "__path__", []))
            continue
        try:
            spec = PathFinder.find_spec(package, path) or (in_working_folder(package) if depth == 0 else None)
        except KeyError:  # a namespace package within another one, which is not imported
            path = [place for parent in path or () if os.path.isdir(place := os.path.join(parent, parts[depth]))]
            continue
        if spec is None:
            return None
        path = list(spec.submodule_search_locations or [])
    return Path(spec.origin) if spec and spec.origin else None
