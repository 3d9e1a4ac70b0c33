"""From YAML to a checked recipe: parents, defaults, every fault at once, and nothing imported on the way."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelwise.errors import RecipeError
from pixelwise.recipe.load import PARENTS, as_yaml, check_recipe, load_recipe, merge, read_tree
from pixelwise.recipe.shipped import find_recipe, shipped_recipes
from pixelwise.yaml_text import parse_text

LEAST = {
    "title": "T",
    "task": "segment",
    "data": {"dataset": "scenes"},
    "model": "unet",
    "train": {"phases": [{"epochs": 1}]},
}


def said(*overrides: str, recipe: str = "quickstart") -> list[str]:
    with pytest.raises(RecipeError) as refused:
        load_recipe(recipe, overrides)
    return [str(problem) for problem in refused.value.problems]


# -- shipped recipes, and what a run folder keeps of them ----------------------------------------------------------


def test_shipped_recipes_stand_in_the_order_of_their_numbers():
    names = [name for name in shipped_recipes() if name.startswith("cifar10_horses/batch/")]
    assert [name.rpartition("/")[2] for name in names] == ["32", "64", "128", "256", "512"]


@pytest.mark.parametrize("name", shipped_recipes())
def test_every_shipped_recipe_is_sound_and_its_resolved_text_reads_back_equal(name: str) -> None:
    recipe = load_recipe(name)
    assert check_recipe(parse_text(as_yaml(recipe), where=name)) == recipe
    assert as_yaml(check_recipe(parse_text(as_yaml(recipe), where=name))) == as_yaml(recipe)
    head = find_recipe(name).read_text(encoding="utf-8").splitlines()[:4]
    commands = [f"pixelwise {verb} {name}" for verb in ("train", "sweep")]
    assert any(command in line for command in commands for line in head), "the head of a recipe says its command"


traps = st.sampled_from(
    ["1e-3", "true", "no", "null", "~", "", "010", "2024-01-01", "a: b", "a\n\nb\n", " x ", "像素 – é", "'\"#"]
)
words = traps | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.floats(1e-12, 1e12)


@given(title=words, about=words, stated=words, value=numbers | words, rate=numbers, freeze=st.lists(words, max_size=3))
@settings(max_examples=100, deadline=None)
def test_the_resolved_text_reads_back_equal(
    title: str, about: str, stated: str, value: float | str, rate: float, freeze: list[str]
) -> None:
    tree: dict[str, Any] = {
        **LEAST,
        "title": title,
        "about": about,
        "stated": [{"what": stated, "value": value, "source": about}],
        "train": {"phases": [{"epochs": 3, "learning_rate": rate, "freeze": freeze}], "clip": rate},
    }
    recipe = check_recipe(tree)
    again = check_recipe(parse_text(as_yaml(recipe), where="again"))
    assert again == recipe
    assert type(again.stated[0].value) is type(recipe.stated[0].value)


def test_defaults_of_every_item_are_written_out() -> None:
    recipe = check_recipe(LEAST)
    assert recipe.model.options["width"] == 64
    assert recipe.train.optimizer.options["weight_decay"] is not None
    assert recipe.loss is not None
    assert recipe.train.best


# -- extends ---------------------------------------------------------------------------------------------------------


def write(folder: Path, **recipes: str) -> None:
    for name, text in recipes.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def test_a_chain_of_parents_with_relative_paths(tmp_path: Path) -> None:
    write(
        tmp_path,
        sub__child="extends: ../parent.yaml\ntitle: C\ntrain: {batch: 2}",
        parent="extends: base/grand.yaml\ntitle: P\nmodel: {width: 8}",
        base__grand="extends: quickstart\ntitle: G\nabout: old\ntrain: {batch: 4, clip: 1.0}",
    )
    recipe = load_recipe(str(tmp_path / "sub" / "child.yaml"))
    assert (recipe.title, recipe.about, recipe.stated) == ("C", "", ())
    assert (recipe.train.batch, recipe.train.clip) == (2, 1.0)
    assert (recipe.model.name, recipe.model.options["width"], recipe.model.options["depth"]) == ("unet", 8, 3)
    assert recipe.train.schedule.options["warmup"] == 0.5  # from quickstart


def test_what_a_recipe_says_of_itself_is_not_inherited(tmp_path: Path) -> None:
    write(tmp_path, child="extends: voc2007/basic_fcn\ngallery: 3")
    (problem,) = said(recipe=str(tmp_path / "child.yaml"))
    assert problem.endswith("child.yaml: title: is missing.")
    assert not {"about", "stated", "title", "extends"} & set(read_tree(tmp_path / "child.yaml"))


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        ({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}}, {"a": {"b": 1, "c": 3}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": {"b": 1}}, {"a": None}, {"a": None}),
        (
            {"m": {"name": "unet", "width": 8}},
            {"m": {"name": "unet", "depth": 2}},
            {"m": {"name": "unet", "width": 8, "depth": 2}},
        ),
        ({"m": {"name": "unet", "width": 8}}, {"m": {"name": "fcn", "depth": 2}}, {"m": {"name": "fcn", "depth": 2}}),
        ({"m": {"name": "unet", "width": 8}}, {"m": "fcn"}, {"m": {"name": "fcn"}}),
        ({"m": {"name": "unet", "width": 8}}, {"m": "unet"}, {"m": {"name": "unet", "width": 8}}),
        ({"m": "unet"}, {"m": {"width": 8}}, {"m": {"name": "unet", "width": 8}}),
        ({"m": "unet"}, {"m": {"name": "fcn", "width": 8}}, {"m": {"name": "fcn", "width": 8}}),
        ({"m": "unet"}, {"m": "fcn"}, {"m": "fcn"}),
    ],
)
def test_merging(before: dict[str, Any], change: dict[str, Any], after: dict[str, Any]) -> None:
    assert merge(before, change) == after


def test_a_circle_is_refused(tmp_path: Path) -> None:
    write(tmp_path, a="extends: b.yaml", b="extends: c.yaml", c="extends: a.yaml", own="extends: own.yaml")
    (problem,) = said(recipe=str(tmp_path / "a.yaml"))
    assert "extends itself in a circle: a.yaml → b.yaml → c.yaml → a.yaml" in problem
    assert "own.yaml → own.yaml" in said(recipe=str(tmp_path / "own.yaml"))[0]


def test_a_long_chain_of_parents_is_refused(tmp_path: Path) -> None:
    write(tmp_path, r0="extends: quickstart\ntitle: T", **{f"r{n}": f"extends: r{n - 1}.yaml" for n in range(1, 1500)})
    (problem,) = said(recipe=str(tmp_path / "r1499.yaml"))
    assert f"more than {PARENTS} parents" in problem


@pytest.mark.parametrize(
    ("extends", "what"),
    [
        ("quickstrat", "child.yaml: extends: recipe 'quickstrat' was not found.*Did you mean 'quickstart'"),
        ("gone.yaml", "child.yaml: extends: recipe 'gone.yaml' was not found"),
        ("[a, b]", r"child.yaml: extends: read \['a', 'b'\]; a recipe can extend one other recipe"),
        ("3", "read 3; a recipe can extend one other recipe"),
    ],
)
def test_a_parent_that_is_not_there(extends: str, what: str, tmp_path: Path) -> None:
    write(tmp_path, child=f"title: T\nextends: {extends}")
    with pytest.raises(RecipeError, match=what):
        load_recipe(str(tmp_path / "child.yaml"))


@pytest.mark.parametrize("name", ["", ".", "/", "a\0b", "x" * 5000, "gone.yaml"])
def test_a_recipe_that_is_not_there(name: str) -> None:
    (problem,) = said(recipe=name)
    assert "was not found" in problem
    assert len(problem) < 300


@pytest.mark.parametrize("length", [{"epochs": 8}, {"steps": 1125}])
def test_a_phase_is_written_down_with_the_length_that_it_was_given(length: dict[str, int]) -> None:
    recipe = load_recipe("quickstart", [f"train.phases=[{json.dumps(length)}]"])
    (phase,) = parse_text(as_yaml(recipe), "text")["train"]["phases"]
    assert {key: value for key, value in phase.items() if key in ("epochs", "steps")} == length
    assert check_recipe(parse_text(as_yaml(recipe), "text")) == recipe


# -- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("train.bach=8", "train.bach: unknown key; the keys here are: seed, batch, accumulate, phases"),
        ("foo.bar=1", "foo: unknown key; the keys here are: title, engine, about"),
        ("train.batch=abc", "train.batch: read 'abc', which is not a valid integer."),
        ("train.batch=1.5", "train.batch: read 1.5, which is not a valid integer."),
        ("train.batch=true", "train.batch: read true, which is not a valid integer."),
        ("train.batch='8'", "train.batch: read '8', which is not a valid integer."),
        ("train.batch=", "train.batch: read null, which is not a valid integer."),
        ("train.batch=0", "train.batch: read 0, but it must be greater than or equal to 1."),
        ("train.clip=0", "train.clip: read 0, but it must be greater than 0."),
        ("train.clip=true", "train.clip: read true, which is not a number."),
        ("train.phases=[]", "train.phases: read [], but it must have at least 1 element."),
        ("train.phases=3", "train.phases: read 3, which is not a list."),
        ("train.phases.0=3", "train.phases.0: read 3, which is not a map of keys. Its keys are: epochs,"),
        ("train.phases.0.epochs=two", "train.phases.0.epochs: read 'two', which is not a valid integer."),
        (
            "train.phases.0.steps=8",
            "which has two lengths: give `epochs` or `steps`, not both. On the command line",
        ),
        ("train.phases=[{freeze: []}]", "train.phases.0: read {'freeze': []}, which has no length"),
        ("train.phases=[{steps: 0}]", "train.phases.0.steps: read 0, but it must be greater than or equal to 1."),
        ("train.phases=[{steps: 2.5}]", "train.phases.0.steps: read 2.5, which is not a valid integer."),
        ("train.phases.0.freeze=encoder", "read 'encoder', which is not a list. Write [encoder]."),
        ("train.early_stopping=3", "train.early_stopping: read 3, which is not a map of keys. Its keys are: patience"),
        ("data.size=224", "data.size: read 224, which is not a list."),
        ("data.size=[224]", "data.size.1: is missing; the list has too few elements."),
        ("data.size=[1, 2, 3]", "data.size: read [1, 2, 3], but it must have at most 2 elements."),
        ("data.size=[224, a]", "data.size.1: read 'a', which is not a valid integer."),
        (
            "data.on_corrupt=skipp",
            "data.on_corrupt: read 'skipp', but it must be 'fail' or 'skip'. Did you mean 'skip'?",
        ),
        (
            "hardware.device=tpu",
            "hardware.device: read 'tpu', but it must be auto, cpu, cuda, or one GPU by its number",
        ),
        ("hardware.device=cuda:x", "hardware.device: read 'cuda:x', but it must be"),
        ("hardware.deterministic=1", "hardware.deterministic: read 1, which is neither true nor false."),
        ("model=uent", "model: unknown model 'uent';"),
        ("model=3", "model: read 3; a model is a name, or a map with its name and options."),
        ("model=null", "model: read null, which is not a map of keys. Write a name"),
        ("augment=flip", "augment: read 'flip', which is not a list. Write [flip]."),
        ("augment=null", "augment: read null, which is not a list. Write [] for none."),
        ("augment.0=flop", "augment.0: unknown augmentation 'flop';"),
        ("train.optimizer=[1]", "train.optimizer: read [1]; an optimizer is a name"),
        ("train.optimizer={lr: 1}", "train.optimizer: read {'lr': 1}; an optimizer is a name"),
        ("train.optimizer.learning_rat=1", "Did you mean 'learning_rate'?"),
        ("train.optimizer.learning_rate=fast", "read 'fast', which is not a number"),
        ("train.optimizer.learning_rate=true", "read true, which is not a number"),
        ("train.optimizer.betas=[true, 0.9]", "train.optimizer.betas: read [True, 0.9], in which true is not a number"),
        (
            "train.schedule={name: step, at: [1, false]}",
            "train.schedule.at: read [1, False], in which false is not a number",
        ),
        ("data.dataset={name: flowers17, fold: true}", "data.dataset.fold: read true, which is not a number"),
        ("augment=[{name: scale_crop, size: [true, 32]}]", "augment.0.size: read [True, 32], in which true is not a"),
        ("stated=[{what: a, value: true, source: b}]", "stated.0.value: read true, which is not a number"),
        ("train.phases.0.schedule=cosin", "train.phases.0.schedule: unknown schedule 'cosin';"),
        (
            "data.test=",
            "data.test: read null, which is not a text. For none write '', on the command line within other",
        ),
        ("title=", "title: read null, which is not a text."),
        ("title=3", "title: read 3, which is not a text."),
        (
            "stated=[{what: a, value: [1], source: b}]",
            "stated.0.value: read [1], which is not a number and which is not a text.",
        ),
        ("task=segmnt", "Did you mean 'segment'?"),
        ("metrics=[confusoin]", "Did you mean 'confusion'?"),
    ],
)
def test_one_fault_gives_one_sentence(override: str, expected: str) -> None:
    (problem,) = said(override)
    assert problem.startswith("quickstart: ")
    assert expected in problem
    for leaked in ("function-", "Input", "input should", "tagged-union", "dict", "None"):
        assert leaked not in problem


def test_every_fault_is_told_at_once() -> None:
    found = said(
        "train.bach=8", "model=uent", "data.size=[1, x]", "hardware.precision=fp8", "train.phases.0.epochs=-1", "x=1"
    )
    assert sorted(line.split(": ")[1] for line in found) == [
        "data.size.1",
        "hardware.precision",
        "model",
        "train.bach",
        "train.phases.0.epochs",
        "x",
    ]


# -- hostile text ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["os:system", "posix:system", "builtins:eval", "../x:y", "a b:c", ":x", ".x:y", "/etc/passwd:x", "os.path:"]
)
def test_a_name_that_is_no_builder_is_refused(name: str) -> None:
    with pytest.raises(RecipeError, match=r"was not found|has no function|is a name"):
        check_recipe({**LEAST, "model": name})


def test_a_builder_outside_the_house_is_read_and_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "my_pkg_of_nets"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('imported')")
    (package / "mod.py").write_text(
        "raise SystemExit('imported')\ndef net(in_channels, out_channels, *, width: int = 3):\n    'A net.'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    recipe = check_recipe({**LEAST, "model": {"name": "my_pkg_of_nets.mod:net"}})
    assert recipe.model.options == {"width": 3}
    with pytest.raises(RecipeError, match=r"model\.widht: .* Did you mean 'width'\?"):
        check_recipe({**LEAST, "model": {"name": "my_pkg_of_nets.mod:net", "widht": 4}})
    assert not any(name.startswith("my_pkg_of_nets") for name in sys.modules)


HOSTILE = """
import builtins, os, subprocess, sys
from pathlib import Path
import pixelwise.recipe.load as load
from pixelwise.errors import RecipeError
def no(*a, **k): raise SystemExit("something was run")
os.system = subprocess.Popen = builtins.eval = no
before = set(sys.modules)
for text in Path(sys.argv[1]).read_text().split("%%%"):
    path = Path(sys.argv[1]).with_name("one.yaml")
    path.write_text(text)
    try:
        load.load_recipe(str(path))
    except RecipeError:
        continue
    raise SystemExit(f"accepted: {text}")
print(sorted({name.split(".")[0] for name in set(sys.modules) - before} & {"this", "antigravity", "torch", "torchvision"}))
"""


def test_hostile_text_imports_and_runs_nothing(tmp_path: Path) -> None:
    rest = "title: T\ntask: segment\ndata: {dataset: scenes}\ntrain: {phases: [{epochs: 1}]}\n"
    texts = [
        "!!python/object/apply:os.system ['echo']",
        "a: !!python/module:this",
        "a: !!python/name:os.system",
        f"{rest}model: this:net",
        f"{rest}model: antigravity:open",
        f"{rest}model: {{name: 'os:system', command: ls}}",
        f"{rest}model: subprocess:Popen",
        f"{rest}model: 'builtins:eval'",
        f"{rest}model: unet\nextends: /etc/hostname",
        f"{rest}model: unet\n__class__: x",
        f"{rest}model: {{name: unet, __init__: x}}",
    ]
    (tmp_path / "texts").write_text("%%%".join(texts))
    done = subprocess.run(
        [sys.executable, "-c", HOSTILE, str(tmp_path / "texts")], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")
