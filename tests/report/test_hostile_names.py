"""Names with control characters and half characters: every plot is XML, every page and record is text without them."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

from pixelwise.cli import app
from pixelwise.compare.runs import compare_runs
from pixelwise.report.page import build_report
from pixelwise.run.folder import RunFolder

EVIL = "sky\x1b[2J\x00\x0b\x9b31m\u202e\ufffe\udcff"
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff\ufffe\uffff]")
CLASSES = ("ground", EVIL, f"{EVIL}ring", "wire")


def check_files(folder: Path) -> int:
    """Every SVG under a folder is XML, and no page has a control character; how many there are."""
    files = [path for path in folder.rglob("*") if path.suffix in (".svg", ".html", ".csv")]
    for file in files:
        text = file.read_bytes().decode("utf-8")
        assert CONTROLS.search(text) is None, file
        if file.suffix == ".svg":
            ET.fromstring(text)
        for drawing in re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL):
            ET.fromstring(drawing)
    return len(files)


def test_a_report(fabricate: Callable[..., RunFolder]) -> None:
    run = fabricate(classes=CLASSES, picture=f"{EVIL[:-1]}-{{}}", note=EVIL, title="Shapes")
    setup = run.read("setup")
    setup["data"]["source"] = EVIL
    run.write("setup", setup)
    build_report(run)
    assert check_files(run.path) == 5
    assert r"sky\x1b[2J\x00\x0b\x9b31m\u202e\ufffe\udcff" in run.report_file.read_text(encoding="utf-8")


def test_a_comparison(made: Callable[..., Path], tmp_path: Path) -> None:
    runs = [made("a", classes=CLASSES), made("b", classes=CLASSES, batch=16)]
    for run in runs:
        folder = RunFolder.open(run)
        setup = folder.read("setup")
        setup["recipe"]["title"] = EVIL
        setup["recipe"]["model"]["name"] = f"{EVIL}{run.name}"
        folder.write("setup", setup)
    compared = compare_runs(runs)
    compared.write_html(tmp_path / "out" / "c.html")
    assert check_files(tmp_path / "out") == 2
    assert CONTROLS.search(compared._repr_html_()) is None
    assert CONTROLS.search(str(compared)) is None


def test_what_the_commands_print_and_write(
    made: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [made("a", classes=CLASSES), made(EVIL.replace("\x00", ""), classes=CLASSES, batch=16)]
    for words in (
        ["report", runs[1]],
        ["report", runs[1], "--json"],
        ["compare", *runs, "--html", tmp_path / "out/c.html", "--csv", tmp_path / "out/c.csv"],
        ["compare", *runs, "--json"],
    ):
        with pytest.raises(SystemExit) as end:
            app([str(word) for word in words])
        said = capsys.readouterr()
        assert not end.value.code, (words, said.err)
        assert CONTROLS.search(said.out + said.err) is None, words
    assert check_files(tmp_path / "out") == 3
