"""docs/arithmetic.md: every command on it prints what the page shows, every Python block runs.

`...` on a line of its own stands for any lines.
"""

import doctest
import re
import shlex
from pathlib import Path

import pytest

from pixelwise.cli import app

PAGE = Path(__file__).parents[2] / "docs" / "arithmetic.md"
TEXT = PAGE.read_text(encoding="utf-8")
FILES = re.findall(r"```\{code-block\} text\n:caption: (\S+)\n(.*?)```", TEXT, re.DOTALL)
COMMANDS = [
    match.groups()
    for block in re.findall(r"```console\n(.*?)\n```", TEXT, re.DOTALL)
    for match in re.finditer(r"\$ pixelwise ([^\n]*)\n?(.*?)(?=\n\$ |\Z)", block, re.DOTALL)
]
PYTHON = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize(("command", "shown"), COMMANDS, ids=[command[:60] for command, _ in COMMANDS])
def test_commands_print_what_the_page_shows(command, shown, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, content in FILES:
        Path(name).write_text(content, encoding="utf-8")
    with pytest.raises(SystemExit):
        app(shlex.split(command))
    printed = "\n".join(line.rstrip() for line in "".join(capsys.readouterr()).strip("\n").splitlines())
    lines = shown.strip("\n").splitlines()
    pattern = "\n".join(r"(?:.*\n?)*?" if line == "..." else re.escape(line) for line in lines)
    assert printed == "\n".join(lines) or re.fullmatch(pattern, printed), printed


@pytest.mark.parametrize("block", PYTHON, ids=range(len(PYTHON)))
def test_python_blocks_run(block):
    test = doctest.DocTestParser().get_doctest(block, {}, PAGE.name, str(PAGE), 0)
    report: list[str] = []
    doctest.DocTestRunner().run(test, out=report.append)
    assert not report, "".join(report)


def test_the_drawing_on_the_page_is_todays(tmp_path):
    drawing = tmp_path / "field.svg"
    with pytest.raises(SystemExit):
        app(["arithmetic", "field", "course-cnn", "--layer", "4", "--svg", str(drawing)])
    assert drawing.read_text() == (PAGE.parent / "arithmetic-field.svg").read_text()
