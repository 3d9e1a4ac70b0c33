"""Pages of the reference, written from the code when the site is built: commands, Python, recipes, and everything with options.

Docstrings are read as Markdown; lines such as `size:  (H, W)` become a list of definitions. Nothing here imports torch.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import typer

import pixelwise
from pixelwise.cli import COMMANDS, _load
from pixelwise.cli.shelves import PLURALS, describe_item, one_liners
from pixelwise.recipe.shipped import shipped_recipes
from pixelwise.yaml_text import parse

MODULES = {
    "pixelwise.errors": "Errors",
    "pixelwise.run.events": "Events of a training",
    "pixelwise.api.runs": "An opened run",
    "pixelwise.api.scores": "Scores of a run",
    "pixelwise.tasks.base": "The base of tasks",
    "pixelwise.metrics.base": "The base of metrics",
    "pixelwise.scratch.functional": "The functions of the NumPy network",
    "pixelwise.scratch.layers": "The layers of the NumPy network",
    "pixelwise.scratch.network": "The NumPy network",
    "pixelwise.scratch.optim": "The optimizers of the NumPy network",
    "pixelwise.scratch.gradcheck": "Checking gradients",
    "pixelwise.arithmetic.window": "Sizes of windows",
    "pixelwise.arithmetic.field": "Receptive fields",
    "pixelwise.arithmetic.counts": "Counts",
}
ROOT_PAGES = ("SECURITY", "CONTRIBUTING")  # of the repository, with their own place in the site
LINK = re.compile(r"\[([^\]]*)\]\((\.\./[^)#]*)\)")  # out of the documentation
DEFINITION = re.compile(r"^(?P<names>[*]*[A-Za-z_]\w*(?:, [*]*[A-Za-z_]\w*)*):\s+(?P<text>\S.*)$")


class Words(str):
    """An annotation that is shown without quotes."""

    __repr__ = str.__str__


def write_reference(folder: Path) -> None:
    """All pages of the reference. A page that says the same as before is left alone, so that it is not built again."""
    pages = {"cli": cli_page(), "api": api_page(), "options": options_page(), **recipe_pages()}
    pages |= {name.removeprefix("pixelwise."): module_page(name, title) for name, title in MODULES.items()}
    pages |= {name: root_page(folder.parents[1] / f"{name}.md") for name in ROOT_PAGES}
    folder.mkdir(exist_ok=True)
    for old in set(folder.glob("*.md")) - {folder / f"{name}.md" for name in pages}:
        old.unlink()
    for name, text in pages.items():
        file = folder / f"{name}.md"
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")


def root_page(file: Path) -> str:
    """A page from the repository's root, whose links to the documentation lead there from `reference/`."""
    return file.read_text(encoding="utf-8").replace("](docs/", "](../")


def find_root_pages(app: Any, page: str, text: list[str]) -> None:
    """Links such as `../SECURITY.md` lead to the page in the site; folders are named without a link (event `source-read`)."""
    for name in ROOT_PAGES:
        text[0] = text[0].replace(f"](../{name}.md", f"](reference/{name}.md")
    here = Path(app.srcdir, page).parent
    text[0] = LINK.sub(lambda link: link[1] if (here / link[2]).is_dir() else link[0], text[0])


# -- commands ------------------------------------------------------------------------------------------------------


def cli_page() -> str:
    lines = ["# Command line", "", "The help of every command, as `pixelwise COMMAND --help` prints it."]
    lines += ["[Commands](../commands.md) explains exit codes, output, and the commands used most.", ""]
    for name in COMMANDS:
        command = typer.main.get_command(_load(name))
        lines += _command(command, f"pixelwise {name}", "##")
        for word, inner in getattr(command, "commands", {}).items():
            lines += _command(inner, f"pixelwise {name} {word}", "###")
    return "\n".join(lines) + "\n"


def _command(command: Any, words: str, heading: str) -> list[str]:
    context = command.make_context(words, [], resilient_parsing=True)
    lines = [
        f"{heading} {words}",
        "",
        "```text",
        f"{words} {' '.join(command.collect_usage_pieces(context))}",
        "```",
        "",
    ]
    lines += [docstring(inspect.cleandoc(command.help or "")), ""]
    rows = [_parameter(one, context) for one in command.params if not getattr(one, "hidden", False)]
    return lines + (table(("argument or option", "what it is", "default"), rows) if rows else [])


def _parameter(one: Any, context: Any) -> tuple[str, str, str]:
    if one.param_type_name == "argument":
        return (
            f"`{' '.join(one.get_usage_pieces(context))}`",
            str(getattr(one, "help", "") or ""),
            "" if one.required else "optional",
        )
    names = ", ".join(f"`{name}`" for name in [*one.opts, *one.secondary_opts])
    default = one.default if getattr(one, "show_default", True) and not callable(one.default) else None
    shown = "" if default in (None, False, (), [], "") else f"`{getattr(default, 'value', default)}`"
    return names, str(one.help or ""), "required" if one.required else shown


# -- recipes and options -------------------------------------------------------------------------------------------


def recipe_pages() -> dict[str, str]:
    """A page for each folder of recipes, and one that lists them."""
    folders: dict[str, list[str]] = {}
    for name in shipped_recipes():
        folders.setdefault(name.partition("/")[0], []).append(name)
    pages = {f"recipes-{folder}": _recipe_folder(folder, names) for folder, names in folders.items()}
    index = ["# Recipes that come with pixelwise", "", "[Recipes](../recipes.md) explains what a recipe says.", ""]
    for folder, names in folders.items():
        titles = [(f"[`{name}`](recipes-{folder}.md#{_anchor(name)})", _title(name)) for name in names]
        index += [f"## {folder}", "", *table(("recipe", "what it is"), titles)]
    entries = "\n".join(sorted(pages))
    index += ["```{toctree}", ":hidden:", "", entries, "```"]
    return {**pages, "recipes": "\n".join(index) + "\n"}


