"""Citations come from the sources of what a run uses, and all of them are known."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from latex import _braces
from pixelwise.paper.sources import KINDS, Used, citations, initialisers, used
from pixelwise.paper.works import FOLDER, RULES, TOPICS, bibliography, known_works, sentence, works_of
from pixelwise.recipe.engines import shelves
from pixelwise.recipe.load import load_recipe
from pixelwise.recipe.shelves import SHELVES
from pixelwise.report.record import Record

NOT_WORKS = {"CIE 1976"}  # a formula
EVERY = [(engine, kind, name) for engine in ("torch", "scratch") for kind in KINDS for name in shelves(engine)[kind]]


def record(recipe: str, *overrides: str, **data: str) -> Record:
    tree = load_recipe(recipe, overrides).model_dump(mode="json")
    return Record("", tree, {}, {"recipe": tree, "data": data}, {}, {}, ())


def keys(*recipe: str, **data: str) -> set[str]:
    return {work.key for work in works_of(record(*recipe, **data))}


def test_every_work_that_a_source_names_is_known() -> None:
    known = {text for work in known_works().values() for text in work.cited}
    named = {text for engine, kind, name in EVERY for text in citations(Used(kind, name, {}), engine)}
    assert named - known - NOT_WORKS == set()
    assert "Lin et al. 2017" in named


def test_every_name_in_the_rules_is_on_a_shelf() -> None:
    for work in known_works().values():
        for key, names in work.used.items():
            kind, _, option = key.partition(".")
            assert kind in SHELVES
            assert option or set(names) <= set(SHELVES[kind]), work.key


@pytest.mark.parametrize("key", known_works())
def test_entries_are_whole(key: str) -> None:
    work = known_works()[key]
    assert re.fullmatch(r"[a-z]+\d{4}[a-z]*", key)
    assert str(work.entry["year"]) in key
    assert {"author", "title", "type"} <= set(work.entry)
    assert work.says.count("@") == (work.topic != "text")
    assert _braces(work.bibtex) == []
    assert {file.stem for file in FOLDER.iterdir()} == {*TOPICS, "text"}
    assert not set(RULES) & set(work.entry)


@pytest.mark.parametrize(
    ("recipe", "there", "not_there"),
    [
        (
            ["voc2007/lite0_fpn"],
            {"lin2017pyramid", "tan2019", "wu2018", "russakovsky2015", "loshchilov2019"},
            {"chen2017"},
        ),
        (["voc2007/lite0_fpn", "model.norm=batch"], {"lin2017pyramid"}, {"wu2018"}),
        (["voc2007/lite0_fpn", "model.output_stride=16"], {"chen2017"}, set()),
        (["voc2007/unet"], {"ronneberger2015"}, {"lin2017pyramid", "kingma2015"}),
        (["voc2007/basic_fcn"], {"long2015"}, {"eigen2015"}),
        (["cifar10_longtail/resnet32_cb_focal"], {"he2016", "cui2019", "lin2017focal", "liu2019"}, {"wightman2019"}),
        (["cifar10/scratch_lenet"], {"lecun1998"}, {"paszke2019"}),
        (["penn_fudan/mask_rcnn_lite0"], {"he2017", "ren2015"}, {"bai2017"}),
        (["cifar10_horses/colour_unet"], {"ronneberger2015", "zhang2016"}, set()),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_a_run_cites_what_it_builds_on(recipe: list[str], there: set[str], not_there: set[str]) -> None:
    found = keys(*recipe)
    assert there <= found
    assert not not_there & found


def test_a_data_set_is_cited_by_its_source() -> None:
    voc = "Everingham, Van Gool: The PASCAL Visual Object Classes Challenge 2007 (VOC2007), http://host.example/"
    assert "everingham2007" in keys("voc2007/unet", name="voc2007", source=voc)
    own = "Doe, Roe: Ants on Leaves (Insects 2031), https://ants.example/x"
    (work,) = [one for one in works_of(record("voc2007/unet", name="Ants!", source=own)) if one.topic == "data"]
    assert work.key == "data-ants"
    assert "author = {Doe and Roe}" in work.bibtex
    assert r"\citet{data-ants}" in sentence(work)
    assert not [one for one in works_of(record("voc2007/unet", name="x", source="the folder x")) if one.topic == "data"]


def test_names_outside_the_package_are_not_read() -> None:
    made = record("voc2007/unet")
    tree: Any = {**made.recipe, "model": {"name": "nowhere.nets:shallow", "encoder": "a:b"}}
    assert "model" not in {one.kind for one in used(replace(made, setup={"recipe": tree}))}


def test_initial_weights_are_read_from_the_builder() -> None:
    assert initialisers(Used("model", "unet", {})) == ["xavier_uniform"]
    assert initialisers(Used("model", "fpn", {})) == ["he_normal", "linear_classifiers", "near_equal_scores"]
    assert initialisers(Used("model", "pool_upsample_net", {})) == []


def test_the_bibliography_is_sorted_and_balanced() -> None:
    text = bibliography(known_works().values())
    assert _braces(text) == []
    found = re.findall(r"^@\w+\{([^,]+),", text, flags=re.M)
    assert found == sorted(found)
