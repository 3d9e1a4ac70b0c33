"""The command line. A command's module is imported only when it is called: `pixelwise --help` loads nothing heavy."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

import typer

from pixelwise.errors import PixelwiseError, not_installed
from pixelwise.terminal.output import say

# name → (module:attribute, one line for --help); the attribute is a function, or a typer.Typer with subcommands
COMMANDS = {
    "list": (
        "pixelwise.cli.shelves:list_",
        "What there is: recipes, models, data sets, losses, metrics, augmentations.",
    ),
    "show": ("pixelwise.cli.shelves:show", "One thing: what it is, and its options with their defaults."),
    "check": ("pixelwise.cli.train:check", "Check a recipe without loading anything."),
    "train": ("pixelwise.cli.train:train", "Train a recipe, or resume an interrupted run."),
    "twin": ("pixelwise.cli.twin:twin", "The NumPy network against torch, layer by layer."),
    "evaluate": ("pixelwise.cli.runs:evaluate", "Score a trained run on a split."),
    "predict": ("pixelwise.cli.predict:predict", "Label your own pictures with a trained run."),
    "report": ("pixelwise.cli.runs:report", "Build a run's report again."),
    "sweep": ("pixelwise.cli.experiments:sweep", "Train a recipe over a grid of values, as runs in one folder."),
    "search": ("pixelwise.cli.experiments:search", "Search a recipe's best values by Optuna, as runs in one folder."),
    "compare": ("pixelwise.cli.runs:compare", "Compare runs: recipes, scores, differences, cost."),
    "data": ("pixelwise.cli.data:app", "Check, fetch and describe data sets."),
    "arithmetic": ("pixelwise.cli.arithmetic:app", "Shapes, counts, receptive fields and the matrix of a convolution."),
}
ABOUT = "Convolutional vision, from the arithmetic of one convolution to whole labelled pictures."


def app(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 the answer is no (fatal findings), 2 a user's mistake."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words and words[0] in COMMANDS:
        name, rest = f"pixelwise {words[0]}", words[1:]
        interface = _load(words[0])
    else:
        name, rest = "pixelwise", words or ["--help"]
        interface = _contents()
    try:
        if words == ["list"]:  # nothing to parse: typer would import pydantic for it, a third of the time
            import_module("pixelwise.cli.shelves").list_()
            sys.exit(0)
        interface(args=rest, prog_name=name)
    except (PixelwiseError, ModuleNotFoundError) as error:
        complaint = error if isinstance(error, PixelwiseError) else not_installed(error)
        if complaint is None:
            raise
        _complain(complaint)
        sys.exit(2)


def _load(command: str) -> typer.Typer:
    target, help_line = COMMANDS[command]
    module, _, attribute = target.partition(":")
    found = getattr(import_module(module), attribute)
    if isinstance(found, typer.Typer):
        return found
    interface = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    interface.command(help=found.__doc__ or help_line)(found)
    return interface


def _contents() -> typer.Typer:
    """An interface that knows every command's name and line, and none of their code."""
    interface = typer.Typer(help=ABOUT, add_completion=False, pretty_exceptions_enable=False)
    for name, (_, line) in COMMANDS.items():
        interface.command(name, help=line)(lambda: None)

    def show_version(asked: bool) -> None:
        if asked:
            from importlib.metadata import version

            say(f"pixelwise {version('pixelwise')}")
            raise typer.Exit

    @interface.callback()
    def root(
        version: bool = typer.Option(
            False, "--version", callback=show_version, is_eager=True, help="Print the version."
        ),
    ) -> None:
        """Nothing to do here: the commands do the work."""

    return interface


def _complain(error: PixelwiseError) -> None:
    if os.environ.get("RANK", "0") != "0":  # of several processes under torchrun, only the first one prints
        return
    count = len(error.problems)
    say(f"error: {error}" if count == 1 else f"{count} errors:\n{error}", err=True)
