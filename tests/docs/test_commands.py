"""Every command and code block on a page is one that pixelwise takes. tests/docs/test_pages.py runs what pages show.

A YAML block is a recipe, or what is merged into `quickstart`, unless `<!-- not a recipe: why -->` stands on the line before it.
"""

import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line import run_command
from command_words import PLACEHOLDER, parse, shell_words
from pixelwise.recipe.load import check_recipe, load_recipe, merge, read_tree
from pixelwise.recipe.shipped import find_recipe, shipped_recipes
from pixelwise.yaml_text import parse as read_yaml

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    page.name: page.read_text(encoding="utf-8") for page in [*sorted((ROOT / "docs").glob("*.md")), *ROOT.glob("*.md")]
}
for name in ("CHANGELOG.md", "LAB.md", "courses.md"):  # two tell what was; tests/courses parses the third
    del PAGES[name]
HEADS = {
    name: "\n".join(line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#"))
    for name, path in shipped_recipes().items()
}
INSIDE = re.compile(r"^(?:\$ )?(?:\.venv/bin/)?(pixelwise .*)$", re.M)  # a fenced block
OUTSIDE = re.compile(r"^    (?:\$ )?(pixelwise .*)$", re.M)  # an indented block
HEAD = re.compile(r"^#\s+(pixelwise \S+ .*?)(?:\s{2,}.*)?$", re.M)
MENTION = re.compile(r"`(?:\.venv/bin/)?(pixelwise [^`]*)`")
FENCE = re.compile(
    r"^(?P<mark><!-- not [^\n]*-->\n)?```(?P<kind>\w+|\{code-block\} \w+)?\n(?P<text>.*?)^```$", re.M | re.S
)
FILE = re.compile(r"`((?:src|tests|benchmarks|campaigns|results|docs)/[\w/.-]+\.\w+)`")
CHEAP = ("list", "show", "check", "arithmetic")


def commands(text: str) -> Iterator[str]:
    """Every `pixelwise ...` in the blocks and sentences of a page, except sessions that tests/docs/test_pages.py runs."""
    whole = text.replace("\\\n", " ")
    for block in FENCE.finditer(whole):
        run = block["kind"] == "console" and not block["mark"]
        yield from (line for line in INSIDE.findall(block["text"]) if not run or " # " in line)
    sentences = FENCE.sub("", whole)
    yield from OUTSIDE.findall(sentences)
    yield from (" ".join([*mention.split(), "..."]) for mention in MENTION.findall(sentences))


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_parses(page: str) -> None:
    refused = []
    for command in dict.fromkeys(commands(PAGES[page])):
        try:
            parse(command)
        except (Exception, SystemExit) as error:
            refused.append(f"{command}\n    {error}")
    assert not refused, "\n".join(refused)


@pytest.mark.parametrize("recipe", [pytest.param(name, id=name) for name in HEADS])
def test_every_command_in_the_head_of_a_recipe_parses(recipe: str) -> None:
    for command in HEAD.findall(re.sub(r"\\\n#\s*", "", HEADS[recipe])):
        parse(command)


@pytest.mark.parametrize("page", PAGES)
def test_cheap_commands_of_a_page_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for command in dict.fromkeys(commands(PAGES[page])):
        words = shell_words(command)[1:]
        known = not any(PLACEHOLDER.fullmatch(word) or ":" in word or word.endswith(".txt") for word in words)
        if words[0] in CHEAP and known and words[:2] != ["arithmetic", "trace"]:
            with contextlib.redirect_stdout(io.StringIO()):
                assert run_command(*words) == 0, command


@pytest.mark.data
@pytest.mark.parametrize("page", PAGES)
def test_commands_on_data_sets_run(page: str) -> None:
    for command in dict.fromkeys(commands(PAGES[page])):
        words = shell_words(command)[1:]
        if words[:2] == ["data", "info"] and not any(map(PLACEHOLDER.fullmatch, words)):
            with contextlib.redirect_stdout(io.StringIO()):
                assert run_command(*words) == 0, command


@pytest.mark.parametrize("page", PAGES)
def test_code_blocks_are_code(page: str, tmp_path: Path) -> None:
    for number, block in enumerate(FENCE.finditer(PAGES[page])):
        text = re.sub(r"\A(?::\w+:.*\n)+", "", block["text"])
        kind = (block["kind"] or "").removeprefix("{code-block} ")
        if text != block["text"]:  # a file with a caption: tests/docs/test_pages.py writes and uses it
            continue
        if kind == "python" and ">>>" not in text:
            compile(text, page, "exec")
        elif kind == "yaml" and not (block["mark"] or "").startswith("<!-- not a recipe"):
            (tmp_path / f"{number}.yaml").write_text(text, encoding="utf-8")
            tree = read_yaml(tmp_path / f"{number}.yaml")
            if {"title", "task", "data"} <= set(tree) or "extends" in tree:
                load_recipe(str(tmp_path / f"{number}.yaml"))
            else:
                check_recipe(merge(read_tree(find_recipe("quickstart")), tree))


@pytest.mark.parametrize("page", PAGES)
def test_files_and_targets_that_a_page_names_are_there(page: str) -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    assert set(re.findall(r"`make (\w+)`", PAGES[page])) <= targets
    for name in FILE.findall(PAGES[page]):
        assert (ROOT / name).exists(), name
