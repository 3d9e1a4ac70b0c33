"""The words of a command, parsed as `pixelwise` would, without running it."""

from __future__ import annotations

import re
import shlex
from typing import Any

import typer

from pixelwise.cli import COMMANDS, _load
from pixelwise.cli.data.commands import PRESETS
from pixelwise.cli.shelves import describe_item, describe_recipe, find_kind
from pixelwise.courses.course import COURSES
from pixelwise.experiments.settings import plan, read_space
from pixelwise.recipe.load import load_recipe
from pixelwise.recipe.shelves import SHELVES

CUT = {"|", ">", ">>", "&&", ";", "2>"}  # what follows is the shell's
PLACEHOLDER = re.compile(r"[A-Z][A-Z_]+|\.\.\.|…|[\w/.-]+\.ya?ml")  # RUN, a person's own recipe


def parse(command: str) -> None:
    """Raise where the command line would refuse the words: commands, options, recipes, overrides and names.

    A mention in a sentence ends with `...` and may leave out arguments. Words in capitals are placeholders.
    Recipes with a file's name (`mine.yaml`) and modules are not looked up.
    """
    program, name, *words = shell_words(command)
    assert program == "pixelwise"
    if name.startswith("--") or PLACEHOLDER.fullmatch(name):
        return
    assert name in COMMANDS, f"there is no command {name}"
    top = typer.main.get_command(_load(name))
    if words == ["--help"]:
        return
    if mention := words[-1:] == ["..."]:
        words.pop()
    context = top.make_context(name, words, resilient_parsing=mention)
    if isinstance(top, typer.core.TyperGroup):
        if mention and not words:
            return
        assert words, f"{name} needs one of its commands"
        assert words[0] in top.commands, f"there is no command {name} {words[0]}"
        inner = top.commands[words[0]]
        if words[1:] == ["--help"]:
            return
        context = inner.make_context(f"{name} {words[0]}", words[1:], resilient_parsing=mention)
    if not mention or all(context.params.get(word) for word in ("recipe", "kind") if word in context.params):
        _look_up(name, words, context.params)


def shell_words(command: str) -> list[str]:
    """The words of a line of a shell, up to a comment or another command."""
    words = shlex.split(command, comments=True)
    return words[: next((at for at, word in enumerate(words) if word in CUT), len(words))]


def _look_up(name: str, words: list[str], given: dict[str, Any]) -> None:
    if name == "list":
        assert given["kind"] is None or find_kind(given["kind"])
    elif name == "show" and given["name"] and not PLACEHOLDER.fullmatch(given["name"]):
        kind = find_kind(given["kind"])
        if ":" not in given["name"]:
            describe_recipe(given["name"]) if kind == "recipe" else describe_item(kind, given["name"])
    elif name == "reproduce":
        assert given["course"] in {*COURSES, None} or PLACEHOLDER.fullmatch(given["course"])
    elif name == "data" and words[0] != "import" and (found := given.get("name")):
        assert found in {*SHELVES["dataset"], *PRESETS, "pets"} or not found.islower() or "/" in found, found
    elif (recipe := given.get("recipe")) and not PLACEHOLDER.fullmatch(recipe):
        changes = given.get("overrides") or given.get("factors") or given.get("ranges") or ()
        if not any(re.search(r"\w:\w|^a\.b=|^\W*[A-Z]+\W*$|=[A-Z]+$|\.\.\.", word) for word in changes):
            {"sweep": plan, "search": read_space}.get(name, load_recipe)(recipe, list(changes))
