"""What the package imports is what pyproject.toml declares, and its metadata are complete."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pixelwise

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def named(requirements: list[str]) -> set[str]:
    """The packages of a list of requirements, in the form in which their names are compared."""
    return {re.sub(r"[-_.]+", "-", re.split(r"[<>=!~;\[ ]", line)[0]).lower() for line in requirements}


def imported() -> dict[str, str]:
    """The packages that a file of the package imports, each with one such file."""
    distributions = packages_distributions()
    found = {}
    for file in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Import(names=names):
                    modules = [name.name for name in names]
                case ast.ImportFrom(module=str(module), level=0):
                    modules = [module]
                case _:
                    continue
            for module in {module.partition(".")[0] for module in modules} - sys.stdlib_module_names - {"pixelwise"}:
                found[distributions.get(module, [module])[0]] = f"{file.relative_to(ROOT)}:{node.lineno}"
    return found


def test_every_imported_package_is_declared() -> None:
    extras = [line for lines in PROJECT["optional-dependencies"].values() for line in lines]
    declared = named(PROJECT["dependencies"] + extras)
    missing = {name: place for name, place in imported().items() if not named([name]) <= declared}
    assert missing == {}


def test_every_declared_package_is_imported() -> None:
    assert named(PROJECT["dependencies"]) - named(list(imported())) == set()


def test_the_version_has_one_place() -> None:
    assert PROJECT["dynamic"] == ["version"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", pixelwise.__version__)


def test_the_package_is_marked_as_typed() -> None:
    assert (Path(pixelwise.__file__).parent / "py.typed").is_file()
