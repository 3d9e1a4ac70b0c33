"""The snippets of docs/recipes.md and docs/runs.md do what the pages say."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pixelwise.recipe.load import load_recipe
from pixelwise.yaml_text import parse_text

DOCS = Path(__file__).parents[2] / "docs"


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


def test_the_recipes_are_sound(tmp_path: Path) -> None:
    whole, child, phases = blocks("recipes.md", "yaml")
    for name, text in (("whole", whole), ("child", child)):
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    assert load_recipe(str(tmp_path / "whole.yaml")).data.size == (96, 96)
    recipe = load_recipe(str(tmp_path / "child.yaml"))
    assert (recipe.model.options["width"], recipe.train.early_stopping, recipe.stated) == (32, None, ())
    assert (
        recipe.train.optimizer.options["weight_decay"]
        == load_recipe("voc2007/basic_fcn").train.optimizer.options["weight_decay"]
    )
    (tmp_path / "phases.yaml").write_text(f"extends: whole.yaml\ntitle: P\n{phases}", encoding="utf-8")
    assert len(load_recipe(str(tmp_path / "phases.yaml")).train.phases) == len(
        parse_text(phases, "page")["train"]["phases"]
    )


def commands() -> list[list[str]]:
    found = re.findall(
        r"^    pixelwise train (quickstart (?!.*my_nets).*)$",
        (DOCS / "recipes.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    return [shlex.split(line, comments=True) for line in found]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_the_commands_are_sound(words: list[str]) -> None:
    load_recipe(words[0], words[1:])


def test_the_python_of_the_page_on_runs_runs(tiny_run: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_run, tmp_path / "runs" / "quickstart")
    for source in blocks("runs.md", "python"):
        done = subprocess.run([sys.executable, "-c", source], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "mean_iou" in done.stdout or "classifier.weight" in done.stdout


def test_the_page_on_runs_names_what_is_there(tiny_run: Path) -> None:
    page = (DOCS / "runs.md").read_text(encoding="utf-8")
    for path in tiny_run.iterdir():
        assert f"`{path.name}" in page or path.name.startswith("."), path.name