def _recipe_folder(folder: str, names: list[str]) -> str:
    lines = [f"# Recipes: {folder}", ""]
    for name in names:
        text = shipped_recipes()[name].read_text(encoding="utf-8").rstrip()
        lines += [f"({_anchor(name)})=", f"## {name}", "", _title(name), "", "```yaml", text, "```", ""]
    return "\n".join(lines)


def _title(name: str) -> str:
    return str(parse(shipped_recipes()[name]).get("title", ""))


def _anchor(name: str) -> str:
    return "recipe-" + re.sub(r"\W+", "-", name)


def options_page() -> str:
    lines = [
        "# Options",
        "",
        "Everything that a recipe can name, with its options, as `pixelwise show KIND NAME` prints it.",
        "",
    ]
    for kind in PLURALS:
        if kind == "recipe":
            continue
        lines += [f"## {PLURALS[kind].capitalize()}", ""]
        for name in one_liners(kind):
            lines += _item(kind, name)
    return "\n".join(lines) + "\n"


def _item(kind: str, name: str) -> list[str]:
    record = describe_item(kind, name)
    lines = [f"### {kind} {name}", "", docstring(record["about"]), ""]
    rows = [
        (f"`{one['name']}`", one["type"], "required" if one.get("required") else f"`{_default(one['default'])}`")
        for one in record["options"]
    ]
    return lines + (table(("option", "type", "default"), rows) if rows else [])


def _default(value: Any) -> str:
    return (
        {None: "null", True: "true", False: "false"}.get(value, str(value))
        if not isinstance(value, list)
        else str(value)
    )


# -- Python --------------------------------------------------------------------------------------------------------


def api_page() -> str:
    """What `import pixelwise` offers, and the other modules that are described."""
    lines = [
        "# Python",
        "",
        "[Python](../python.md) is a session with these names. Every name is imported at its first use.",
        "",
    ]
    found = {name: getattr(pixelwise, name) for name in sorted(pixelwise.__all__, key=str.lower)}
    for title, wanted in (("Functions", inspect.isfunction), ("Classes", inspect.isclass)):
        lines += [f"## {title}", ""]
        for name, value in found.items():
            if wanted(value):
                lines += described(f"pixelwise.{name}", value)
    lines += ["## Other modules", "", "```{toctree}", ":maxdepth: 1", ""]
    return "\n".join([*lines, *(name.removeprefix("pixelwise.") for name in MODULES), "```", ""])


def module_page(name: str, title: str) -> str:
    module = import_module(name)
    lines = [f"# {title}", "", f"Module `{name}`.", "", docstring(inspect.getdoc(module) or ""), ""]
    for word, value in vars(module).items():
        if not word.startswith("_") and str(getattr(value, "__module__", "")).startswith(name) and callable(value):
            lines += described(f"{name}.{word}", value)
    return "\n".join(lines) + "\n"


def described(name: str, value: Any) -> list[str]:
    """A function, or a class with its public methods, as a directive of Sphinx's Python domain."""
    if not inspect.isclass(value):
        return directive("function", name + signature(value), docstring(inspect.getdoc(value) or ""))
    body = [docstring(inspect.getdoc(value) or "") if value.__doc__ else "", ""]
    for word, member in vars(value).items():
        if word.startswith("_"):
            continue
        if isinstance(member, property):
            body += directive("property", word, docstring(inspect.getdoc(member) or ""))
        elif inspect.isfunction(member) or isinstance(member, classmethod):
            kind = "classmethod" if isinstance(member, classmethod) else "method"
            body += directive(kind, word + signature(getattr(value, word)), docstring(inspect.getdoc(member) or ""))
    return directive("class", name + ("" if inspect.isabstract(value) else signature(value)), "\n".join(body), ":::::")


def signature(value: Callable[..., Any]) -> str:
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):
        return "()"
    parameters = [
        one.replace(annotation=_shown(one.annotation)) for one in found.parameters.values() if one.name != "self"
    ]
    return str(found.replace(parameters=parameters, return_annotation=_shown(found.return_annotation)))


def _shown(annotation: Any) -> Any:
    return Words(annotation) if isinstance(annotation, str) else annotation


# -- text ----------------------------------------------------------------------------------------------------------


def docstring(text: str) -> str:
    """A docstring as Markdown: aligned `name:  text` lines become definitions; indented code stays code."""
    return "\n".join(_blocks(text.splitlines()))


def _blocks(lines: list[str]) -> Iterator[str]:
    inside = code = False
    for line in lines:
        if found := DEFINITION.match(line):
            yield from ([] if inside else [""])
            yield f"* **{found['names'].replace('*', chr(92) + '*')}**: {found['text']}"
            inside = True
        elif inside and line.startswith(" "):
            yield f"  {line.strip()}"
        else:
            if line.startswith(">>> ") and not code:
                yield "```pycon"
                code = True
            elif code and not line.strip():
                yield "```"
                code = False
            yield from ([""] if inside else [])
            inside = False
            yield line
    yield from (["```"] if code else [])


def directive(kind: str, head: str, text: str, fence: str = "::::") -> list[str]:
    return [f"{fence}{{py:{kind}}} {head}", "", text, fence, ""]


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    cells = [tuple(re.sub(r"\s+", " ", cell).replace("|", "\\|") for cell in row) for row in rows]
    return ["", *(f"| {' | '.join(row)} |" for row in [head, ("---",) * len(head), *cells]), ""]
