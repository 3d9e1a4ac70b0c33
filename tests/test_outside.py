"""Code outside the package: nothing that a file names is imported without consent, and nothing lies in wait in a folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pixelwise import outside
from pixelwise.cli import app
from pixelwise.errors import RecipeError
from pixelwise.outside import WorkingFolder, allow, allow_typed, allowed, find_source, import_function, is_allowed
from pixelwise.recipe.load import check_allowed, check_recipe
from pixelwise.yaml_text import parse, render

SOURCE = str(Path(outside.__file__).parents[1])
EVIL = """
from pathlib import Path
from pixelwise.errors import RecipeError

Path({mark!r}).write_text(__name__)

def called():
    Path({mark!r}).write_text("called")
    raise RecipeError("it was called.")

def data(root, *, size: int = 3, of=None): called()
def net(inputs, outputs, *, width: int = 3): called()
def part(given): called()
"""
TREE: dict[str, Any] = {
    "title": "T",
    "task": "segment",
    "data": {"dataset": {"name": "scenes", "size": 32, "train": 2, "val": 2}},
    "model": {"name": "unet", "width": 2, "depth": 1},
    "loss": "cross_entropy",
    "metrics": ["confusion"],
    "train": {
        "batch": 2,
        "best": "mean_iou",
        "optimizer": {"name": "adamw", "learning_rate": 1e-3},
        "phases": [{"epochs": 1}],
    },
    "hardware": {"device": "cpu", "precision": "fp32", "threads": 1},
}
PLACES: dict[str, dict[str, Any]] = {  # where a recipe names a function → a change that names one there
    "task": {"task": "evil_code:part"},
    "data.dataset": {"data": {"dataset": "evil_code:data"}},
    "data.dataset.of": {"data": {"dataset": {"name": "first", "count": 2, "of": "evil_code:data"}}},
    "data.dataset.of.of": {
        "data": {"dataset": {"name": "first", "count": 2, "of": {"name": "first", "count": 2, "of": "evil_code:data"}}}
    },
    "augment.0": {"augment": ["evil_code:part"]},
    "model": {"model": "evil_code:net"},
    "loss": {"loss": "evil_code:part"},
    "loss.class": {"loss": {"class": "evil_code:part"}},
    "metrics.0": {"metrics": ["evil_code:part"]},
    "train.optimizer": {
        "train": {**TREE["train"], "optimizer": "evil_code:part", "phases": [{"epochs": 1, "learning_rate": 0.1}]}
    },
    "train.schedule": {"train": {**TREE["train"], "schedule": "evil_code:part"}},
    "train.phases.0.schedule": {"train": {**TREE["train"], "phases": [{"epochs": 1, "schedule": "evil_code:part"}]}},
    "train.phases.0.loss": {"train": {**TREE["train"], "phases": [{"epochs": 1, "loss": "evil_code:part"}]}},
}


@pytest.fixture
def mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that evil_code.py, in the working folder, writes to when it is imported or called."""
    folder = tmp_path / "folder"
    folder.mkdir()
    mark = tmp_path / "mark"
    (folder / "evil_code.py").write_text(EVIL.format(mark=str(mark)))
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, WorkingFolder])
    monkeypatch.delitem(sys.modules, "evil_code", raising=False)
    monkeypatch.setenv("PIXELWISE_DATA", str(tmp_path / "data"))
    return mark


def ended(*words: object) -> int:
    with pytest.raises(SystemExit) as end:
        app([str(word) for word in words])
    return int(end.value.code or 0)


