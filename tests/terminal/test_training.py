"""The live display: what it shows, what it must never write into a log, and that steps stay cheap."""

from __future__ import annotations

import io
import re
import time

import pytest
from rich.console import Console

from pixelwise.run.events import EpochDone, Event, Finished, Noted, PhaseBegan, Saved, Started, StepDone
from pixelwise.terminal.training import Display

KEY = "mean_iou[void=ignore,classes=truth_or_prediction]"
OTHER = "pixel_accuracy[void=ignore]"


def training(epochs: int = 3, steps: int = 4) -> list[Event]:
    """A short training whose second epoch is the best."""
    events: list[Event] = [Started(0, 0, epochs, steps), PhaseBegan(0, 0, 1234), Noted("fp32: [bf16] dies of SIGILL")]
    for epoch in range(1, epochs + 1):
        for step in range((epoch - 1) * steps + 1, epoch * steps + 1):
            events.append(StepDone(step, epoch, {"loss": 2 / step}, 1e-3))
        score = [0.1, 0.3, 0.2][epoch - 1]
        losses = {"loss": 1 / epoch}
        scores = {OTHER: 0.9, KEY: score}
        seconds = {"train": 1.0, "validation": 0.5}
        events.append(EpochDone(epoch, epoch * steps, losses, {"loss": 1.5}, scores, 1e-3, 64, seconds))
        if epoch < 3:
            events.append(Saved("best", epoch, epoch * steps, KEY, score))
        events.append(Saved("last", epoch, epoch * steps))
    return [*events, Finished("complete", epochs, epochs * steps, 2, 0.3)]


def play(events: list[Event], *, terminal: bool, encoding: str = "utf-8", width: int = 100) -> str:
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding=encoding, newline="") as stream:
        console = Console(file=stream, force_terminal=terminal, width=width, _environ={})
        with Display(console, batch=16) as display:
            for event in events:
                display.show(event)
        stream.flush()
        return raw.getvalue().decode(encoding)


def test_a_log_has_plain_lines_only() -> None:
    text = play(training(), terminal=False)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text), "a control character in a log"
    lines = text.splitlines()
    assert lines[0] == "training 3 epochs of 4 steps"
    assert "note: fp32: [bf16] dies of SIGILL" in lines  # brackets are not read as markup
    table = [line for line in lines if re.match(r" *[123]/3 ", line)]
    assert [line.split()[:4] for line in table] == [
        ["1/3", "1.0000", "1.5000", "0.1000"],
        ["2/3", "0.5000", "1.5000", "0.3000"],
        ["3/3", "0.3333", "1.5000", "0.2000"],
    ]
    assert [line.endswith("* best") for line in table] == [True, True, False]
    assert lines[-1] == "finished after epoch 3, step 12; best was epoch 2 (mean IoU 0.3000)"


def test_the_table_keeps_its_columns() -> None:
    lines = play(training(), terminal=False).splitlines()
    header = next(line for line in lines if "train loss" in line)
    assert "mean IoU" in header
    row = next(line for line in lines if "2/3" in line)
    assert max(map(len, lines)) < 80
    assert row.index("0.3000") + 6 == header.index("mean IoU") + 8  # right edges


def test_a_terminal_has_a_bar_and_the_same_table() -> None:
    text = play(training(), terminal=True)
    assert "\x1b[" in text
    assert "★ best" in text
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    assert "epoch 3/3  step 4/4" in plain
    assert "validating" in plain


def test_a_terminal_without_unicode_is_no_error() -> None:
    text = play(training(), terminal=True, encoding="ascii")
    assert "* best" in text


@pytest.mark.parametrize("reason", ["early stopping", "interrupted"])
def test_other_ends_are_named(reason: str) -> None:
    events = [*training()[:-1], Finished(reason, 3, 12)]  # type: ignore[arg-type]
    assert reason.split()[0] in play(events, terminal=False).splitlines()[-1].replace("stopped early", "early")


def test_a_resume_and_a_later_phase_are_named() -> None:
    text = play([Started(8, 2, 3, 4), PhaseBegan(1, 2, 5_500_245)], terminal=False)
    assert "resuming after step 8, epoch 2 of 3" in text
    assert "phase 2: 5,500,245 parameters are trained" in text


def test_an_epoch_is_shown_even_when_the_training_breaks_off() -> None:
    console = Console(file=io.StringIO(), width=100)

    def break_off() -> None:
        with Display(console) as display:
            for event in training()[:8]:
                display.show(event)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert "1/3" in console.file.getvalue()  # type: ignore[attr-defined]


def test_missing_numbers_are_dashes() -> None:
    event = EpochDone(1, 4, {}, {}, {KEY: None}, 1e-3, 64)
    text = play([Started(0, 0, 1, 4), event], terminal=False)
    assert text.splitlines()[-1].split() == ["1/1", "–", "–", "–", "1.00e-03", "–"]


@pytest.mark.parametrize("terminal", [True, False])
def test_many_fast_steps_write_little(terminal: bool) -> None:
    began = time.monotonic()
    events = [Started(0, 0, 1, 20_001), *(StepDone(n, 1, {"loss": 1.0}, 1e-3) for n in range(1, 20_001))]
    text = play(events, terminal=terminal)
    writes = text.count("step ") if not terminal else text.count("loss")
    assert writes <= 3 + (time.monotonic() - began) / 0.12


def test_a_length_in_steps_is_shown_in_steps() -> None:
    steps = [StepDone(1, 1, {"loss": 1.0}, 1e-3), *(StepDone(n, 2, {"loss": 1.0}, 1e-3) for n in (5, 7))]
    text = play([Started(0, 0, 2, 4, (7,)), *steps], terminal=True, width=120)
    assert "training 7 steps: 2 epochs of up to 4 steps" in text
    assert "step 7/7  epoch 2/2" in text
