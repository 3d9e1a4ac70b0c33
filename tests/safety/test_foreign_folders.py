"""The run folder of a stranger: damage, hostile content and links end in one line and exit code 2; nothing else is touched."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save

from pixelwise.cli import app
from pixelwise.imaging.files import write_image
from pixelwise.run.checkpoint import load_checkpoint, save_checkpoint
from pixelwise.run.folder import RunFolder

OLD = Path(__file__).parent / "runs-0.1"
EXPERIMENTS = Path(__file__).parents[1] / "experiments" / "folders-0.1"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return Path(shutil.copytree(OLD / "segment", tmp_path / "run"))


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder that nobody may read or write."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret.txt").write_text("a secret")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def commands(run: Path) -> dict[str, list[str]]:
    """Every command that reads a run."""
    picture = run.parent / "picture.png"
    write_image(picture, np.zeros((32, 32, 3), np.uint8))
    data = str(run.parent / "data")
    return {
        "report": ["report", str(run)],
        "compare": ["compare", str(run), str(OLD / "scratch"), "--html", str(run.parent / "compare.html")],
        "evaluate": ["evaluate", str(run), "--data", data, "--device", "cpu"],
        "predict": ["predict", str(run), str(picture), "--out", str(run.parent / "out"), "--device", "cpu"],
        "resume": ["train", "--resume", str(run), "--data", data],
    }


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line with which a command ends."""
    with pytest.raises(SystemExit) as end:
        app(words)
    said = capsys.readouterr().err
    assert end.value.code == 2, said
    (line,) = [line for line in said.splitlines() if line.strip()]
    assert line.startswith("error: ")
    assert len(line) < 1000
    return line


# -- 3: the strict reader of YAML

