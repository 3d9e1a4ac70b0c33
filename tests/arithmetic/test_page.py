"""docs/arithmetic.md shows a drawing that is a file of its own; its commands and blocks are run by tests/docs."""

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
