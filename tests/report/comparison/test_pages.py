"""The pages: whole, offline, escaping what they show, and the same bytes from the same folders."""

import json
import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path

from rich.console import Console

from pixelwise.report.comparison.figures import run_panels
from pixelwise.report.comparison.gather import gather
from pixelwise.report.comparison.page import build_comparison_page
from pixelwise.report.comparison.sweep_page import build_sweep_page
from pixelwise.report.comparison.terminal import show_comparison

Made = Callable[..., Path]


def offline(page: str) -> bool:
    return not re.search(r'(src|href)="(?!data:|#|[\w%=.-]+/report\.html)', page) and "http://" not in re.sub(
        r'xmlns(:xlink)?="[^"]*"', "", page
    )


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


def test_values_of_different_losses_share_no_axis(made: Made, tmp_path: Path) -> None:
    runs = [made("a"), made("b", batch=16), made("c", loss="focal")]
    same, different = gather(runs[:2]), gather(runs)
    assert [label for *_, label in run_panels(same)] == ["validation loss", "mean IoU"]
    assert [label for *_, label in run_panels(different)] == ["mean IoU"]
    words = "different losses, whose values share no axis"
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


def test_the_page_of_a_sweep(made: Made, tmp_path: Path) -> None:
    folder = tmp_path
    grid = [(8, 0, 0.3), (8, 1, 0.34), (16, 0, 0.5)]
    for batch, seed, score in grid:
        made(f"batch={batch},seed={seed}", batch=batch, seed=seed, score=score)
    entries = [
        {
            "name": f"batch={b},seed={s}",
            "values": {"train.batch": str(b), "train.seed": str(s)},
            "state": "done",
            "seconds": 2,
        }
        for b, s, _ in grid
    ]
    failed = {"name": "batch=16,seed=1", "values": {"train.batch": "16", "train.seed": "1"}, "state": "failed"}
    entries.append({**failed, "seconds": 1, "message": "error: <no> memory"})
    factors = [{"path": "train.batch", "values": ["8", "16"]}, {"path": "train.seed", "values": ["0", "1"]}]
    record = {"format": 1, "recipe": "mine", "factors": factors, "runs": entries}
    (folder / "sweep.json").write_text(json.dumps(record))
    text = build_sweep_page(folder).read_text()
    assert offline(text)
    assert "3 done and 1 failed" in text
    assert "error: &lt;no&gt; memory" in text
    assert 'class="strong"' in text
    assert (folder / "plots" / "factor-train-batch.svg").is_file()
    assert not (folder / "plots" / "factor-train-seed.svg").exists()


def test_a_sweep_without_a_finished_run_has_a_page(tmp_path: Path) -> None:
    runs = [{"name": "run", "values": {}, "state": "failed", "message": "error: no"}]
    (tmp_path / "sweep.json").write_text(json.dumps({"format": 1, "recipe": "mine", "factors": [], "runs": runs}))
    assert "1 failed" in build_sweep_page(tmp_path).read_text()
