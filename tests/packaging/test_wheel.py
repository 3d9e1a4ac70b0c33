"""The wheel contains everything that is read at run time: recipes, courses, templates, pages and works."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KINDS = {".yaml", ".json", ".j2", ".css", ".sty", ".typed"}


def test_every_file_of_the_package_is_in_the_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hatchling.build import build_wheel

    monkeypatch.chdir(ROOT)
    with zipfile.ZipFile(tmp_path / build_wheel(str(tmp_path))) as wheel:
        there = set(wheel.namelist())
    source = ROOT / "src"
    read = {file.relative_to(source).as_posix() for file in source.rglob("*") if file.suffix in KINDS}
    assert read <= there
    for name in ("courses/handouts/voc2007-fcn.yaml", "courses/recorded.json", "courses/pages/arithmetic.md"):
        assert f"pixelwise/{name}" in there
    assert {"pixelwise/paper/templates/pixelwise.sty", "pixelwise/paper/works/networks.yaml"} <= there
