"""The page: whole, offline, escaped, the same bytes each time, and made of whatever an interrupted run left behind."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from pixelwise.errors import DataError, RunError
from pixelwise.imaging.files import write_image
from pixelwise.report.gallery import BUDGET, build_gallery
from pixelwise.report.page import build_report
from pixelwise.report.record import read_record
from pixelwise.run.folder import RunFolder

Make = Callable[..., RunFolder]
PLOTS = {f"{name}.{kind}" for name in ("curves", "classes", "balance", "confusion") for kind in ("svg", "png")}
VOID_TAGS = {"meta", "img", "br", "link", "input"}
HOSTILE = ("<script>alert(1)</script>", "a & b", "\"double\" and 'single'", "$x^2$ {{ 7 * 7 }} ümläut")


class Page(HTMLParser):
    """Tags, attributes and text of a page; complains about tags that do not close."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID_TAGS:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def values(self, *attributes: str) -> list[str]:
        return [value for _, found in self.tags for key, value in found.items() if key in attributes and value]


def build(run: RunFolder) -> Page:
    return Page(build_report(run).read_text(encoding="utf-8"))


def test_everything_the_issue_asks_for_is_there(fabricate: Make) -> None:
    run = fabricate()
    page = build(run)
    text = " ".join(page.text)
    for heading in ("Stated and measured", "Training", "Classes", "Confusion", "Architecture", "Recipe", "Environment"):
        assert heading in text
    assert "unet (1,930,000 parameters) was trained on 209 pictures of scenes (train) at 80×64 pixels" in text
    assert "213 pictures, counted at 64×80, best checkpoint" in text
    assert "void ignored, classes in truth or prediction" in text
    assert "median frequency" in text
    assert "left out of train: broken.png: is cut short" in text
    assert [word in text for word in ("Best", "Typical", "Worst", "void (not labelled)")] == [True] * 4
    assert {path.name for path in run.plots.iterdir()} == PLOTS
    assert run.report_file.stat().st_size < 5_000_000


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"name": "instancescores"}, "the panoptic quality of that picture alone"),  # runs that do not say it
        ({"name": "mine:depth"}, "the score of that picture alone"),
        ({"name": "accuracy", "ranks_by": "the worst class"}, "the worst class"),
        ({"name": "accuracy", "ranks_by": ""}, "the score of that picture alone"),
    ],
)
def test_the_gallery_says_what_ranks_its_pictures(
    fabricate: Make, quick_plots: None, told: dict[str, str], words: str
) -> None:
    run = fabricate()
    summary = run.read("summary")
    summary["splits"]["val"]["metrics"][0].update(told)
    run.write("summary", summary)
    assert f"The number beside a name is {words};" in build_report(run).read_text()


