"""A report in LaTeX from fabricated runs: read strictly everywhere, compiled where a LaTeX is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from command_line import run_command, said
from latex import problems
from pixelwise.errors import RunError
from pixelwise.paper.report import STYLE, write_paper
from pixelwise.run.folder import RunFolder
from pixelwise.shown.instances import instances

HOSTILE = "a_b%$#{}\\x^~&<>\"'`[*]é中\\input{/etc/passwd}"


@pytest.fixture
def runs(made: Callable[..., Path]) -> list[Path]:
    """Two seeds of a baseline, an improvement of it, an experiment, and a model that does not look at the picture."""
    paths = [
        made("majority"),
        made("base-s0"),
        made("base-s1", seed=1, score=0.42),
        made("better", batch=16, score=0.5),
    ]
    for path, name in ((paths[0], "majority"), (made("other", score=0.45), "fpn")):
        run = RunFolder(path)
        setup = run.read("setup")
        setup["model"]["name"] = setup["recipe"]["model"]["name"] = name
        setup["recipe"]["model"].pop("width")
        run.write("setup", setup)
    return [*paths, paths[0].parent / "other"]


def change(path: Path, name: str, edit: Callable[[Any], None]) -> None:
    run = RunFolder(path)
    record = run.read(name)
    edit(record)
    run.write(name, record)


def test_a_report_has_the_measured_numbers_in_the_sections_of_the_handout(runs: list[Path], tmp_path: Path) -> None:
    file = write_paper(runs, tmp_path / "paper", title="Shapes", authors=["Ada", "Bob"])
    text = file.read_text(encoding="utf-8")
    assert problems(file) == []
    assert "0.4100 $\\pm$ 0.0141 over 2 seeds" in text
    for heading in ("Introduction", "Related work", "Methods", "Results", "Discussion"):
        assert f"\\section{{{heading}}}" in text
    parts = re.split(r"\\subsection\{(?:Baseline|Improvements[^}]*|Experiments)\}", text)
    baseline, improvements, experiments = parts[1:]
    assert re.search(r"mean IoU of A \(.*batch 8\) is 0\.4100", baseline)
    assert re.search(r"B~\$-\$~A & mean IoU & \+0\.0900", improvements)
    assert re.search(r"C~\$-\$~A & mean IoU & \+0\.0400", experiments)
    assert re.search(r"D~\$-\$~A", baseline), "a model that does not look at the picture comes last"
    assert text.count(r"\reasons{what ") == 2
    assert r"\citet{ronneberger2015}" in text
    assert r"\citet{lin2017pyramid}" in text
    assert "down.0 \\ldots{} down.11 & Conv2d & 3 & 16 & 3 & 1 & 1 & ReLU" in text


def test_the_same_runs_give_the_same_bytes(runs: list[Path], tmp_path: Path) -> None:
    folders = [write_paper(runs[1:3], tmp_path / name).parent for name in ("one", "two")]
    files = [sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file()) for folder in folders]
    assert files[0] == files[1]
    assert any(file.suffix == ".pdf" for file in files[0])
    assert all((folders[0] / file).read_bytes() == (folders[1] / file).read_bytes() for file in files[0])


def hostile(made: Callable[..., Path]) -> list[Path]:
    paths = [made("x_%$#", classes=("ground", HOSTILE, "ring_&_wire", "wire")), made("b" * 80, batch=32)]
    for path in paths:
        change(path, "setup", lambda setup: setup["data"].update(name=HOSTILE, source=f"{HOSTILE}: {HOSTILE} for all"))
        change(path, "setup", lambda setup: setup["recipe"]["model"].update(weights=HOSTILE))
        change(path, "setup", lambda setup: setup["model"]["layers"][0].update(layer=HOSTILE, kind=HOSTILE))
        change(
            path, "environment", lambda told: told.update(processor=HOSTILE, command=["pixelwise", "train", HOSTILE])
        )
    return paths


def test_every_name_is_escaped(made: Callable[..., Path], tmp_path: Path) -> None:
    file = write_paper(hostile(made), tmp_path / "paper", title=HOSTILE, authors=[HOSTILE, "*B*"])
    assert problems(file) == []
    assert r"\input" not in file.read_text(encoding="utf-8")


def test_the_gpu_is_named(made: Callable[..., Path], tmp_path: Path) -> None:
    run = made("a")
    change(run, "environment", lambda recorded: recorded.update(processor="AMD EPYC", cores=2, gpu="NVIDIA H200"))
    text = write_paper([run], tmp_path / "paper").read_text(encoding="utf-8")
    assert "AMD EPYC, 2 cores, NVIDIA H200, Python" in text


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX is installed")
def test_a_report_with_hostile_names_compiles(made: Callable[..., Path], tmp_path: Path) -> None:
    file = write_paper(hostile(made), tmp_path / "paper", title=HOSTILE, authors=[HOSTILE, "*B*"])
    latex = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "report"]
    for words in (latex, ["bibtex", "report"], latex, latex, latex):
        done = subprocess.run(words, cwd=file.parent, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout.decode(errors="replace")[-3000:]
    log = file.with_suffix(".log").read_text(encoding="utf-8", errors="replace")
    assert "undefined" not in log
    assert file.with_suffix(".pdf").stat().st_size > 20_000


@pytest.mark.parametrize(
    ("every", "words"), [(1, "patience of 3 validations"), (5, "patience of 3 validations, one every 5 epochs")]
)
def test_patience_counts_validations(made: Callable[..., Path], tmp_path: Path, every: int, words: str) -> None:
    path = made("run")
    rule = {"early_stopping": {"patience": 3, "metric": "", "least_gain": 0.0}, "validate_every": every}
    change(path, "setup", lambda setup: setup["recipe"]["train"].update(rule))
    text = write_paper([path], tmp_path / "paper").read_text(encoding="utf-8")
    assert re.search(rf"early stopping & {words} *\\\\", text)


def test_labels_and_a_single_run(made: Callable[..., Path], tmp_path: Path) -> None:
    path = made("classes", task="classify")
    change(path, "setup", lambda setup: setup.update(kind="labels", unit="picture"))
    run = RunFolder(path)
    index = run.read("predictions/index")
    for entry in index["pictures"]:
        entry.update(files={"image": entry["files"]["image"]}, words={"truth": "disc", "prediction": "ring 0.91"})
    run.write("predictions/index", index)
    file = write_paper([path], tmp_path / "paper")
    assert problems(file) == []
    text = file.read_text(encoding="utf-8")
    assert "Image classification assigns" in text
    assert "No run trains the network of the baseline" in text


def test_objects_are_shown_with_what_was_missed(made: Callable[..., Path], tmp_path: Path) -> None:
    path = made("objects", task="separate")
    change(path, "setup", lambda setup: setup.update(kind="instances"))
    run = RunFolder(path)
    index = run.read("predictions/index")
    for entry in index["pictures"]:
        entry["captions"] = dict(instances().captions)
    run.write("predictions/index", index)
    file = write_paper([path], tmp_path / "paper")
    text = file.read_text(encoding="utf-8")
    assert problems(file) == []
    assert "Instance segmentation finds" in text
    assert "Missed objects are outlined in red in the truth" in text


def test_a_style_file_takes_the_place_of_ours(runs: list[Path], tmp_path: Path) -> None:
    style = tmp_path / "conference.sty"
    style.write_bytes(STYLE.read_bytes())
    file = write_paper(runs[1:2], tmp_path / "paper", style=style)
    assert r"\usepackage{conference}" in file.read_text(encoding="utf-8")
    assert sorted(path.name for path in file.parent.iterdir()) == [
        "conference.sty",
        "figures",
        "references.bib",
        "report.tex",
    ]
    with pytest.raises(RunError, match="style file"):
        write_paper(runs[1:2], tmp_path / "third", style=file)


def test_an_unfinished_run_and_a_full_folder_are_refused(made: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is not finished"):
        write_paper([made("begun", finished=False)], tmp_path / "paper")
    assert not (tmp_path / "paper").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "report.tex").write_text("our reasons")
    with pytest.raises(RunError, match="not an empty folder"):
        write_paper([made("done")], tmp_path / "mine")
    assert (tmp_path / "mine" / "report.tex").read_text() == "our reasons"


def test_the_command_says_how_to_compile(runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "paper", runs[1], "--out", tmp_path / "paper", "--author", "Ada")
    assert code == 0
    assert "pdflatex report && bibtex report" in out
    assert run_command("paper", tmp_path / "nothing", "--out", tmp_path / "other") == 2
