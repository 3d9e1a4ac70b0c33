"""What may reach a terminal: no control characters, no markup, and never an encoding error."""

import io
import json
import os
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from pixelwise.errors import Problem, listing
from pixelwise.run.events import Noted, Started
from pixelwise.terminal.bars import Bar, Bars, Line
from pixelwise.terminal.output import as_text, clean, prepare_output, say, show_json, show_line
from pixelwise.terminal.scores import show_scores
from pixelwise.terminal.table import Table, show_rows, show_table
from pixelwise.terminal.training import Display

EVIL = "sky\x1b[2J\x1b]0;title\x07\r\x9b31m\udcff"
SEEN = r"sky\x1b[2J\x1b]0;title\x07\r\x9b31m\udcff"


@given(st.text(st.characters(), max_size=40))
def test_a_clean_text_has_no_control_character_and_keeps_the_rest(text: str) -> None:
    said = clean(text)
    assert not [one for one in said if unicodedata.category(one) in ("Cc", "Cs") and one not in "\t\n"]
    plain = "".join(one for one in text if unicodedata.category(one)[0] != "C" or one in "\t\n")
    assert clean(plain.replace("\u2028", "").replace("\u2029", "")) == plain.replace("\u2028", "").replace("\u2029", "")


def test_a_text_that_turns_the_direction_of_reading_is_written_out() -> None:
    assert clean("cat\u202egnp.exe") == r"cat\u202egnp.exe"
    assert clean("Straße, 猫, \U0001f600, ü") == "Straße, 猫, \U0001f600, ü"


def test_lines_and_json_on_the_two_streams(capsys: pytest.CaptureFixture[str]) -> None:
    say(EVIL)
    say(EVIL, err=True)
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == (f"{SEEN}\n", f"{SEEN}\n")
    show_json({"name": EVIL, "word": "Straße"})
    printed = capsys.readouterr().out
    assert json.loads(printed) == {"name": EVIL, "word": "Straße"}
    assert "Straße" in printed
    assert not set("\x1b\x9b\x7f\r") & set(printed)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_an_encoding_without_the_character_is_no_error(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    prepare_output()
    say("mean ΔE → 猫")
    printed_by_everything(Console(highlight=False, markup=False))
    show_rows(Console(force_terminal=True), ("≥",), [("★ ━━",)])
    sys.stdout.write("a text of somebody else: ≤ 猫\n")
    sys.stdout.flush()
    said = raw.getvalue().decode(encoding)
    assert said.startswith("mean dE > \\u732b\n")
    assert "* ==" in said
    assert said.endswith("a text of somebody else: <= \\u732b\n")


@pytest.mark.parametrize("columns", ["", "0", "1", "-5", "many", "²", "99999999"])
def test_a_width_that_no_terminal_has_is_forgotten(monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    for name in ("COLUMNS", "LINES", "TERMINAL_WIDTH"):
        monkeypatch.setenv(name, columns)
    monkeypatch.setenv("MPLBACKEND", "no_such_backend")
    prepare_output()
    assert not {"COLUMNS", "LINES", "TERMINAL_WIDTH", "MPLBACKEND"} & set(os.environ)
    monkeypatch.setenv("COLUMNS", "80")
    prepare_output()
    assert os.environ["COLUMNS"] == "80"


def test_a_name_with_a_line_end_does_not_look_like_a_line_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows(Console(width=80), ("class", "IoU"), [("sky\nNothing found.", "0.5")])
    assert capsys.readouterr().out.splitlines()[1].startswith(r"sky\nNothing found.")
    assert str(Problem("a\nb.png", "is damaged.")) == r"a\nb.png: is damaged."
    assert listing(["a\nb"]) == r"a\nb"


def printed_by_everything(console: Console) -> None:
    show_line(console, EVIL, (EVIL, "bold"))
    show_rows(console, ("name", EVIL), [(EVIL, ((EVIL, "bold"), "x"))])
    show_table(console, Table(("a",), ((EVIL,),)), EVIL)
    with Bars(console) as bars:
        bars.draw([Bar(EVIL, 0.5, EVIL)])
        bars.line(EVIL)
    with Line(EVIL, console=console) as line:
        line.show(EVIL, 1, 1, EVIL)
    with Display(console) as display:
        display.show(Started(0, 0, 1, 4))
        display.show(Noted(EVIL))
    metric = {
        "scores": [{"name": EVIL, "key": EVIL, "value": 0.5, "convention": ""}],
        "per_class": [{"class": EVIL}] * 2,
    }
    show_scores({"splits": {EVIL: {"metrics": [metric]}}}, console)


@pytest.mark.parametrize("terminal", [True, False])
def test_every_printer_cleans(terminal: bool) -> None:
    file = io.StringIO()
    printed_by_everything(Console(file=file, force_terminal=terminal, width=300, _environ={"TERM": "xterm"}))
    said = file.getvalue()
    assert said.count(r"sky\x1b[2J") >= (12 if terminal else 9)
    assert not [evil for evil in ("\x1b[2J", "\x1b]0;title", "\x07", "\x9b", "\udcff") if evil in said]
    assert terminal or "\x1b" not in said


def test_brackets_are_no_markup() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=80, _environ={"TERM": "xterm"})
    with Bars(console) as bars:
        bars.draw([Bar("[red]sky", None, "[bold]x[/]")])
    show_line(console, "[link=file:///etc/passwd]x")
    assert all(text in file.getvalue() for text in ("[red]sky", "[bold]x[/]", "[link=file:///etc/passwd]x"))


def test_a_text_has_no_colours_even_where_they_are_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert as_text(lambda console: show_line(console, ("sky\x1b[2J", "bold red"))) == "sky\\x1b[2J\n"


@pytest.mark.parametrize("terminal", [True, False])
def test_a_name_between_colons_is_no_emoji(terminal: bool) -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=80, _environ={"TERM": "xterm"})
    show_line(console, ":cat:")
    show_table(console, Table(("class",), ((":cat:",),)))
    assert file.getvalue().count(":cat:") == 2
