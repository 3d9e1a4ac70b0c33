"""`pixelwise.train` and `pixelwise.evaluate`: the engine's own numbers, for both engines."""

import signal
from pathlib import Path

import pytest

import pixelwise
from pixelwise.errors import PixelwiseError, RecipeError, RunError
from pixelwise.run.folder import RunFolder

SCRATCH = (
    "data.dataset={name: scenes, size: 32, train: 8, val: 4, test: 2}",
    *("model.width=2", "model.depth=1", "train.batch=4", "train.phases.0.epochs=1", "hardware.threads=1", "gallery=1"),
)


def test_train_returns_the_run_and_tells_of_its_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pixelwise.engine.finish.build_report", lambda run: None)
    events: list[str] = []
    recipe = pixelwise.load_recipe("scenes/scratch_fcn", SCRATCH)
    run = pixelwise.train(
        recipe, out=tmp_path / "run", data=tmp_path / "data", progress=lambda event: events.append(event.kind)
    )
    assert run.finished == "complete"
    assert events[0] == "started"
    assert events[-1] == "finished"
    assert run.scores["val"].pictures == 4
    again = pixelwise.evaluate(run, data=tmp_path / "data")
    assert {key: score.value for key, score in again.items()} == {
        key: score.value for key, score in run.scores["val"].items()
    }
    test = pixelwise.evaluate(str(run.path), "test", checkpoint="last", resolution="own", data=tmp_path / "data")
    assert (test.split, test.checkpoint, test.pictures) == ("test", "last", 2)


def test_a_name_is_a_recipe_too(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="Did you mean 'quickstart'"):
        pixelwise.train("quickstrat", out=tmp_path / "run")


def test_a_folder_in_the_way_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(RunError):
        pixelwise.train(pixelwise.load_recipe("scenes/scratch_fcn", SCRATCH), out=tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["note.txt"]


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*words: object, **more: object) -> None:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr("pixelwise.engine.train.train", absent)
    with pytest.raises(PixelwiseError, match="pip install torch torchvision"):
        pixelwise.train("quickstart", out=tmp_path / "run")


def test_an_error_of_progress_gives_signals_and_run_back(tmp_path: Path) -> None:
    def broken(event: object) -> None:
        raise ValueError("of the caller")

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ValueError, match="of the caller") as caught:
        pixelwise.train(
            pixelwise.load_recipe("scenes/scratch_fcn", SCRATCH),
            out=tmp_path / "run",
            data=tmp_path / "data",
            progress=broken,
        )
    assert caught.tb is not None  # a notebook keeps it, and with it every frame
    assert signal.getsignal(signal.SIGINT) is before
    with RunFolder.open(tmp_path / "run").writing():
        pass


def test_a_recipe_may_be_a_path(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("extends: quickstart\nmodel: {widht: 3}\n")
    with pytest.raises(RecipeError, match="Did you mean 'width'"):
        pixelwise.train(tmp_path / "mine.yaml", out=tmp_path / "run")