def test_a_typed_function_that_gives_no_data_set_is_one_line(mark: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty_code.py").write_text("def data(root): return None\n")
    assert ended("data", "check", "empty_code:data") == 2
    error = capsys.readouterr().err
    assert error.startswith("error: empty_code:data: gave NoneType; it must be a pixelwise.data.base.Dataset.")
    assert error.count("\n") == 1


@pytest.mark.parametrize("place", PLACES)
def test_no_name_in_a_recipe_is_imported_without_consent(
    mark: Path, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("r.yaml").write_text(render({**TREE, **PLACES[place]}))
    assert ended("check", "r.yaml") == 0
    assert "if you trust that code, add --allow evil_code" in capsys.readouterr().out
    assert ended("train", "r.yaml", "--out", "run") == 2
    error = capsys.readouterr().err
    function = "data" if "dataset" in place else "net" if place == "model" else "part"
    assert error.count("\n") == 1
    assert error.startswith(
        f"error: r.yaml: {place}: read 'evil_code:{function}', which would import the module evil_code"
    )
    assert f"call its function {function};" in error
    assert error.rstrip().endswith("add --allow evil_code (in Python: allow=['evil_code']).")
    assert not mark.exists()
    assert not Path("run").exists()


@pytest.mark.parametrize("name", ["shutil:rmtree", "pixelwise.run.atomic:write_text", "posixpath:join"])
def test_neither_python_nor_pixelwise_lends_its_functions(name: str) -> None:
    """A shelf has its own builders; every other function needs consent, whichever package it is from."""
    said = f"read '{name}'.*{'allowed' if name.startswith('pixelwise') else 'a part of Python itself'}"
    with pytest.raises(RecipeError, match=said):
        check_allowed(check_recipe({**TREE, "data": {"dataset": name}}))
    from pixelwise.data import DATASETS

    with pytest.raises(RecipeError, match=said):
        DATASETS.build(name, Path())


def test_to_type_the_name_of_a_function_of_python_is_no_consent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data := tmp_path / "data").mkdir()
    for words in (["data", "check", "shutil:rmtree"], ["train", "quickstart", "data.dataset=shutil:rmtree"]):
        assert ended(*words, "--data", str(data)) == 2
        assert "a part of Python itself" in capsys.readouterr().err
        assert data.is_dir()
    assert ended("data", "check", "scenes", "--allow", "shutil") == 2
    assert "shutil is a part of Python itself" in capsys.readouterr().err


def test_a_shelf_s_own_builder_may_be_named_in_full() -> None:
    check_allowed(check_recipe({**TREE, "model": {"name": "pixelwise.models.unet:unet", "width": 2}}))


COMMANDS = {
    "train": ["train", "--resume", "RUN"],
    "evaluate": ["evaluate", "RUN"],
    "predict": ["predict", "RUN", "RUN/predictions", "--out", "out"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_no_name_in_a_run_is_imported_without_consent(
    mark: Path, command: str, tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    recipe = parse(run / "recipe.yaml")
    (run / "recipe.yaml").write_text(render({**recipe, "model": "evil_code:net"}))
    assert ended(*(word.replace("RUN", str(run)) for word in COMMANDS[command])) == 2
    assert "read 'evil_code:net', which would import" in capsys.readouterr().err
    assert not mark.exists()


def test_no_kind_of_prediction_in_a_run_is_imported_without_consent(
    mark: Path, tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor is it by what only reads runs, whatever is allowed."""
    shutil.copytree(tiny_run, tmp_path / "run")
    recipe = parse(tmp_path / "run" / "recipe.yaml")
    (tmp_path / "run" / "recipe.yaml").write_text(render({**recipe, "model": "evil_code:net"}))
    setup = tmp_path / "run" / "setup.json"
    setup.write_text(setup.read_text().replace('"kind": "class_map"', '"kind": "evil_code:part"'))
    for words in (["evaluate", tmp_path / "run"], ["predict", tmp_path / "run", tmp_path / "run" / "predictions"]):
        assert ended(*words) == 2
        assert "setup.json: kind: read 'evil_code:part'" in capsys.readouterr().err
    allow(["evil_code"])
    assert ended("report", tmp_path / "run") == 0
    assert ended("compare", tmp_path / "run") == 0
    assert not mark.exists()


def test_a_sweep_s_and_a_search_s_files_need_consent(mark: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("r.yaml").write_text(render({**TREE, **PLACES["model"]}))
    for words in (["sweep", "r.yaml", "train.seed=0,1"], ["search", "r.yaml", "train.seed=int(0,9)"]):
        assert ended(*words) == 2
        assert "r.yaml: model: read 'evil_code:net'" in capsys.readouterr().err
    from pixelwise.experiments.folder import Folder
    from pixelwise.experiments.settings import plan

    allow(["evil_code"])
    _, runs = plan("r.yaml", ["train.seed=0,1"])
    Folder(Path("sweep")).begin(runs, "r.yaml")
    os.environ[outside.ALLOW] = ""
    assert ended("sweep", "--resume", "sweep") == 2
    assert "model: read 'evil_code:net'" in capsys.readouterr().err
    assert not mark.exists()


@pytest.mark.parametrize(
    "words",
    [
        ["data.dataset=evil_code:data"],
        ["data.dataset={name: 'evil_code:data', size: 4}"],
        ["data={dataset: evil_code:data}"],
        ["--allow", "evil_code"],
    ],
)
def test_a_typed_name_and_allow_are_consent(mark: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    Path("r.yaml").write_text(render({**TREE, **(PLACES["data.dataset"] if words[0] == "--allow" else {})}))
    assert ended("train", "r.yaml", "--out", "run", *words) == 2
    assert mark.read_text() == "called"
    assert capsys.readouterr().err.endswith("error: it was called.\n")
    assert allowed() == ("evil_code",)


def test_several_names_are_refused_at_once_and_one_option_allows_them_all(mark: Path) -> None:
    recipe = check_recipe({**TREE, "data": {"dataset": "evil_code:data"}, "loss": "evil_code:part"})
    with pytest.raises(RecipeError) as refused:
        check_allowed(recipe, "r.yaml")
    first, second = refused.value.problems
    assert (first.where, first.hint, second.where) == ("r.yaml: data.dataset", "", "r.yaml: loss")
    assert second.hint == "If you trust it, add --allow evil_code (in Python: allow=['evil_code'])."


def test_what_is_tried_on_this_machine_takes_no_module_of_the_working_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    from pixelwise.engine.hardware import trial

    asked: list[list[str]] = []

    def run(words: list[str], **how: object) -> subprocess.CompletedProcess[str]:
        asked.append(words)
        return subprocess.CompletedProcess(words, 0, "1.0", "")

    monkeypatch.setattr(trial.subprocess, "run", run)
    trial.try_bf16(1)
    assert "-P" in asked[0]


def test_processes_of_a_sweep_have_the_consent() -> None:
    from pixelwise.experiments.runner import _environment

    allow(["my_nets", "my_losses"])
    assert _environment(1)["PIXELWISE_ALLOW"] == "my_nets,my_losses"


def test_which_names_are_consent() -> None:
    allow(["my_nets, my_package.nets", "my_nets"])
    assert allowed() == ("my_nets", "my_package.nets")
    assert is_allowed("my_nets.deep.down")
    assert not is_allowed("my_netsuke")
    assert not is_allowed("my_package")
    assert outside.again() == " --allow my_nets --allow my_package.nets"
    for wrong in ("*", "my nets", "../x", "", ".", "my_nets.py"):
        with pytest.raises(RecipeError, match="write a module as in Python's import"):
            allow([wrong])
    os.environ[outside.ALLOW] = ""
    words = ["model=a.b:net", "augment=[c:flip, {name: d:turn}]", "model=choice(unet,e:net)", "model=unet,f:net"]
    allow_typed([*words, "title='see https://h.x:80/y'", "hardware.device=cuda:1", "data.path=/x/y:z", "train.seed=0"])
    assert allowed() == ("a.b", "c", "d", "e", "f")


def test_only_allowed_modules_are_found_in_the_working_folder(mark: Path) -> None:
    Path("yaml.py").write_text("raise SystemExit('imported')")
    Path("layers_of_mine.py").write_text("")
    Path("nets_of_mine.py").write_text("import layers_of_mine\ndef net(): ...")
    assert WorkingFolder.find_spec("evil_code") is None
    allow(["evil_code", "nets_of_mine"])
    assert WorkingFolder.find_spec("evil_code") is not None
    assert WorkingFolder.find_spec("layers_of_mine") is None
    assert find_source("yaml") != Path("yaml.py").absolute()  # what is installed goes first
    with pytest.raises(RecipeError, match=r"imports layers_of_mine, .*add --allow layers_of_mine too"):
        import_function("nets_of_mine:net")
    allow(["layers_of_mine"])
    assert callable(import_function("nets_of_mine:net"))


def test_namespaces_within_each_other_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "space_one" / "two").mkdir(parents=True)
    (tmp_path / "space_one" / "two" / "nets.py").write_text("def net(i, o): ...")
    monkeypatch.chdir(tmp_path)
    assert find_source("space_one.two.nets") == tmp_path / "space_one" / "two" / "nets.py"
    assert not [name for name in sys.modules if name.startswith("space_one")]


STUBS = """yaml torch torchvision optuna numpy typer click rich PIL pydantic matplotlib jinja2 filelock scipy skimage
safetensors json pathlib typing logging tarfile dataclasses ast re gc tempfile subprocess shutil csv random evil_code"""


@pytest.mark.parametrize("how", ["module", "script"])
def test_no_module_of_the_working_folder_takes_the_place_of_another(tiny_run: Path, tmp_path: Path, how: str) -> None:
    """`pixelwise report .` in a run folder that came with modules and with settings of Matplotlib.

    The script has an empty entry in its PYTHONPATH too, e.g. of PYTHONPATH=dir:$PYTHONPATH. It means the working folder.
    """
    run, mark, script = tmp_path / "run", tmp_path / "mark", tmp_path / "bin" / "pixelwise"
    shutil.copytree(tiny_run, run)
    for name in STUBS.split():
        if how == "module" or name not in sys.stdlib_module_names:  # Python itself would import some of these
            (run / f"{name}.py").write_text(f"open({str(mark)!r}, 'a').write('{name} ')")
    (run / "matplotlibrc").write_text("text.usetex: True\n")  # would run LaTeX
    script.parent.mkdir()
    script.write_text("import sys\nfrom pixelwise.__main__ import main\nsys.exit(main())\n")
    path, words = (SOURCE, ["-m", "pixelwise"]) if how == "module" else (f"{SOURCE}{os.pathsep}", [str(script)])
    done = subprocess.run(
        [sys.executable, *words, "report", "."],
        cwd=run, env={**os.environ, "PYTHONPATH": path, "PIXELWISE_ALLOW": "evil_code"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not mark.exists(), mark.read_text()


PROBE = """
import subprocess, sys
import pixelwise.__main__
code = "import sys; print([p for p in sys.path if p == '' or p == sys.argv[1]])"
print([p for p in sys.path if p in ("", sys.argv[1])])
print(subprocess.run([sys.executable, "-c", code, sys.argv[1]], capture_output=True, text=True).stdout.strip())
import importlib
importlib.import_module("layers_of_mine")
"""


def test_processes_that_are_started_have_the_same_path(tmp_path: Path) -> None:
    (tmp_path / "layers_of_mine.py").write_text("print('found')")
    variables = {
        **os.environ,
        "PIXELWISE_ALLOW": "layers_of_mine",
        "PYTHONPATH": f"{SOURCE}{os.pathsep}",  # its empty entry means the working folder
    }
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(tmp_path)],
        cwd=tmp_path,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split("\n")[:3] == ["[]", "[]", "found"], done.stderr
