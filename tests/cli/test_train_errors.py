"""What `pixelwise train` refuses: the sentence, exit code 2, no traceback, and every earlier file untouched."""

import os
import tempfile
from pathlib import Path

import pytest

from pixelwise.cli import app
from pixelwise.recipe.load import as_yaml, load_recipe


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """What a command that is refused says, in one piece."""
    with pytest.raises(SystemExit) as ended:
        app([str(argument) for argument in arguments])
    said = capsys.readouterr()
    assert ended.value.code == 2, said
    assert said.out.strip() == ""
    assert "Traceback" not in said.err
    return said.err


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("train.bach=8", "error: quickstart: train.bach: unknown key; the keys here are: seed, batch,"),
        ("train.batch=many", "error: quickstart: train.batch: read 'many', which is not a valid integer."),
        ("model=uent", "error: quickstart: model: unknown model 'uent';"),
        ("model.widht=8", "Did you mean 'width'?"),
        ("train.batch", "error: 'train.batch': an override has the form a.b=c, e.g. train.batch=8."),
    ],
)
def test_one_fault_is_one_line(override: str, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, "train", "quickstart", override)
    assert sentence in said
    assert said.count("\n") == 1
    assert contents(Path()) == {}, "no run folder was made"


def test_every_fault_of_a_file_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    text = "extends: quickstart\ntitle: T\nmodel: {widht: 8}\ntrain: {batch: many, clpi: 1}\ndata: {dataset: sceens}\n"
    Path("mine.yaml").write_text(text)
    said = refused(capsys, "train", "mine.yaml")
    assert said.startswith("4 errors:\n")
    for line in (
        "  - mine.yaml: data.dataset: unknown dataset 'sceens';",
        "  - mine.yaml: model.widht: model 'unet' has no option 'widht';",
        "  - mine.yaml: train.batch: read 'many', which is not a valid integer.",
        "  - mine.yaml: train.clpi: unknown key;",
    ):
        assert line in said
    assert "Did you mean 'scenes'?" in said
    assert contents(Path()) == {"mine.yaml": text.encode()}


def test_a_fault_of_yaml_comes_with_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.yaml").write_text("title: T\ntrain:\n\tbatch: 3\n")
    assert (
        refused(capsys, "train", "mine.yaml")
        == "error: mine.yaml, line 3, column 1: a tab cannot indent in YAML; use spaces.\n"
    )


def test_a_recipe_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert "recipe 'quikstart' was not found" in refused(capsys, "train", "quikstart")
    assert "name a recipe to train, or a run to resume with --resume" in refused(capsys, "train")
    assert "this run folder does not exist" in refused(capsys, "train", "--resume", "runs/gone")


def test_a_run_that_is_there_stays_as_it_was(tiny_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(tiny_run)
    said = refused(capsys, "train", "quickstart", "--out", tiny_run)
    assert (
        f"error: {tiny_run}: is already there and not empty. Resume it with `pixelwise train --resume {tiny_run}`"
        in said
    )
    assert contents(tiny_run) == before


def test_a_file_or_a_foreign_folder_in_the_way(capsys: pytest.CaptureFixture[str]) -> None:
    Path("thesis").mkdir()
    Path("thesis/chapter.txt").write_text("mine")
    assert "is already there and not empty. Choose another folder" in refused(
        capsys, "train", "quickstart", "--out", "thesis"
    )
    said = refused(capsys, "train", "quickstart", "--out", "thesis/chapter.txt")
    assert "is already there and not a folder. Choose another" in said
    assert contents(Path()) == {"thesis/chapter.txt": b"mine"}


def test_a_read_only_folder(
    tiny_run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    del tiny_run  # everything that training imports is imported: without rights nothing more could be
    recipe = as_yaml(load_recipe("quickstart"))
    with tempfile.TemporaryDirectory() as name:
        monkeypatch.chdir(name)
        Path("mine.yaml").write_text(recipe)
        Path("mine.yaml").chmod(0o644)
        Path("shelf").mkdir()
        Path("shelf").chmod(0o555)
        Path(name).chmod(0o755)
        superuser = os.geteuid() == 0
        if superuser:
            os.seteuid(65534)  # the superuser may write anywhere
        try:
            said = refused(capsys, "train", "mine.yaml", "--out", "shelf/run", "--data", Path(name) / "data")
        finally:
            if superuser:
                os.seteuid(0)
        assert "error: shelf/run: cannot be made: shelf is read-only. Choose another folder with --out." in said
        assert contents(Path(name)) == {"mine.yaml": recipe.encode()}


def test_a_gpu_where_there_is_none(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tiny_data: Path
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    said = refused(
        capsys,
        *("train", "quickstart", "--data", tiny_data, "--out", "run", "hardware.device=cuda:0"),
        *("data.dataset.size=32", "data.dataset.train=8", "data.dataset.val=6", "data.dataset.test=4"),
        "data.dataset.void_rim=1",
    )
    assert "hardware.device" in said
    assert "GPU" in said
    assert not Path("run").exists()
