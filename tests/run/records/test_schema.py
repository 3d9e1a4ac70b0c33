"""Each file of a run has a schema: wrong types, wrong values and what disagrees is refused in one line that says where."""

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pixelwise.errors import RunError
from pixelwise.run.folder import SCHEMAS, RunFolder, read_part

ROOT = Path(__file__).parents[2]
OLD = ROOT / "safety" / "runs-0.1"
EXPERIMENTS = ROOT / "experiments" / "folders-0.1"


def changed(tree: Any, path: str, value: Any) -> Any:
    tree = copy.deepcopy(tree)
    *parts, last = path.split(".")
    holder = tree
    for part in parts:
        holder = holder[int(part)] if isinstance(holder, list) else holder[part]
    holder[int(last) if isinstance(holder, list) else last] = value
    return tree


@pytest.mark.parametrize("name", ["segment", "labels", "colours", "scratch"])
def test_every_record_of_version_0_1_is_sound(name: str) -> None:
    run = RunFolder.open(OLD / name)
    for record in ("setup", "environment", "summary", "predictions/index"):
        assert run.read(record)
    assert len(run.events()) > 5


def test_every_record_of_an_experiment_is_sound() -> None:
    for folder, name in (("sweep", "sweep"), ("search", "search"), ("search", "trials")):
        assert name in SCHEMAS
        assert read_part(EXPERIMENTS / folder, name)


WRONG: tuple[tuple[str, str, Any, str], ...] = (  # file, path, value → what is said
    ("setup", "data.classes", "ground", "data.classes: read 'ground', which is not a list"),
    ("setup", "data.classes", ["a", 3], "data.classes.1: read 3, which is not a text"),
    ("setup", "data.classes", ["a"], "data: read {"),
    ("setup", "data.classes.0", "x" * 100_000, "data.classes.0: read 'xxx"),
    ("setup", "data.colours.0", [0, 0, 256], "data.colours.0.2: read 256, but it must be less than or equal to 255"),
    ("setup", "data.size", [0, 32], "data.size.0: read 0, but it must be greater than or equal to 1"),
    ("setup", "data.size", [2**19, 2**19], "which has pictures of more than 100,000,000 pixels"),
    ("setup", "data.void", -1, "data.void: read -1"),
    ("setup", "data.splits.val.pictures", -4, "data.splits.val.pictures: read -4"),
    ("setup", "counts.0", 1.5, "counts"),
    ("setup", "counts", [3, 4], "classes and 2 counts"),
    ("setup", "weights", [1.0, None], "weights.1: read null, which is not a number"),
    ("setup", "choices.threads", 10**9, "choices.threads: read 1000000000"),
    ("setup", "choices.device", "tpu", "choices.device: read 'tpu'"),
    ("setup", "choices.precision", "fp8", "choices.precision: read 'fp8', but it must be 'fp32' or 'bf16'"),
    ("setup", "model.parameters", "many", "model.parameters: read 'many', which is not a valid integer"),
    ("setup", "model.layers.0", None, "model.layers.0: read null"),
    ("setup", "recipe.train.seed", -1, "recipe.train.seed: read -1"),
    ("setup", "recipe.train.phases", 3, "recipe.train.phases: read 3, which is not a list"),
    ("environment", "packages", [], "packages: read [], which is not a map of keys"),
    ("environment", "memory_gib", "much", "memory_gib: read 'much', which is not a number"),
    ("summary", "steps", -1, "steps: read -1, but it must be greater than or equal to 0"),
    ("summary", "seconds.train", -1.0, "seconds.train: read -1.0"),
    ("summary", "best.epoch", True, "best.epoch: read true, which is not a valid integer"),
    ("summary", "splits.val.metrics.0.scores.0.value", "0.5", "value: read '0.5', which is not a number"),
    ("summary", "splits.val.metrics.0.scores.0.value", 1e300, "value: read 1e+300"),
    ("summary", "splits.val.metrics.0.scores.0.support", 2**63 - 1, "support: read 9223372036854775807"),
    ("summary", "splits.val.metrics.0.per_class.0.iou", "high", "per_class.0.iou: read 'high'"),
    ("summary", "splits.val.metrics.0.figures.matrix.0", [1, 2], "does not have one row and one column for each of 7"),
    ("summary", "splits.val.metrics.0.constant_guess", {}, "constant_guess.class: is missing, and 1 more problem"),
    ("predictions/index", "pictures.0.files.image", "../../secret.png", "files.image: read '../../secret.png'"),
    ("predictions/index", "pictures.0.files.image", "..", "files.image: read '..'"),
    ("predictions/index", "pictures.0.files.image", "a\nb.png", "files.image: read 'a\\nb.png'"),
    ("predictions/index", "pictures.0.score", [], "pictures.0.score: read []"),
    ("predictions/index", "pictures", {}, "pictures: read {}, which is not a list"),
)


