"""Tables where it is narrow: names and headings are broken into lines, a number never is."""

import io

import pytest
from rich.console import Console

from pixelwise.run.events import EpochDone, Started
from pixelwise.terminal.bars import Bar, Bars
from pixelwise.terminal.scores import show_scores
from pixelwise.terminal.table import show_rows
from pixelwise.terminal.training import Display

LONG = "a_class_name_of_sixty_two_letters_without_a_single_space_in_it"
SHORT_OF = {"value": 0.51234, "convention": {"void": "ignore", "absent": "skipped"}, "support": 5_500_245}


def on_a_terminal(width: int) -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(file=file, force_terminal=True, width=width, color_system=None, _environ={"TERM": "xterm"}), file


@pytest.mark.parametrize("width", [120, 80, 60, 40, 24])
def test_scores_of_classes_with_long_names_are_whole(width: int) -> None:
    console, file = on_a_terminal(width)
    scores = [
        {"name": name, "key": f"{name}[void=ignore,absent=skipped]", **SHORT_OF}
        for name in ("mean_iou", "frequency_weighted_iou")
    ]
    guess = {"class": LONG, "scores": {score["key"]: 0.12342 for score in scores}}
    rows = [{"class": LONG, "iou": 0.98765, "support": 5}, {"class": "sky", "iou": 0.43219, "support": 4}]
    metric = {"scores": scores, "constant_guess": guess, "per_class": rows}
    show_scores({"splits": {"val": {"metrics": [metric]}}}, console)
    said = file.getvalue()
    assert "…" not in said
    assert [said.count(number) for number in ("0.5123", "0.1234", "5.50 million", "0.9877", "0.4322")] == [
        2,
        2,
        2,
        1,
        1,
    ]
    assert max(map(len, said.splitlines())) <= width
    letters = "".join(said.split())
    assert "sky" in letters
    assert width < 80 or letters.count(LONG[:8]) == 2


def test_more_numbers_than_the_width_has_room_for() -> None:
    console, file = on_a_terminal(80)
    numbers = [f"0.{n:04d}" for n in range(20)]
    show_rows(console, ("run", *(f"score {n}" for n in range(20))), [(LONG, *numbers)], numbers=set(range(1, 21)))
    words = file.getvalue().split()
    assert [word for word in words if word.startswith("0.")] == numbers


def test_a_training_with_a_score_of_a_long_name_fits_into_the_terminal() -> None:
    console, file = on_a_terminal(80)
    with Display(console) as display:
        display.show(Started(0, 0, 1, 4))
        display.show(EpochDone(1, 4, {"loss": 1.0}, {"loss": 1.0}, {LONG: 0.9876}, 1e-3, 16, {"train": 100.0}))
    rows = [line for line in file.getvalue().splitlines() if "0.9876" in line or "a class" in line]
    assert len(rows) == 2
    assert all(len(row.rstrip()) <= 80 for row in rows)


def test_a_bar_with_a_long_name_keeps_what_is_behind_it() -> None:
    console, file = on_a_terminal(80)
    with Bars(console) as bars:
        bars.draw([Bar(LONG, 0.5, "12/40  0:03 left")])
    assert "12/40  0:03 left" in file.getvalue()
