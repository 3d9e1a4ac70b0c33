"""What the documentation shows is what happens.

Blocks of a page run in order, in their own folder:

    python                        run; with `>>>` also what they print
    console                       lines `$ pixelwise ...` run, and print the lines that follow, where any follow;
                                  `...` on its own line stands for any lines
    {code-block} X, caption NAME  written to the file NAME

A block that needs data or a trained run has `<!-- not run: why -->` on the line before it.
"""

import contextlib
import doctest
import io
import os
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pixelwise.cli import app
from pixelwise.outside import WorkingFolder

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "README.md"])
BLOCK = re.compile(
    r"(?P<mark><!-- not run: [^>]+ -->\n)?^```(?P<kind>python|console|\{code-block\} \w+)\n(?P<text>.*?)^```$",
    re.M | re.S,
)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)")


@pytest.fixture(autouse=True)
def forget_modules(tmp_path: Path) -> Iterator[None]:
    """Modules that a page wrote are not there for the next one."""
    yield
    for name in [name for name, one in sys.modules.items() if str(tmp_path) in str(getattr(one, "__file__", ""))]:
        del sys.modules[name]


LONG = ("README.md", "first_folder.md", "first_run.md", "python.md")  # they train networks with PyTorch


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=[pytest.mark.slow] if page.name in LONG else []) for page in PAGES],
    ids=[page.name for page in PAGES],
)
def test_blocks_do_what_they_show(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, WorkingFolder])  # as the command does
    monkeypatch.setenv("PIXELWISE_DATA", str(tmp_path / "data"))
    namespace: dict[str, object] = {"__name__": "page"}
    for block in BLOCK.finditer(page.read_text(encoding="utf-8")):
        if block["mark"]:
            continue
        text = block["text"]
        if block["kind"] == "console":
            for command, shown in sessions(text):
                check_command(command, shown)
        elif block["kind"] == "python":
            run_python(text, namespace, page.name)
        elif text.startswith(":caption: "):
            caption, _, content = text.partition("\n")
            Path(caption.removeprefix(":caption: ").strip()).write_text(content, encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def check_command(command: str, shown: str) -> None:
    if " # " in command and not shown:  # explained and not run: it trains, downloads, or needs what a person has
        return
    out = io.StringIO()
    os.environ["PIXELWISE_ALLOW"] = ""  # each command is its own process
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out), pytest.raises(SystemExit) as end:
        app(shlex.split(command, comments=True)[1:])
    assert shown or not end.value.code, f"{command}\nprinted\n{out.getvalue()}"
    if shown:
        assert matches(out.getvalue(), shown), f"{command}\nprinted\n{out.getvalue()}\nand not\n{shown}"


def run_python(text: str, namespace: dict[str, object], name: str) -> None:
    if text.lstrip().startswith(">>>"):
        test = doctest.DocTestParser().get_doctest(text, namespace, name, name, 0)
        said: list[str] = []
        doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=said.append, clear_globs=False)
        namespace.update(test.globs)
        assert not said, "".join(said)
    else:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(text, name, "exec"), namespace)


def sessions(text: str) -> list[tuple[str, str]]:
    """(command, what it is shown to print) of a console block; only `pixelwise` commands are run."""
    parts = re.split(r"^\$ ", text.replace("\\\n", " "), flags=re.M)[1:]
    pairs = [part.partition("\n")[::2] for part in parts]
    return [(command, shown.strip("\n")) for command, shown in pairs if command.startswith("pixelwise ")]


def matches(printed: str, shown: str) -> bool:
    """Whether the output is what is shown, with spaces at line ends and `...` lines left open."""
    printed_lines = [line.rstrip() for line in printed.strip("\n").splitlines()]
    parts: list[list[str]] = [[]]
    for line in map(str.rstrip, shown.splitlines()):
        parts.append([]) if line == "..." else parts[-1].append(line)
    first, last = parts[0], parts[-1]
    if len(parts) == 1:
        return printed_lines == first
    end = len(printed_lines) - len(last)
    if end < len(first) or printed_lines[: len(first)] != first or printed_lines[end:] != last:
        return False
    place = len(first)
    for part in parts[1:-1]:  # each part at the first place after the one before it
        places = (at for at in range(place, end - len(part) + 1) if printed_lines[at : at + len(part)] == part)
        if (found := next(places, None)) is None:
            return False
        place = found + len(part)
    return True
