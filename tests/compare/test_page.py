"""The page of a comparison: whole, offline, escaping what it shows, and the same bytes from the same folders."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from fabricated_runs import offline
from pixelwise.compare.figures import panels_of
from pixelwise.compare.gather import gather
from pixelwise.compare.page import build_comparison_page, side_by_side
from pixelwise.compare.runs import compare_runs
from pixelwise.compare.tables import show_comparison
from pixelwise.run.folder import RunFolder
from pixelwise.shown.instances import instances

Made = Callable[..., Path]


def test_a_comparison_is_one_offline_page(made: Made, tmp_path: Path) -> None:
    comparison = gather([made("a"), made("b", batch=16, seed=1), made("<b>c", batch=32)])
    page = build_comparison_page(comparison, [], tmp_path / "out" / "c.html")
    text = page.read_text()
    assert offline(text)
    assert "<b>c" not in text
    assert text.count('class="panels strip"') == 6, "the same six pictures"
    assert text.count('<img src="data:image') == 6 * (2 + 3)
    assert (tmp_path / "out" / "c-plots" / "runs.svg").is_file()
    before = page.read_bytes()
    build_comparison_page(comparison, [], page)
    assert page.read_bytes() == before


def test_predictions_of_objects_stand_side_by_side(made: Made) -> None:
    runs = [made("a"), made("b", batch=16)]
    for path in runs:
        run = RunFolder(path)
        index = run.read("predictions/index")
        for entry in index["pictures"]:
            entry["captions"] = dict(instances().captions)
        run.write("predictions/index", index)
    shown = side_by_side(gather(runs))
    assert shown is not None
    assert [panel.caption.split(",")[0].split()[0] for panel in shown["strips"][0]["panels"]] == [
        "picture",
        "truth",
        "A",
        "B",
    ]


def test_values_of_different_losses_share_no_axis(made: Made, tmp_path: Path) -> None:
    runs = [made("a"), made("b", batch=16), made("c", loss="focal")]
    same, different = gather(runs[:2]), gather(runs)
    assert [panel.label for panel in panels_of(same)] == ["training loss", "validation loss", "mean IoU"]
    assert [panel.label for panel in panels_of(different)] == ["mean IoU"]
    words = "different loss functions, so their values cannot share an axis"
    assert words not in build_comparison_page(same, [], tmp_path / "same.html").read_text()
    assert words in build_comparison_page(different, [], tmp_path / "different.html").read_text()


def test_runs_that_were_validated_once_have_no_curves(made: Made, tmp_path: Path) -> None:
    text = build_comparison_page(
        gather([made("a", epochs=1), made("b", batch=16, epochs=1)]), [], tmp_path / "c.html"
    ).read_text()
    assert 'id="curves"' not in text


def test_nothing_is_left_out_in_a_narrow_terminal(made: Made) -> None:
    runs = [
        made(f"a{batch}-{seed}", seed=seed, batch=batch) for seed, batch in ((0, 8), (1, 8), (0, 16), (0, 32), (0, 64))
    ]
    console = Console(width=80, record=True, file=StringIO())
    show_comparison(gather(runs), [], console)
    lines = console.export_text().splitlines()
    assert "…" not in "".join(lines)
    cost = lines[lines.index("cost") + 2 :]
    assert [line.split()[0] for line in cost[:4]] == ["A", "B", "C", "D"]


def test_runs_compared_from_python(made: Made, tmp_path: Path) -> None:
    compared = compare_runs([made("a"), str(made("b", batch=16, score=0.5))])
    assert "B − A  mean IoU  +0.1000" in str(compared)
    html = compared._repr_html_()
    assert html.count("<table") == 5  # groups, two sets of scores, losses, differences
    assert "<script" not in html
    assert compared.as_json()["differences"][0]["difference"] == pytest.approx(0.1)
    assert compared.as_csv().count("\n") == 3
    assert compared.write_html(tmp_path / "out" / "c.html").read_text().startswith("<!DOCTYPE html>")


def test_every_difference_has_its_sentence_below_the_table(made: Made, tmp_path: Path) -> None:
    compared = compare_runs([made("a"), made("b", batch=16)])
    text = compared.write_html(tmp_path / "c.html").read_text()
    assert f"<li>B − A, mean IoU: {compared.verdicts[0].words}</li>" in text
    assert "<h1>batch 8 and batch 16 compared</h1>" in text
