"""Plans, recipes and pages made for drawn folders. Nothing is trained."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pixelwise.data.checks.survey import Facts, Survey
from pixelwise.errors import RecipeError
from pixelwise.recipe.load import load_recipe
from pixelwise.start.files import write_page, write_recipe
from pixelwise.start.plan import Plan, choose_batch, choose_fit, choose_size, make_plan
from pixelwise.start.recipe_text import recipe_text
from pixelwise.start.recognise import Found, Kind
from pixelwise.start.trial import Estimate, _forget_peak, parse_budget, peak_memory, total_seconds, within
from pixelwise.types import DatasetInfo

DATASETS = {"masks": "folder", "objects": "folder", "classes": "labelled", "pictures": "pictures"}


OBJECTS = {"objects": {"kind": "instances"}}
CASES: list[tuple[Kind, tuple[int, ...]]] = [
    ("masks", (900, 100)), ("masks", (500, 400, 9)), ("objects", (900, 100)), ("classes", (60, 15, 5)), ("pictures", (1,)),
]  # fmt: skip


def seen(kind: Kind, counts: tuple[int, ...]) -> Survey:
    """Eighty pictures of 300×400 whose masks have so many pixels of each class, or as many pictures of each class."""
    knows = {"masks": {"mask"}, "objects": {"mask", "objects"}, "classes": {"label"}, "pictures": set[str]()}[kind]
    names = tuple(f"c{number}" for number in range(len(counts)))
    info = DatasetInfo("pets", names, ((0, 0, 0),) * len(names), frozenset(knows))
    labels = np.repeat(range(len(counts)), counts).tolist() if kind == "classes" else [None] * 80
    values = dict(enumerate(counts)) if kind in ("masks", "objects") else None
    facts = [Facts("train", str(at), None, (), (300, 400), values, {}, label) for at, label in enumerate(labels)]
    return Survey(info, ("train",), tuple(facts))


@pytest.fixture
def no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights are there, without looking for them."""
    monkeypatch.setattr("pixelwise.start.plan._with_weights", lambda plan, root: plan)


def plan_of(kind: Kind, counts: tuple[int, ...], *changes: str) -> Plan:
    found = Found(
        Path("pets"),
        kind,
        {"name": DATASETS[kind], "path": "pets", **OBJECTS.get(kind, {})},
        ["Said."],
        {"data.dataset.val=0.3": "more"},
    )
    return make_plan(found, seen(kind, counts), root=None, changes=changes)


@pytest.mark.usefixtures("no_weights")
@pytest.mark.parametrize(("kind", "counts"), CASES)
def test_the_written_recipe_is_sound_and_says_what_the_plan_says(
    tmp_path: Path, kind: Kind, counts: tuple[int, ...]
) -> None:
    plan = plan_of(kind, counts)
    text = recipe_text(plan, "It takes 8 minutes.", "recipe.yaml")
    file = tmp_path / "recipe.yaml"
    file.write_text(text, encoding="utf-8")
    recipe = load_recipe(str(file))
    assert recipe == plan.recipe()
    assert all(line in text for line in ("# Said.", "# It takes 8 minutes.", "#   data.dataset.val=0.3  more"))
    assert max(map(len, text.splitlines())) <= 112


@pytest.mark.usefixtures("no_weights")
def test_what_is_chosen() -> None:
    two = plan_of("masks", (900, 100)).recipe()
    assert (two.train.best, two.data.size, two.train.batch) == ("foreground_iou", (256, 320), 8)
    assert [phase.freeze for phase in two.train.phases] == [("encoder",), ()]
    assert two.train.phases[1].freeze_statistics == ("encoder",)
    rare = plan_of("masks", (5000, 400, 9)).recipe()
    assert rare.losses_of(["class"])["class"].options["weights"] == "rarity"
    assert plan_of("classes", (60, 15, 5)).recipe().train.best == "balanced_accuracy"
    objects = plan_of("objects", (900, 100)).recipe()
    assert (objects.task.name, objects.loss.keys()) == ("separate", {"inside", "distance"})