BOMB = b"a: &a [x, x, x, x, x, x, x, x, x]\n" + b"".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n".encode()
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
HOSTILE = {
    "aliases": (BOMB, "anchors (&name) and aliases (*name) are not allowed"),
    "deep brackets": (b"title: " + b"[" * 5000, "nested more than 40 deep"),
    "closed deep brackets": (b"title: " + b"[" * 500 + b"]" * 500, "nested more than 40 deep"),
    "deep maps": (b"title: " + b"{a: " * 300 + b"}" * 300, "nested more than 40 deep"),
    "Latin-1": ("title: é".encode("latin-1"), "is not UTF-8 text: byte 7 is 0xe9"),
    "UTF-16": ("title: a".encode("utf-16-le"), "contains zero bytes"),
    "huge text": (b"title: " + b"x" * 70_000, "is larger than 64 KiB, the most that is read"),
    "huge number": (b"title: a\ngallery: " + b"9" * 5000, "a number of 5000 digits"),
    "a tag": (b"title: !!python/object/apply:os.system [id]", "tags (!name) are not allowed"),
    "twice": (b"title: a\ntitle: b", "the key 'title' is given twice"),
    "zeros": (b"\0" * 200, "contains zero bytes"),
    "a list": (b"- a", "not a map of keys"),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("command", ["report", "compare", "evaluate", "predict", "resume"])
def test_hostile_yaml(command: str, name: str, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content, words = HOSTILE[name]
    (run / "recipe.yaml").write_bytes(content)
    line = refused(commands(run)[command], capsys)
    assert words in line
    assert "recipe.yaml" in line
    assert not (run.parent / "out").exists()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_yaml_in_a_sweep(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = Path(shutil.copytree(EXPERIMENTS / "sweep", tmp_path / "sweep"))
    content, words = HOSTILE[name]
    (sweep / "recipes" / "seed=1.yaml").write_bytes(content)
    assert words in refused(["sweep", "--resume", str(sweep)], capsys)


# -- 4: only plain files inside the folder

READ_BY = {  # what is replaced by a link → commands that read or write it
    "recipe.yaml": ("report", "compare", "evaluate", "predict", "resume"),
    "setup.json": ("report", "compare", "evaluate", "predict", "resume"),
    "summary.json": ("report", "compare"),
    "environment.json": ("report", "compare", "resume"),
    "events.jsonl": ("report", "compare", "resume"),
    "predictions": ("report", "compare", "resume"),
    "predictions/index.json": ("report", "compare"),
    "predictions/000-image.png": ("report",),
    "plots": ("report", "resume"),
    "evaluations": ("report", "evaluate"),
    "evaluations/val-best-recipe.json": ("report",),
    "best": ("evaluate", "predict", "resume"),
    "best/state.json": ("evaluate", "predict", "resume"),
    "last": ("resume",),
    "last/state.json": ("resume",),
    ".lock": ("resume",),
}


@pytest.mark.skipif(os.name != "posix", reason="links")
@pytest.mark.parametrize(("name", "command"), [(name, one) for name, some in READ_BY.items() for one in some])
def test_a_link_is_neither_read_nor_written(
    name: str, command: str, run: Path, outside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("plots", "evaluations"):
        (run / folder).mkdir()
    (run / "evaluations" / "val-best-recipe.json").write_text("{}")
    (run / ".lock").touch()
    os.rename(run / name, outside / "moved")
    (run / name).symlink_to(outside / "moved")
    before = contents(outside)
    line = refused(commands(run)[command], capsys)
    assert f"{run / name}: is a symbolic link; only plain files and folders are read and written here." in line
    assert contents(outside) == before
    assert not (run.parent / "out").exists()


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_the_weights_of_a_checkpoint_are_no_link(run: Path, outside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (weights,) = (run / "best").glob("model-*")
    os.rename(weights, outside / "moved")
    weights.symlink_to(outside / "moved")
    assert f"{weights}: is a symbolic link" in refused(commands(run)["predict"], capsys)


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_the_folder_that_a_person_names_may_be_a_link(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    link = run.parent / "link"
    link.symlink_to(run)
    with pytest.raises(SystemExit) as end:
        app(["compare", str(link), str(OLD / "scratch")])
    assert not end.value.code


@pytest.mark.skipif(os.name != "posix", reason="links")
@pytest.mark.parametrize(
    "name", ["sweep.json", "recipes", "recipes/seed=1.yaml", "seed=0", "seed=0/recipe.yaml", "logs"]
)
def test_links_in_a_sweep(name: str, tmp_path: Path, outside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = Path(shutil.copytree(EXPERIMENTS / "sweep", tmp_path / "sweep"))
    (sweep / "seed=0" / "summary.json").unlink()  # so that there is something to train
    (sweep / "logs").mkdir()
    os.rename(sweep / name, outside / "moved")
    (sweep / name).symlink_to(outside / "moved")
    before = contents(outside)
    assert f"{sweep / name}: is a symbolic link" in refused(["sweep", "--resume", str(sweep)], capsys)
    assert contents(outside) == before


@pytest.mark.skipif(os.name != "posix", reason="links")
@pytest.mark.parametrize("name", ["search.json", "study.log", "trials.json", "best.yaml", "plots", "trial-0001"])
def test_links_in_a_search(name: str, tmp_path: Path, outside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    search = Path(shutil.copytree(EXPERIMENTS / "search", tmp_path / "search"))
    (search / "plots").mkdir()
    os.rename(search / name, outside / "moved")
    (search / name).symlink_to(outside / "moved")
    before = contents(outside)
    with pytest.raises(SystemExit) as end:
        app(["search", "--resume", str(search), "--data", str(tmp_path / "data")])
    said = capsys.readouterr().err
    replaced = name == "trials.json" and not (search / name).is_symlink()  # a new file replaces the link
    assert replaced or (end.value.code == 2 and "is a symbolic link" in said), said
    assert contents(outside) == before


# -- 5: files of checkpoints, and names in records


def test_a_checkpoint_names_only_its_own_files(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = run / "best" / "state.json"
    sound = json.loads(file.read_text())
    for name in ("/dev/zero", "../last/model-00000004-d2372ade.safetensors", "state.json", "", 3, "a" * 5000):
        record = json.loads(json.dumps(sound))
        record["files"]["model"]["file"] = name
        record.pop("sha256")
        file.write_text(json.dumps(record))
        assert f"{file}: files.model.file: read " in refused(commands(run)["predict"], capsys)


def rewritten(run: Path, which: str, change: Callable[[dict[str, Any], dict[str, Any]], None]) -> None:
    """A checkpoint whose sums belong to what was changed in its arrays (by part) and its state."""
    folder = run / which
    parts = ("model", "optimizer") if which == "last" else ("model",)
    arrays, state = load_checkpoint(folder, *parts)
    copied = {part: {name: np.array(array) for name, array in some.items()} for part, some in arrays.items()}
    change(copied, state)
    step = json.loads((folder / "state.json").read_text())["step"]
    save_checkpoint(folder, copied, state, step=step)


def first(some: dict[str, Any]) -> str:
    return next(name for name, array in sorted(some.items()) if array.dtype == np.float32 and array.ndim)


CHANGES: dict[str, tuple[Callable[[Any, Any], Any], str]] = {
    "renamed": (lambda a, s: a["model"].update(other=a["model"].pop(first(a["model"]))), "is not part of this model"),
    "shape": (lambda a, s: a["model"].update({first(a["model"]): np.zeros((1, 2), np.float32)}), "this model has"),
    "type": (
        lambda a, s: a["model"].update({first(a["model"]): a["model"][first(a["model"])].astype("f8")}),
        "float64",
    ),
    "number": (lambda a, s: a["optimizer"].update({"9999.exp_avg": np.zeros(1)}), "does not belong to a parameter"),
    "word": (lambda a, s: a["optimizer"].update({"x.exp_avg": np.zeros(1)}), "does not belong to a parameter"),
    "memory": (lambda a, s: a["optimizer"].pop("0000.exp_avg_sq"), "parameter 0000 has no exp_avg_sq"),
    "memory shape": (lambda a, s: a["optimizer"].update({"0000.exp_avg": np.zeros(3, "f4")}), "'0000.exp_avg' is [3]"),
    "steps": (lambda a, s: a["optimizer"].update({"0000.step": np.float32(-1).reshape(())}), "'0000.step' is []"),
    "epoch": (lambda a, s: s["progress"].update(epoch=-1), "progress.epoch: read -1"),
    "step": (lambda a, s: s["progress"].update(step=3), "step 3 is not 0 batches after epoch 2"),
    "batch": (lambda a, s: s["progress"].update(batch=1), "step 4 is not 1 batches after epoch 2"),
    "far": (lambda a, s: s["progress"].update(epoch=9), "after epoch 9 in a training of 2 epochs"),
    "sums": (lambda a, s: s["progress"].update(sums={"loss": [1.0]}), "progress.sums.loss"),
    "unknown": (lambda a, s: s["progress"].update(speed=1), "progress.speed"),
    "missing": (lambda a, s: s["progress"].pop("stale"), "progress.stale: is missing"),
    "events": (lambda a, s: s.update(events_length=-5), "events_length: read -5"),
    "more events": (lambda a, s: s.update(events_length=10**9), "when the checkpoint was written it had 1000000000"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_checkpoint_whose_sums_match_but_whose_content_does_not_fit(
    name: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change, words = CHANGES[name]
    rewritten(run, "last", change)
    before = contents(run)
    with pytest.raises(SystemExit) as end:
        app(commands(run)["resume"])
    said = capsys.readouterr().err
    assert end.value.code == 2
    assert words in said
    assert "Traceback" not in said
    locks = {".lock", ".adding.lock"}
    assert {name: text for name, text in contents(run).items() if name not in locks} == {
        name: text for name, text in before.items() if name not in locks
    }


# -- 6: weights that are not finite


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("command", ["predict", "evaluate", "resume"])
@pytest.mark.parametrize("name", ["segment", "scratch"])
def test_weights_that_are_not_finite_are_refused_before_anything_is_written(
    name: str, command: str, value: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path(shutil.copytree(OLD / name, tmp_path / "run"))
    if command == "resume" and not (run / "last").is_dir():
        pytest.skip("only one of the runs kept its last checkpoint")

    def spoil(arrays: Any, state: Any) -> None:
        arrays["model"][first(arrays["model"])].flat[-1] = value

    rewritten(run, "last" if command == "resume" else "best", spoil)
    before = contents(run)
    line = refused(commands(run)[command], capsys)
    assert "has NaN or infinite values in " in line
    assert "other checkpoint" in line
    assert {name: content for name, content in contents(run).items() if name != ".lock"} == before
    assert not (tmp_path / "out").exists()


def test_a_resume_reads_the_best_weights_too(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def spoil(arrays: Any, state: Any) -> None:
        arrays["model"][first(arrays["model"])].flat[0] = np.nan

    rewritten(run, "best", spoil)
    assert "best/model-" in refused(commands(run)["resume"], capsys)


def test_weights_so_large_that_scores_are_not_finite(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def grow(arrays: Any, state: Any) -> None:
        for name, array in arrays["model"].items():
            if array.dtype == np.float32 and "running" not in name:
                array[...] = 3e38

    rewritten(run, "best", grow)
    assert "so large that its outputs are not" in refused(commands(run)["predict"], capsys)
    assert not list((run.parent / "out").rglob("*.png"))


def test_safetensors_and_our_reader_agree(run: Path) -> None:
    for folder in (OLD / "segment" / "last", OLD / "scratch" / "best"):
        for part in ("model", "optimizer"):
            for file in folder.glob(f"{part}-*"):
                found, theirs = load_checkpoint(folder, part)[0][part], load(file.read_bytes())
                assert {name: a.tobytes() for name, a in found.items()} == {n: a.tobytes() for n, a in theirs.items()}
                assert save(theirs)


def test_an_evaluation_of_a_split_with_an_odd_name_stays_inside(run: Path) -> None:
    from pixelwise.errors import RunError

    for split in ("../../outside", "/tmp/x"):
        with pytest.raises(RunError, match="cannot contain the file"):
            RunFolder(run).write(f"evaluations/{split}-best-recipe", {})
