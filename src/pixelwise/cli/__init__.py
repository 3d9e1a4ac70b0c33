"""The command line. A command's module is imported only when it is called: `pixelwise --help` loads nothing heavy."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand

from pixelwise.errors import PixelwiseError, RecipeError, not_installed
from pixelwise.terminal.output import prepare_output, say, standard_streams

# What a wrong command line raises; typer does not export the name
ClickException: type[Exception] = typer.BadParameter.__mro__[2]

# name → (module:attribute, one line for --help); the attribute is a function, or a typer.Typer with subcommands
COMMANDS = {
    "list": (
        "pixelwise.cli.shelves:list_",
        "List recipes, models, data sets, losses, metrics, augmentations and more.",
    ),
    "show": ("pixelwise.cli.shelves:show", "Describe one of them: what it is, and its options with their defaults."),
    "start": (
        "pixelwise.cli.data.start:start",
        "Look at a folder of pictures; write a report and a recipe made for it.",
    ),
    "check": ("pixelwise.cli.train:check", "Check a recipe without loading data or PyTorch."),
    "train": ("pixelwise.cli.train:train", "Train a recipe, or resume an interrupted run."),
    "find-lr": (
        "pixelwise.cli.find_lr:find_lr",
        "Suggest a learning rate by a range test; the trained weights are not kept.",
    ),
    "twin": ("pixelwise.cli.twin:twin", "Compare the NumPy network with torch, layer by layer."),
    "evaluate": ("pixelwise.cli.runs:evaluate", "Score a trained run on a split."),
    "tune": ("pixelwise.cli.tune:tune", "Choose how a run's outputs are turned into objects, on pictures not scored."),
    "predict": ("pixelwise.cli.predict:predict", "Label your own pictures with a trained run."),
    "report": ("pixelwise.cli.runs:report", "Build a run's report again."),
    "sweep": ("pixelwise.cli.experiments:sweep", "Train a recipe over a grid of values, as runs in one folder."),
    "search": (
        "pixelwise.cli.experiments:search",
        "Search for a recipe's best values with Optuna, as runs in one folder.",
    ),
    "reproduce": (
        "pixelwise.cli.reproduce:reproduce",
        "Answer the questions of a course: train what is missing, and write one page.",
    ),
    "paper": ("pixelwise.cli.paper:paper", "Write a report in LaTeX about runs, with tables, figures and references."),
    "compare": ("pixelwise.cli.runs:compare", "Compare runs: recipes, scores, differences, cost."),
    "data": ("pixelwise.cli.data.commands:app", "Check, fetch, import and describe data sets."),
    "arithmetic": (
        "pixelwise.cli.arithmetic:app",
        "Compute shapes, counts, receptive fields and the matrix of a convolution.",
    ),
}
RECIPE_WORDS = ("overrides", "factors", "ranges")  # arguments that take words a.b=c
LASTING = (["train"], ["sweep"], ["search"], ["reproduce"])  # they continue where nobody reads what they print
ABOUT = "Convolutional vision, from the arithmetic of one convolution to whole labelled pictures."


def app(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 the answer is no (fatal findings), 2 a user's mistake, 130 Ctrl-C."""
    prepare_output()
    words = list(sys.argv[1:] if arguments is None else arguments)
    with standard_streams(lasting=words[:1] in LASTING):
        try:
            sys.exit(_run(words))
        except KeyboardInterrupt:
            say("Interrupted. No file is half-written.", err=True)
            sys.exit(130)
        except (PixelwiseError, ModuleNotFoundError, OSError) as error:
            complaint = error if isinstance(error, PixelwiseError) else _explained(error)
            if complaint is None:
                raise
            _complain(complaint)
            sys.exit(2)


def _run(words: list[str]) -> int:
    """Run one command; its exit code."""
    if words == ["list"]:  # nothing to parse: typer would import pydantic for it, a third of the time
        import_module("pixelwise.cli.shelves").list_()
        return 0
    known = bool(words) and words[0] in COMMANDS
    name = f"pixelwise {words[0]}" if known else "pixelwise"
    command = typer.main.get_command(_load(words[0]) if known else _contents())
    rest = words[1:] if known else words
    if not rest and isinstance(command, typer.core.TyperGroup):
        rest = ["--help"]
    try:  # not command(...): typer would end by itself at Ctrl-C, and print what was typed without a change
        with command.make_context(name, rest) as context:
            command.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    except ClickException as error:
        usage = getattr(getattr(error, "ctx", None), "command_path", name)
        said = str(getattr(error, "format_message", error.__str__)())
        said += "" if said.endswith((".", "?")) else "."
        say(f"error: {said} `{usage} --help` shows what is allowed.", err=True)
        return 2
    return 0


def _load(command: str) -> typer.Typer:
    target, help_line = COMMANDS[command]
    module, _, attribute = target.partition(":")
    found = getattr(import_module(module), attribute)
    if isinstance(found, typer.Typer):
        for one in found.registered_commands:
            one.help = _flowing(one.help or one.callback.__doc__ or "")
        return found
    interface = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    interface.command(help=_flowing(found.__doc__ or help_line), cls=Command)(found)
    return interface


def _flowing(text: str) -> str:
    """A docstring with each paragraph on one line, so that a terminal of any width fills its lines."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.strip().split("\n\n"))


class Command(TyperCommand):
    """A command that knows which key of a recipe is meant by an option that it does not have, e.g. --batch-size."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            option = getattr(error, "option_name", "") if type(error).__name__ == "NoSuchOption" else ""
            if option and any(parameter.name in RECIPE_WORDS for parameter in self.params):
                from pixelwise.recipe.misspelt import right_key

                if right := right_key(option, {}, near=True):
                    what, hint = "unknown option; a recipe is changed by words a.b=c.", f"Write {right}=VALUE."
                    raise RecipeError(what, where=option, hint=hint) from error
            raise


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


def _explained(error: ModuleNotFoundError | OSError) -> PixelwiseError | None:
    """The same in one line; None if it says too little for that."""
    if isinstance(error, ModuleNotFoundError):
        return not_installed(error)
    if error.filename is None or not error.strerror:
        return None
    return PixelwiseError(f"cannot be used: {error.strerror}.", where=str(error.filename))


def _complain(error: PixelwiseError) -> None:
    from pixelwise.run.environment import launched

    if (place := launched()) is not None and place.rank > 0:  # of several processes only the first one prints
        return
    count = len(error.problems)
    known = all(problem.where for problem in error.problems)  # else one of them tells of others, or of all
    many = f"{count} errors" if known else "several errors"
    say(f"error: {error}" if count == 1 else f"{many}:\n{error}", err=True)
