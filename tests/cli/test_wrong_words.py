"""What people type: recipes whose parts do not fit, and options that are keys. Refused by every command, with nothing left."""

from pathlib import Path

import pytest

import pixelwise
from pixelwise.cli import app
from pixelwise.errors import RecipeError

MISFITS = {
    "metric": (["metrics=[accuracy]", "train.best=accuracy"], "metric 'accuracy' needs one label per picture"),
    "task": (["task=classify"], "model 'unet' gives scores for every pixel, but task 'classify' needs one row"),
    "model": (["model=resnet"], "model 'resnet' gives one row of scores per picture, but task 'segment' needs"),
}
COMMANDS = {
    "check": (["check", "quickstart"], []),
    "train": (["train", "quickstart", "--out", "run"], []),
    "sweep": (["sweep", "quickstart", "--out", "run"], ["train.seed=0,1"]),
    "search": (["search", "quickstart", "--out", "run"], ["train.optimizer.learning_rate=log(1e-4,1e-1)"]),
}


def ended(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with pytest.raises(SystemExit) as exit_:
        app(words)
    return int(exit_.value.code or 0), capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("misfit", MISFITS)
def test_a_misfit_is_refused_with_nothing_left(
    command: str, misfit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (words, more), (changes, said) = COMMANDS[command], MISFITS[misfit]
    code, err = ended([*words, *changes, *more], capsys)
    assert code == 2
    assert said in err
    assert "--resume" not in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("misfit", MISFITS)
def test_python_refuses_it_too(misfit: str, tmp_path: Path) -> None:
    changes, said = MISFITS[misfit]
    with pytest.raises(RecipeError, match=said):
        pixelwise.train(pixelwise.load_recipe("quickstart", changes), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "quickstart", "--epochs", "3"], "--epochs: needs --resume RUN, whose training it makes longer. For a "
         "new run write train.phases.0.epochs=3."),
        (["check", "quickstart", "--epochs", "3"], "--epochs: unknown option; a recipe is changed by words a.b=c. "
         "Write train.phases.0.epochs=VALUE."),
        (["train", "quickstart", "--batch-size", "8"], "Write train.batch=VALUE."),
        (["train", "quickstart", "--lr=0.1"], "Write train.optimizer.learning_rate=VALUE."),
        (["sweep", "quickstart", "--lr", "0.1,0.2"], "Write train.optimizer.learning_rate=VALUE."),
        (["search", "quickstart", "--batch_size", "8"], "Write train.batch=VALUE."),
        (["train", "--resume", "run", "--from", "other"], "--from: starts a new run, and --resume continues one."),
        (["train", "quickstart", "--except", "head"], "--except: names parts that are not taken from the run of --from."),
    ],
)  # fmt: skip
def test_an_option_that_is_a_key_says_so(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, err = ended(words, capsys)
    assert code == 2
    assert said in err
