"""Stand-ins for trainings: child processes that do what a script says, as fast as Python starts."""

import sys
from collections.abc import Callable

import pytest

from pixelwise.experiments import runner
from pixelwise.experiments.folder import Folder

# argv: run folder, recipe, and a word of the test's own.
HEAD = """
import json, os, re, shutil, signal, sys, time
from pathlib import Path
run, recipe, word = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
begun = run.exists()
run.mkdir(exist_ok=True)
shutil.copy(recipe, run / "recipe.yaml")
(run / "setup.json").write_text("{}")
with open(run / "times", "a") as file:
    file.write("again\\n" if begun else "new\\n")
"""


@pytest.fixture
def train_by(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[[str], str]], None]:
    """`train_by(script, word)`: a run begins its folder and then does what the script says; `word(name)` is its word."""

    def use(script: str, word: Callable[[str], str]) -> None:
        def command(folder: Folder, name: str, data: object, *, resume: bool) -> list[str]:
            words = str(folder.run(name).path), str(folder.recipe_file(name)), word(name)
            return [sys.executable, "-S", "-c", HEAD + script, *words]

        monkeypatch.setattr(runner, "train_command", command)
        monkeypatch.setattr(runner, "POLL", 0.02)

    return use
