"""Bars of work in progress: what a terminal shows, and what a log is spared."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from pixelwise.terminal import bars as timing
from pixelwise.terminal.bars import Bar, Bars, Line


def console_of(terminal: bool) -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    environment = {"TERM": "xterm"}
    return Console(
        file=file, force_terminal=terminal, color_system="standard", width=60, _environ=environment
    ), file  # fmt: skip


def drawn(*, terminal: bool) -> str:
    console, file = console_of(terminal)
    with Bars(console) as bars:
        bars.draw([Bar("all", 0.5, "1/4 done"), Bar("  first", 0.5, "half"), Bar("  second", 0.5, "half too")])
        bars.line("first has ended")
        bars.draw([Bar("all", 0.75, "2/4 done"), Bar("  second", 1.0, "all of it")])
    return file.getvalue()


def test_a_terminal_shows_the_bars_below_each_other():
    shown = drawn(terminal=True)
    before, after = shown.split("first has ended")
    assert all(word in before for word in ("first", "second", "half too", "1/4 done"))
    assert "2/4 done" in after
    assert "first" not in after.split("2/4 done")[1]  # its bar is gone


def test_a_bar_is_as_long_as_its_share():
    whole = next(line for line in drawn(terminal=True).split("\n") if "1/4 done" in line)
    last = whole.rpartition("all")[2]
    done, left = (re.search(rf"\x1b\[{colour}m(━+)", last)[1] for colour in (36, 90))  # cyan, then grey
    assert abs(len(done) - len(left)) <= 1


def test_a_log_gets_the_lines_alone():
    assert drawn(terminal=False).strip() == "first has ended"


def counted(monkeypatch: pytest.MonkeyPatch, *, terminal: bool, unit: str = "pictures") -> str:
    """100 pictures, one each second."""
    clock = iter(range(1000))
    monkeypatch.setattr(timing.time, "monotonic", lambda: float(next(clock)))
    console, file = console_of(terminal)
    with Line("reading", unit=unit, console=console) as line:
        for done in range(1, 101):
            line.show(
                "train", done * (2**20 if unit == "bytes" else 1), 100 * (2**20 if unit == "bytes" else 1), "a.png"
            )
    return file.getvalue()


def test_a_log_gets_a_line_every_30_seconds(monkeypatch: pytest.MonkeyPatch):
    lines = counted(monkeypatch, terminal=False).splitlines()
    assert lines == [f"reading train: {done}/100 pictures" for done in (31, 61, 91)]
    assert counted(monkeypatch, terminal=False, unit="bytes").startswith("reading train: 31.0/100.0 MiB\n")


def test_a_terminal_shows_count_time_and_name(monkeypatch: pytest.MonkeyPatch):
    shown = counted(monkeypatch, terminal=True)
    assert all(text in shown for text in ("reading train", "50/100", " left", "a.png", "100/100"))
