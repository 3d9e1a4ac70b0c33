"""Bars of runs at work: what a terminal shows, and what a log is spared."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

from pixelwise.engine.sweep.bars import Bar, Bars, how_far
from pixelwise.engine.sweep.follow import Follower


def drawn(*, terminal: bool) -> str:
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, color_system="standard", width=60, _environ={"TERM": "xterm"})
    bars = Bars(console, 4)
    bars.start()
    bars.draw({"first": Bar(0.5, "half"), "second": Bar(0.5, "half too")}, 1, "1/4 done")
    bars.line(Text("first has ended"))
    bars.draw({"second": Bar(1.0, "all of it")}, 2, "2/4 done")
    bars.stop()
    return file.getvalue()


def test_a_terminal_shows_the_runs_at_work_and_all_together():
    shown = drawn(terminal=True)
    before, after = shown.split("first has ended")
    assert all(word in before for word in ("first", "second", "half too", "1/4 done"))
    assert "2/4 done" in after
    assert "first" not in after.split("2/4 done")[1]  # its bar is gone


def test_the_bar_over_all_counts_what_ended_and_the_shares_of_the_rest():
    whole = next(line for line in drawn(terminal=True).split("\n") if "1/4 done" in line)
    last = whole.rpartition("all")[2]
    done, left = (re.search(rf"\x1b\[{colour}m(━+)", last)[1] for colour in (36, 90))  # cyan, then grey
    assert abs(len(done) - len(left)) <= 1  # one of 4 has ended, two are half done


def test_a_log_gets_the_lines_alone():
    assert drawn(terminal=False) == "first has ended\n\n"


@pytest.mark.parametrize(
    ("follower", "told"),
    [
        (Follower(Path("x")), "starting"),
        (Follower(Path("x"), 5, 10, 1, 2), "epoch 1/2"),
        (Follower(Path("x"), 5, 10, 1, 2, "mean_iou", 0.25), "epoch 1/2  mean IoU 0.2500"),
    ],
)
def test_how_far_a_run_is(follower, told):
    assert how_far(follower) == told