@pytest.mark.parametrize(("name", "path", "value", "words"), WRONG, ids=lambda value: str(value)[:30])
def test_a_wrong_value_is_refused_in_one_line(name: str, path: str, value: Any, words: str, tmp_path: Path) -> None:
    run = RunFolder(shutil.copytree(OLD / "segment", tmp_path / "run"))
    file = run.path / f"{name}.json"
    file.write_text(json.dumps(changed(json.loads(file.read_text()), path, value)))
    with pytest.raises(RunError) as refused:
        run.read(name)
    said = str(refused.value)
    assert said.startswith(f"{file}: ")
    assert words in said
    assert said.endswith("It may have been changed by hand, or written by another version.")
    assert "\n" not in said
    assert len(said) < 500


EVENTS = (
    ('{"event": "epoch", "epoch": -1, "step": 2}', "epoch: read -1"),
    ('{"event": "epoch", "epoch": 1, "step": 2, "scores": {"a": "b"}}', "scores.a: read 'b'"),
    ('{"event": "started", "step": 0, "epoch": 0, "epochs": 2, "steps_per_epoch": 0}', "steps_per_epoch: read 0"),
    (
        '{"event": "started", "step": 0, "epoch": 0, "epochs": 1, "steps_per_epoch": 1, "phases": [4000000000]}',
        "1,000,000",
    ),
    ('{"event": "started", "step": 0, "epoch": 0, "epochs": 2000000, "steps_per_epoch": 1}', "epochs: read 2000000"),
    ('{"event": "step", "step": 1, "epoch": 1}', "losses: is missing"),
    ('{"event": "saved", "which": "worst"}', "which: read 'worst', but it must be 'last' or 'best'"),
    ('{"event": 3}', "event: read 3, which is not a text"),
    ('{"event": "note", "text": NaN}', "NaN is not a number of JSON"),
    ('{"step": 1}', "is not an event"),
    ("[]", "is not an event"),
    ("", "is not a readable JSON file"),
)


@pytest.mark.parametrize(("line", "words"), EVENTS)
def test_a_wrong_event_is_refused_with_its_line(line: str, words: str, tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", "title: T\n")
    run.events_file.write_text(f'{{"event": "note", "text": "fine"}}\n{line}\n')
    with pytest.raises(RunError) as refused:
        run.events()
    assert str(refused.value).startswith(f"{run.events_file}, line 2: ")
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_events_and_keys_of_a_later_version_are_left_alone(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", "title: T\n")
    run.events_file.write_text('{"event": "danced", "partners": 2}\n{"event": "note", "text": "a", "since": 3}\n')
    assert [event["event"] for event in run.events()] == ["danced", "note"]
    run.write("setup", {"unheard": {"of": [1]}})
    assert run.read("setup") == {"unheard": {"of": [1]}}


def test_names_of_files_that_are_not_utf8(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", "title: T\n")
    gallery = {"pictures": [{"name": "caf\udce9", "score": 0.5}]}
    run.write("predictions/index", gallery)
    assert run.read("predictions/index") == gallery
    run.write("predictions/index", {"pictures": [{"name": "caf\udce9", "score": "high"}]})
    with pytest.raises(RunError, match=r"pictures\.0\.score: read 'high'"):
        run.read("predictions/index")


SWEEP = {"format": 1, "recipe": "quickstart", "factors": [{"path": "train.seed", "values": ["0"]}]}
RUN = {"name": "seed=0", "values": {"train.seed": "0"}, "state": "done"}


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ({**RUN, "name": "../../elsewhere"}, "runs.0.name: read '../../elsewhere'"),
        ({**RUN, "name": "/etc"}, "runs.0.name: read '/etc'"),
        ({**RUN, "name": ".."}, "runs.0.name: read '..'"),
        ({**RUN, "state": "dancing"}, "runs.0.state: read 'dancing'"),
        ({**RUN, "seconds": -1}, "runs.0.seconds: read -1"),
        ({**RUN, "values": {}}, "in which a run lacks the value of a factor"),
    ],
)
def test_a_plan_with_wrong_runs(run: Any, words: str, tmp_path: Path) -> None:
    (tmp_path / "sweep.json").write_text(json.dumps({**SWEEP, "runs": [run]}))
    with pytest.raises(RunError, match="sweep") as refused:
        read_part(tmp_path, "sweep")
    assert words in str(refused.value)
    (tmp_path / "sweep.json").write_text(json.dumps({**SWEEP, "runs": [RUN, RUN]}))
    with pytest.raises(RunError, match="which names a run twice"):
        read_part(tmp_path, "sweep")