def test_it_needs_nothing_from_the_net_and_runs_nothing(fabricate: Make) -> None:
    run = fabricate()
    page = build(run)
    assert not {"script", "link", "iframe", "object", "embed", "form"} & {tag for tag, _ in page.tags}
    for address in page.values("src", "href", "xlink:href"):
        assert address.startswith(("data:image/", "#"))
    source = run.report_file.read_text(encoding="utf-8")
    assert not re.search(r"url\((?!#)", source)
    assert "@import" not in source
    policy = next(found["content"] for tag, found in page.tags if found.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'")


def test_ids_are_unique_and_every_reference_has_its_target(fabricate: Make) -> None:
    run = fabricate()
    page = build(run)
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    wanted = [address[1:] for address in page.values("href", "xlink:href") if address.startswith("#")]
    wanted += re.findall(r"url\(#([^)]*)\)", run.report_file.read_text(encoding="utf-8"))
    assert set(wanted) <= set(ids)


def test_hostile_names_are_only_ever_text(fabricate: Make) -> None:
    hostile = "</style></title><img src=x onerror=alert(1)>"
    run = fabricate(classes=HOSTILE, title=hostile, about=hostile, note=hostile, picture="<b onclick='x'>{}</b>&\".png")
    page = build(run)
    assert not {"script", "b onclick"} & {tag for tag, _ in page.tags}
    assert not [key for _, found in page.tags for key in found if key.startswith("on")]
    text = "\n".join(page.text)
    for name in (*HOSTILE, hostile, "<b onclick='x'>0</b>&\".png"):
        assert name in text  # as it was written: neither run nor swallowed nor escaped twice
    for _, found in page.tags:
        assert found.get("src", "data:image/") is not None
        assert str(found.get("src", "data:image/")).startswith("data:image/")


def test_the_same_folder_gives_the_same_bytes(fabricate: Make, tmp_path: Path) -> None:
    run = fabricate()
    copy = RunFolder(Path(shutil.copytree(run.path, tmp_path / "elsewhere" / "copied run")))
    build_report(run)
    first = {path.name: path.read_bytes() for path in (run.report_file, *run.plots.iterdir())}
    program = (
        "import sys, pathlib; from pixelwise.report.page import build_report as b; from pixelwise.run.folder import *"
    )
    program += "; b(RunFolder(pathlib.Path(sys.argv[1])))"
    surroundings = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8"}
    command = [sys.executable, "-W", "error", "-c", program, str(copy.path)]
    subprocess.run(command, check=True, env=surroundings, cwd=tmp_path, timeout=120)
    assert {path.name: path.read_bytes() for path in (copy.report_file, *copy.plots.iterdir())} == first


def test_an_interrupted_run_has_a_report_that_says_so(fabricate: Make) -> None:
    run = fabricate(finished=False, epochs=3)
    text = " ".join(build(run).text)
    assert "This run is not finished: it has reached epoch 3 of 7. The best checkpoint is that of epoch 3." in text
    assert "best checkpoint" in text
    assert {path.stem for path in run.plots.iterdir()} == {"curves", "balance"}


@pytest.mark.parametrize(
    "gone", ["environment.json", "setup.json", "summary.json", "events.jsonl", "predictions/index.json"]
)
def test_a_record_that_is_missing_is_no_error(fabricate: Make, gone: str, quick_plots: None) -> None:
    run = fabricate(classes=("ground", "disc"), epochs=2)
    if gone == "setup.json":  # without the colours there is nothing to draw masks with
        (run.predictions / "index.json").unlink()
    (run.path / gone).unlink()
    assert "Recipe" in " ".join(build(run).text)


def test_a_recipe_alone_is_enough(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", "title: Only a plan\n")
    text = " ".join(build(run).text)
    assert "Only a plan" in text
    assert "not finished" in text


def test_damaged_records_are_named(fabricate: Make, quick_plots: None) -> None:
    run = fabricate()
    before = build_report(run).read_bytes()
    (run.path / "summary.json").write_text("[1, 2]")
    with pytest.raises(RunError, match=r"summary\.json"):
        build_report(run)
    (run.path / "summary.json").write_text("{")
    with pytest.raises(RunError, match=r"summary\.json: is not a readable JSON file"):
        build_report(run)
    run.recipe_file.write_text("a: &a [x]\nb: [*a, *a]")
    with pytest.raises(RunError, match=r"line 1, column 4: anchors"):
        build_report(run)
    run.recipe_file.write_bytes(b"title: \xe9")
    with pytest.raises(RunError, match=r"recipe\.yaml: is not UTF-8 text"):
        build_report(run)
    run.recipe_file.write_text("title: [")
    with pytest.raises(RunError, match=r"recipe\.yaml, line 1, column 9: a bracket is opened and not closed"):
        build_report(run)
    assert run.report_file.read_bytes() == before


def test_gallery_files_that_are_missing_or_damaged(fabricate: Make) -> None:
    run = fabricate()
    (run.predictions / "000-truth.png").unlink()
    gallery = build_gallery(read_record(run), run.predictions)
    assert gallery is not None
    assert gallery.missing == ("scene-0",)
    (run.predictions / "001-image.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"001-image\.png"):
        build_gallery(read_record(run), run.predictions)


def test_many_large_pictures_stay_within_the_budget(fabricate: Make) -> None:
    run = fabricate()
    noise = np.random.default_rng(0).integers(0, 256, (420, 600, 3), dtype=np.uint8)  # the worst to compress
    write_image(run.predictions / "noise.jpg", noise)
    pictures = [{"name": f"noise {n}", "rank": "worst", "files": {"image": "noise.jpg"}} for n in range(60)]
    RunFolder(run.predictions).write("index", {"split": "val", "pictures": pictures})
    gallery = build_gallery(read_record(run), run.predictions)
    assert gallery is not None
    ((title, cards),) = gallery.groups
    assert (title, len(cards)) == ("Worst", 60)
    assert sum(len(panel.uri) for card in cards for panel in card.panels) < BUDGET
