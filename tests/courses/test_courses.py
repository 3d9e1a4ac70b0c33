"""The courses: declarations, the map made from them, the plan, and the page. Nothing is trained."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from collect import MAP, RESULTS, packaged

from command_line import run_command, said
from command_words import parse
from pixelwise.courses.course import COURSES, Course, load_course
from pixelwise.courses.earlier import earlier_runs
from pixelwise.courses.evidence import rows, sources
from pixelwise.courses.explain import anchors, explaining, slug, write_pages
from pixelwise.courses.handbook import handbook
from pixelwise.courses.page import build_course_page
from pixelwise.courses.plan import needed, quick_cut
from pixelwise.courses.recorded import FILE, compact, recorded_results
from pixelwise.errors import RecipeError
from pixelwise.experiments.folder import Folder
from pixelwise.recipe.load import load_recipe
from pixelwise.run.folder import RunFolder

IMAGE = re.compile(r"!\[[^\]]*\]\(([^)]+)\)")
DOCS = Path(__file__).resolve().parents[2] / "docs"
EVERY = [(name, load_course(name)) for name in COURSES]
COMMANDS_SHOWN = sorted(
    {command for _, one in EVERY for question in one.questions for command in question.all_commands}
)


@pytest.mark.parametrize("command", COMMANDS_SHOWN)
def test_every_command_of_a_course_parses(command: str) -> None:
    parse(command)


def test_every_command_on_the_map_parses() -> None:
    lines = re.findall(r"^    (pixelwise .*?)(?: +# .*)?$", MAP.read_text(encoding="utf-8"), flags=re.M)
    assert len(lines) > len(COMMANDS_SHOWN)
    for command in {line for line in lines if line not in COMMANDS_SHOWN}:
        parse(command)


def test_the_map_is_made_from_the_declarations() -> None:
    assert MAP.read_text(encoding="utf-8") == handbook(), "run `python results/collect.py`"


def test_the_packaged_results_are_those_of_the_project() -> None:
    assert FILE.read_text(encoding="utf-8") == packaged(), "run `python results/collect.py`"
    one = json.loads((RESULTS / "voc2007" / "unet.json").read_text(encoding="utf-8"))
    key = one["chosen_by"]
    assert recorded_results()["voc2007/unet"]["scores"]["val"][key] == pytest.approx(
        one["scores"]["val"][key]["values"], abs=1e-6
    )


@pytest.mark.parametrize(("name", "course"), EVERY, ids=COURSES)
def test_every_question_is_explained_by_a_page_that_is_there(name: str, course: Course) -> None:
    numbers = [question.number for question in course.questions]
    assert len(set(numbers)) == len(numbers)
    for question in course.questions:
        page, _, anchor = question.why.partition("#")
        assert (DOCS / page).is_file(), question.why
        assert not anchor or anchor in anchors((DOCS / page).read_text(encoding="utf-8")), question.why
    assert set(course.long) <= set(course.recipes)
    for recipe in course.recipes:
        load_recipe(recipe)


@pytest.mark.parametrize(("name", "course"), EVERY, ids=COURSES)
def test_every_recipe_has_a_quick_cut_that_differs_in_pictures_and_length_only(name: str, course: Course) -> None:
    for recipe in map(load_recipe, course.recipes):
        cut = quick_cut(recipe)
        assert (cut.model, cut.loss, cut.task, cut.metrics) == (recipe.model, recipe.loss, recipe.task, recipe.metrics)
        assert all(phase.steps is not None and phase.steps <= 4 for phase in cut.train.phases)
        assert len(cut.train.phases) == len(recipe.train.phases)


def test_a_declaration_with_an_unknown_key_or_name_is_refused() -> None:
    with pytest.raises(RecipeError, match="unknown course 'flower17'"):
        load_course("flower17")
    with pytest.raises(ValueError, match="answr"):
        Course.model_validate({"title": "", "source": "", "about": "", "questions": [{"number": "1", "answr": ""}]})


def course_of(recipe: str, **more: Any) -> Course:
    return Course.model_validate(
        {
            "title": "A <course>",
            "source": "S",
            "about": "A.",
            "split": "val",
            "scores": ["mean_iou[void=ignore,classes=truth_or_prediction]"],
            "files": {"relu.txt": "W1: 1\nb1: 0\nat: 1\n"},
            "questions": [
                {
                    "number": "1",
                    "asks": "What?",
                    "recipes": [recipe],
                    "shows": ["curves", "pictures"],
                    "why": "scores.md",
                },
                {
                    "number": "2",
                    "asks": "How?",
                    "commands": ["pixelwise arithmetic shapes course-cnn", "pixelwise report runs/quickstart"],
                    "why": "runs.md",
                },
            ],
            **more,
        }
    )


def pretend(run: RunFolder, recipe: str, seed: int) -> RunFolder:
    """A fabricated run with the recipe of a shipped one."""
    setup = run.read("setup")
    setup["recipe"] = load_recipe(recipe).model_dump(mode="json")
    setup["recipe"]["train"]["seed"] = seed
    run.write("setup", setup)
    return run


def test_earlier_runs_of_the_same_recipe_are_used_and_others_are_not(
    fabricate: Callable[..., RunFolder], tmp_path: Path
) -> None:
    course = course_of("quickstart")
    pretend(fabricate("runs/a"), "quickstart", 0)
    pretend(fabricate("runs/deep/er/b"), "quickstart", 7)
    pretend(fabricate("runs/other"), "scenes/colourize", 0)
    pretend(fabricate("runs/begun", finished=False), "quickstart", 1)
    found = earlier_runs(course, tmp_path / "runs").found
    assert {name: [run.path.name for run in runs] for name, runs in found.items()} == {"quickstart": ["a", "b"]}
    (need,) = needed(course, Folder(tmp_path / "course", "course"), found=found)
    assert not need.is_trained


def test_a_run_that_does_not_count_is_named_with_the_reason(
    fabricate: Callable[..., RunFolder], tmp_path: Path
) -> None:
    course = course_of("quickstart")
    other = pretend(fabricate("runs/mine"), "quickstart", 0)  # by its title
    setup = other.read("setup")
    setup["recipe"]["train"]["batch"] = 3
    setup["recipe"]["metrics"].append({"name": "confusion", "void": "background"})
    other.write("setup", setup)
    pretend(fabricate("runs/quickstart-s1", finished=False), "quickstart", 1)  # by its folder's name
    damaged = fabricate("runs/deep/quickstart")
    damaged.write("setup", {**damaged.read("setup"), "recipe": {"model": {"name": "gone"}}})
    batch = load_recipe("quickstart").train.batch
    told = {one.runs[0].name: one.why for one in earlier_runs(course, tmp_path / "runs").unused}
    assert (
        told["mine"]
        == f"the recipe differs from the shipped one (metrics.confusion 2 is no longer in it; train.batch 3, now {batch})."
    )
    assert "is not finished" in told["quickstart-s1"]
    assert told["quickstart"].startswith("the recipe cannot be read by this version (")
    pretend(fabricate("runs/good"), "quickstart", 4)
    assert not earlier_runs(course, tmp_path / "runs").unused  # there is a run that counts
    folder = Folder(tmp_path / "course", "course")
    unused = earlier_runs(course, tmp_path / "runs" / "deep").unused
    page = build_course_page(course, folder, needed(course, folder), {}, unused=unused).read_text(encoding="utf-8")
    assert "Runs that were found and do not count" in page


def test_the_page_has_measured_numbers_reports_and_pictures(
    fabricate: Callable[..., RunFolder], tmp_path: Path
) -> None:
    course, folder = course_of("quickstart"), Folder(tmp_path / "course", "course")
    run = pretend(fabricate("runs/a"), "quickstart", 0)
    needs = needed(course, folder, found=earlier_runs(course, tmp_path / "runs").found)
    page = build_course_page(course, folder, needs, {}).read_text(encoding="utf-8")
    (row,) = rows(course, course.questions[0], sources(needs, folder, {}), {})
    value = run.read("summary")["splits"]["val"]["metrics"][0]["scores"][0]["value"]
    assert f"{value:.4f}" in row.cells[2]
    assert f'data-label="measured">{row.cells[2]}</td>' in page  # on a phone each value has its heading
    assert "A &lt;course&gt;" in page
    assert 'href="../runs/a/report.html"' in page
    assert f"pixelwise report {run.path}" in page
    assert "data:image/" in page
    assert "1×11×11" in page  # what the arithmetic command prints
    assert not re.search(r'(?:src|href)="https?:', page)
    for target in re.findall(r'href="(pages/[^"#]+)', page):
        assert (folder.path / target).is_file()


def test_code_in_a_trap_is_code_and_recipes_without_numbers_have_no_table(tmp_path: Path) -> None:
    asked = {"number": "1", "asks": "?", "recipes": ["quickstart"], "why": "runs.md", "trap": "Use `freeze` <here>."}
    course, folder = course_of("quickstart", questions=[asked]), Folder(tmp_path / "course", "course")
    page = build_course_page(course, folder, needed(course, folder), {}).read_text(encoding="utf-8")
    assert "Use <code>freeze</code> &lt;here&gt;." in page
    assert "<table" not in page
    assert "quickstart: not trained yet" in page


def test_commands_are_shown_of_a_course_without_files(tmp_path: Path) -> None:
    course, folder = course_of("quickstart", files={}), Folder(tmp_path / "course", "course")
    assert "1×11×11" in build_course_page(course, folder, needed(course, folder), {}).read_text(encoding="utf-8")


def test_results_stand_in_and_are_shown_as_such(tmp_path: Path) -> None:
    folder, results = Folder(tmp_path / "course", "course"), recorded_results()
    course = course_of("voc2007/unet", guess="voc2007/majority")
    needs = needed(course, folder, results=results)
    assert [need.recorded for need in needs] == [True, True]
    made = list(rows(course, course.questions[0], sources(needs, folder, results), results))
    values = results["voc2007/unet"]["scores"]["val"][course.scores[0]]
    assert made[0].cells[2].startswith(f"{sum(values) / len(values):.4f} ± ")
    assert "over seeds" in made[0].cells[3]
    assert made[0].cells[5] == f"{results['voc2007/majority']['scores']['val'][course.scores[0]][0]:.4f}"
    assert "results of the project" in build_course_page(course, folder, needs, results).read_text(encoding="utf-8")


def test_a_result_of_one_seed_shows_its_interval_over_pictures(tmp_path: Path) -> None:
    folder, course = Folder(tmp_path / "course", "course"), course_of("voc2007/lite0_fpn")
    one = json.loads((RESULTS / "voc2007" / "lite0_fpn.json").read_text(encoding="utf-8"))
    for score in one["scores"]["val"].values():
        score.update({name: score[name][:1] for name in ("values", "intervals") if name in score})
    results = recorded_results() | {"voc2007/lite0_fpn": compact(one | {"seeds": [0], "minutes": [1.0]})}
    (made,) = rows(
        course, course.questions[0], sources(needed(course, folder, results=results), folder, results), results
    )
    ((low, high),) = one["scores"]["val"][course.scores[0]]["intervals"]
    assert made.cells[3] == f"{low:.4f} … {high:.4f} over pictures"
    (without,) = rows(
        course,
        course.questions[0],
        sources(needed(course, folder, results=results), folder, results),
        {name: {**one, "intervals": {}} for name, one in results.items()},
    )
    assert "over pictures" not in without.cells[3]


def test_what_takes_hours_is_trained_only_when_asked_for(tmp_path: Path) -> None:
    course, folder = course_of("quickstart", long={"quickstart": "it takes a minute"}), Folder(tmp_path / "c", "course")
    assert [one.is_trained for long in (False, True) for one in needed(course, folder, long=long)] == [False, True]
    names = [run.name for one in needed(course, folder, long=True, seeds=3) for run in one.runs]
    assert names == ["quickstart-s0", "quickstart-s1", "quickstart-s2"]


def test_the_plan_trains_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = said(capsys, "reproduce", "voc2007-fcn", "--plan", "--results", "--out", tmp_path / "course")
    assert code == 0
    assert re.search(r"voc2007/basic_fcn +– +6 min 55 s +results of the project", out)
    assert "voc2007/resnet34_fcn" in out
    assert not (tmp_path / "course").exists()
    assert run_command("reproduce", "nothing") == 2


def test_the_wheel_has_the_pages_that_courses_link_to() -> None:
    text = (DOCS.parent / "pyproject.toml").read_text(encoding="utf-8")
    included = tomllib.loads(text)["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    pages = explaining(question.why for _, course in EVERY for question in course.questions)
    assert {Path(source).stem for source in included if source.endswith(".md")} == set(pages)
    assert all((DOCS.parent / source).is_file() for source in included)
    assert all(target == source.replace("docs/", "pixelwise/courses/pages/") for source, target in included.items())
    linked = {image for page in pages for image in IMAGE.findall((DOCS / f"{page}.md").read_text(encoding="utf-8"))}
    assert {f"docs/{image}" for image in linked} == {source for source in included if not source.endswith(".md")}


def test_pages_are_written_with_anchors_and_without_outside_links(tmp_path: Path) -> None:
    assert write_pages(tmp_path, explaining(["scores.md#calibration", "runs.md"]))
    page = (tmp_path / "pages" / "scores.html").read_text(encoding="utf-8")
    assert 'id="calibration"' in page
    assert f'id="{slug("Ranked pixels: `average_precision`")}"' in page
    assert "<table>" in page
