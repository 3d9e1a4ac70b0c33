"""`pixelwise check`: sound or not, everything at once, nothing heavy imported."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from pixelwise.cli import app
from pixelwise.recipe.shipped import shipped_recipes

WRONG = ("train.batch=many", "model.wdth=3", "modle=unet", "data.dataset.size=1", "metrics=[confusoin]")


def run_command(*words: str) -> int:
    """The exit code of `pixelwise WORDS`."""
    with pytest.raises(SystemExit) as end:
        app(words)
    return int(end.value.code or 0)


@pytest.mark.parametrize("recipe", list(shipped_recipes()))
def test_shipped_recipes_are_sound(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("check", recipe) == 0
    assert capsys.readouterr().out.startswith(f"{recipe} is correct: ")


def test_overrides_are_checked_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("check", "quickstart", "model.width=7", "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert record["sound"] is True
    assert record["resolved"]["model"]["width"] == 7


def test_every_problem_at_once_with_path_and_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("check", "quickstart", *WRONG) == 2
    told = capsys.readouterr().err
    assert told.startswith("5 errors:\n")
    for part in ("train.batch", "model.wdth", "modle", "data.dataset.size", "metrics.0", "Did you mean 'width'?"):
        assert part in told


def test_problems_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("check", "quickstart", *WRONG, "--json") == 2
    record = json.loads(capsys.readouterr().out)
    assert record["sound"] is False
    assert len(record["problems"]) == 5
    assert all(problem.keys() == {"where", "what", "hint"} for problem in record["problems"])


def test_neither_yes_nor_no_needs_torch() -> None:
    program = (
        "import sys; from pixelwise.cli import app\n"
        f"for words in (['check', 'quickstart'], ['check', 'quickstart', *{WRONG!r}], ['check', 'nowhere.yaml']):\n"
        "    try: app(words)\n"
        "    except SystemExit as end: print(end.code)\n"
        "    assert not {'torch', 'torchvision', 'matplotlib', 'skimage'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-2:] == ["2", "2"]
