"""The NumPy bank never touches torch, and neither does anything that only refuses a recipe."""

import ast
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import pixelwise

ROOT = Path(pixelwise.__file__).parent
# DESIGN, section 2: torch may be imported in tasks models losses augment engine serve export cli; recipe only by name.
BANK = (
    "errors",
    "types",
    "shelf",
    "arithmetic",
    "imaging",
    "run",
    "statistics",
    "scratch",
    "data",
    "metrics",
    "report",
    "compare",
)


def modules(part: str) -> list[str]:
    if (ROOT / f"{part}.py").is_file():
        return [f"pixelwise.{part}"]
    found = pkgutil.walk_packages([str(ROOT / part)], f"pixelwise.{part}.") if (ROOT / part).is_dir() else ()
    return [f"pixelwise.{part}", *(module.name for module in found)] if (ROOT / part).is_dir() else []


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)


SEEN = "import sys; seen = {'torch', 'torchvision'} & set(sys.modules); assert not seen, seen"


def test_the_whole_bank_is_imported_without_torch() -> None:
    names = [name for part in (*BANK, "recipe") for name in modules(part)]
    assert len(names) > 60
    done = python(f"import importlib\nfor name in {names}:\n    importlib.import_module(name)\n{SEEN}")
    assert done.returncode == 0, done.stderr


def test_no_module_imports_from_the_root() -> None:
    """Its lazy names would hide an import from the contract of the floors."""
    guilty = []
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.ImportFrom(module="pixelwise", level=0):
                    guilty.append(f"{path.relative_to(ROOT)}:{node.lineno}")
                case ast.ImportFrom(level=level) if level > 0:
                    guilty.append(f"{path.relative_to(ROOT)}:{node.lineno} (relative)")
                case ast.Import(names=names) if any(name.name == "pixelwise" for name in names):
                    guilty.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert guilty == []


COMMAND = """
import sys
from pixelwise.cli import app
try:
    app(sys.argv[1:])
except SystemExit as ended:
    code = ended.code
seen = {"torch", "torchvision", "matplotlib", "skimage", "scipy", "sklearn"} & set(sys.modules)
assert not seen, seen
sys.exit(code)
"""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["check", "quickstart"], 0),
        (["check", "quickstart", "--json", "train.bach=8"], 2),
        (["check", "voc2007/basic_fcn", "model=uent", "train.batch=x"], 2),
        (["train", "quickstart", "model.widht=8"], 2),
        (["train", "quickstrat"], 2),
        (["train"], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_reads_or_refuses_a_recipe_leaves_torch_alone(arguments: list[str], code: int) -> None:
    done = python(COMMAND, *arguments)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