@pytest.mark.usefixtures("no_weights")
def test_the_rest_of_a_plan_follows_what_is_typed() -> None:
    typed = plan_of("masks", (900, 100), "train.batch=3", "data.size=[64, 96]").recipe()
    assert (typed.train.batch, typed.data.size) == (3, (64, 96))
    assert typed.augment[1].options["size"] == [64, 96]
    assert sum(phase.epochs or 0 for phase in typed.train.phases) == 26  # 700 updates of 3 of the 80 pictures
    for word in ("model=unet", "model.name=unet"):  # no encoder that is frozen first
        other = plan_of("masks", (900, 100), word).recipe()
        assert (other.model.name, len(other.train.phases)) == ("unet", 1)
    small = plan_of("masks", (900, 100)).smaller(0.5)
    assert small.recipe().data.size == (160, 224)


def test_from_scratch_says_what_it_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(recipe: object, root: object) -> None:
        raise RecipeError("are not here.", where="model.weights", hint="Install a package.")

    monkeypatch.setattr("pixelwise.engine.pretrained.find_weights", absent)
    plan = plan_of("masks", (900, 100))
    assert plan.recipe().model.name == "shared_pyramid"
    assert len(plan.recipe().train.phases) == 1
    assert "costs much of the score" in plan.found.said[-1]
    assert "Install a package" in plan.found.said[-1]


def test_sizes_and_batches() -> None:
    assert choose_size("masks", np.array([(480, 640)]))[0] == (256, 320)
    assert choose_size("masks", np.array([(640, 480)]))[0] == (320, 256)
    assert choose_size("classes", np.array([(64, 64)] * 3))[0] == (64, 64)
    assert choose_batch((224, 224), 400, None)[0] == 16
    assert choose_batch((256, 320), 400, 1 << 30)[0] == 1  # half of a GiB
    assert choose_batch((256, 320), 10, None)[0] == 2
    assert [choose_batch((32, 32), train, None)[0] for train in (5, 17, 33, 400, 401)] == [3, 3, 3, 16, 15]
    assert choose_fit(np.array([(3, 4)] * 9 + [(4, 3)]))[0] == "squash"
    assert choose_fit(np.array([(3, 4)] * 6 + [(4, 3)] * 4))[0] == "letterbox"


@pytest.mark.usefixtures("no_weights")
def test_a_budget_shortens_the_plan() -> None:
    plan = plan_of("masks", (900, 100))
    shorter, estimate = within(plan, Estimate(9e9, (10.0, 30.0), None), 200.0)
    assert total_seconds(shorter, (10.0, 30.0)) == estimate.seconds <= 200
    assert total_seconds(shorter.as_long_as(shorter.total + 1), (10.0, 30.0)) > 200
    assert shorter.recipe().train.phases[0].epochs == shorter.frozen
    assert within(plan, estimate, 200.0, fewest=8)[0].total == 8
    typed = plan_of("masks", (900, 100), "train.phases.1.epochs=50")  # the time is that of what is trained
    assert total_seconds(typed, (10.0, 30.0)) == 20 + 10 * typed.frozen + 1500


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("8m", 480), ("8", 480), ("1.5h", 5400), ("2 min", 120)])
def test_budgets(text: str, seconds: float) -> None:
    assert parse_budget(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-3m", "soon", "8 days"])
def test_budgets_that_are_refused(text: str) -> None:
    with pytest.raises(RecipeError, match="90s, 8m or 1h"):
        parse_budget(text)


def test_files_of_somebody_else_are_never_replaced(tmp_path: Path) -> None:
    def say(word: str) -> Callable[[str], str]:
        return lambda file: f"{word} {Path(file).name}"

    first = write_recipe(tmp_path, say("a"))
    assert write_recipe(tmp_path, say("a")) == first
    assert write_recipe(tmp_path, say("b")).name == "recipe-2.yaml"
    (tmp_path / "x-report.html").write_text("mine", encoding="utf-8")
    page = write_page(tmp_path / "x-report.html", '<p class="kicker">pixelwise start</p>')
    assert page.name == "x-report-2.html"
    assert write_page(tmp_path / "x-report.html", '<p class="kicker">pixelwise start</p>') == page
    assert (tmp_path / "x-report.html").read_text(encoding="utf-8") == "mine"


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the system does not count memory anew")
def test_the_memory_of_an_earlier_trial_is_not_that_of_a_later_one() -> None:
    block = np.ones(200 << 20, np.uint8)
    before = peak_memory()
    assert before is not None
    assert before > block.nbytes
    del block
    _forget_peak()
    assert (peak_memory() or 0) < before - (150 << 20)
