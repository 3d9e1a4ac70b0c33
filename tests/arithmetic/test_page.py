"""docs/arithmetic.md shows two drawings that are files of their own; its commands and blocks are run by tests/docs."""

from pathlib import Path

import pytest

from pixelwise.cli import app

PAGE = Path(__file__).parents[2] / "docs" / "arithmetic.md"


def test_the_drawing_on_the_page_is_todays(tmp_path):
    drawing = tmp_path / "field.svg"
    with pytest.raises(SystemExit):
        app(["arithmetic", "field", "course-cnn", "--layer", "4", "--svg", str(drawing)])
    assert drawing.read_text() == (PAGE.parent / "arithmetic-field.svg").read_text()
    assert "arithmetic-field.svg" in PAGE.read_text(encoding="utf-8")


def test_the_pieces_on_the_page_are_todays(tmp_path):
    exercise, drawing = tmp_path / "relu.txt", tmp_path / "pieces.svg"
    text = PAGE.read_text(encoding="utf-8")
    exercise.write_text(text.partition(":caption: relu.txt\n")[2].partition("```")[0])
    with pytest.raises(SystemExit):
        app(["arithmetic", "trace", str(exercise), "--svg", str(drawing)])
    assert drawing.read_text() == (PAGE.parent / "arithmetic-pieces.svg").read_text()
    assert "arithmetic-pieces.svg" in text
