"""Tables and figures of the pages that answer why are those that their scripts make of the JSON files beside them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.stats import t

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "benchmarks" / "pages"
PAGES = {
    "imbalance": "class_imbalance.md",
}


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """What imports a script of the folder by its name. The scripts' modules are forgotten afterwards."""
    monkeypatch.syspath_prepend(str(FOLDER))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(FOLDER) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.mark.parametrize("name", PAGES)
def test_tables_are_those_of_the_measurements(name: str, script: Any) -> None:
    page = (ROOT / "docs" / PAGES[name]).read_text(encoding="utf-8")
    tables = script(name).tables()
    assert tables
    for mark, table in tables.items():
        assert f"<!-- {mark} -->\n{table}\n<!-- end -->" in page, f"{PAGES[name]}: {mark}"


@pytest.mark.parametrize("name", [name for name in PAGES if (FOLDER / f"{name}.json").exists()])
def test_figures_are_those_of_the_measurements(name: str, script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    module, written = script(name), {}
    monkeypatch.setattr(Image.Image, "save", lambda image, path, **options: written.update({path: np.asarray(image)}))
    for file, drawn in module.figures().items() if hasattr(module, "figures") else module.write_picture().items():
        assert drawn == (ROOT / "docs" / "images" / file).read_text(encoding="utf-8"), file
        assert f"images/{file}" in (ROOT / "docs" / PAGES[name]).read_text(encoding="utf-8")
    for path, pixels in written.items():
        with Image.open(path) as kept:
            assert np.array_equal(np.asarray(kept), pixels), path


def test_intervals_are_those_of_student(script: Any) -> None:
    lesson: ModuleType = script("lesson")
    found = [0.1, 0.4, 0.3]
    expected = t.interval(0.95, 2, np.mean(found), np.std(found, ddof=1) / 3**0.5)[1] - np.mean(found)
    assert lesson.half_width(found) == pytest.approx(expected, rel=1e-3)
    for count, quantile in lesson.STUDENT.items():
        assert quantile == pytest.approx(t.ppf(0.975, count - 1), abs=5e-4)
