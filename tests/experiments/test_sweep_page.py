"""The page of a sweep: whole, offline, and escaping what it shows."""

import json
from collections.abc import Callable
from pathlib import Path

from fabricated_runs import offline
from pixelwise.experiments.page import build_sweep_page

Made = Callable[..., Path]


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
    assert 'class="strong"' not in text  # one seed on one side, and no counts of pictures
    assert "No row is marked: no difference from the best mean IoU is clear." in text
    assert (folder / "plots" / "factor-train-batch.svg").is_file()
    assert not (folder / "plots" / "factor-train-seed.svg").exists()


def test_the_mean_over_folds(made: Made, tmp_path: Path) -> None:
    """Two seeds of a fold count once."""
    grid = [(0, 0, 0.3), (0, 1, 0.5), (1, 0, 0.6), (1, 1, 0.6)]
    entries = []
    for fold, seed, score in grid:
        made(f"fold={fold},seed={seed}", batch=8 + fold, seed=seed, score=score)  # recipes that differ
        values = {"data.dataset.fold": str(fold), "train.seed": str(seed)}
        entries.append({"name": f"fold={fold},seed={seed}", "values": values, "state": "done", "seconds": 2})
    factors = [{"path": "data.dataset.fold", "values": ["0", "1", "2"]}, {"path": "train.seed", "values": ["0", "1"]}]
    (tmp_path / "sweep.json").write_text(
        json.dumps({"format": 1, "recipe": "mine", "factors": factors, "runs": entries})
    )
    text = " ".join(build_sweep_page(tmp_path).read_text().split())
    assert all(f">{cell}</td>" in text for cell in ("all runs", "0.5000", "0.1414", "2 of 3"))


def test_a_sweep_without_a_finished_run_has_a_page(tmp_path: Path) -> None:
    runs = [{"name": "run", "values": {}, "state": "failed", "message": "error: no"}]
    (tmp_path / "sweep.json").write_text(json.dumps({"format": 1, "recipe": "mine", "factors": [], "runs": runs}))
    assert "1 failed" in build_sweep_page(tmp_path).read_text()
