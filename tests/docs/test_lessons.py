"""Tables and figures of the pages that answer why are those that their scripts make of the JSON files beside them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import t

from pixelwise.models import MODELS
from pixelwise.models.colour_nets import colour_unet
from pixelwise.scratch.layers import Linear, ReLU
from pixelwise.scratch.network import Network

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "benchmarks" / "pages"
PAGES = {
    "ideas": "models.md",
    "imbalance": "class_imbalance.md",
    "initialisation": "initialisation.md",
    "curves": "loss_curves.md",
    "batches": "batch_size.md",
    "resizing": "resizing.md",
    "looks": "good_colours.md",
    "skips": "skips.md",
    "relus": "dead_relu.md",
}


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """What imports a script of the folder by its name. The scripts' modules are forgotten afterwards."""
    monkeypatch.syspath_prepend(str(FOLDER))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(FOLDER) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def test_every_script_has_its_page() -> None:
    shared = {"lesson", "figure", "colouring"}
    assert {file.stem for file in FOLDER.glob("*.py")} - shared == set(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_tables_are_those_of_the_measurements(name: str, script: Any) -> None:
    page = (ROOT / "docs" / PAGES[name]).read_text(encoding="utf-8")
    tables = script(name).tables()
    assert tables
    for mark, table in tables.items():
        assert f"<!-- {mark} -->\n{table}\n<!-- end -->" in page, f"{PAGES[name]}: {mark}"


@pytest.mark.parametrize("name", [name for name in PAGES if (FOLDER / f"{name}.json").exists()])
def test_figures_are_those_of_the_measurements(name: str, script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    module, written = script(name), {}
    monkeypatch.setattr(Image.Image, "save", lambda image, path, **options: written.update({path: np.asarray(image)}))
    for file, drawn in module.figures().items() if hasattr(module, "figures") else module.write_picture().items():
        assert drawn == (ROOT / "docs" / "images" / file).read_text(encoding="utf-8"), file
        assert f"images/{file}" in (ROOT / "docs" / PAGES[name]).read_text(encoding="utf-8")
    for path, pixels in written.items():
        with Image.open(path) as kept:
            assert np.array_equal(np.asarray(kept), pixels), path


def test_intervals_are_those_of_student(script: Any) -> None:
    lesson: ModuleType = script("lesson")
    found = [0.1, 0.4, 0.3]
    expected = t.interval(0.95, 2, np.mean(found), np.std(found, ddof=1) / 3**0.5)[1] - np.mean(found)
    assert lesson.half_width(found) == pytest.approx(expected, rel=1e-3)
    for count, quantile in lesson.STUDENT.items():
        assert quantile == pytest.approx(t.ppf(0.975, count - 1), abs=5e-4)


def test_networks_of_the_pages_are_as_large_as_they_say(script: Any) -> None:
    skips = script("skips")
    for row in script("lesson").rows_of("skips"):
        model = colour_unet(1, 12, num_filters=skips.FILTERS[row["skips"]], skips=row["skips"])
        assert sum(one.numel() for one in model.parameters()) == row["parameters"]


def test_patterns_of_one_grey_are_measured_again(script: Any) -> None:
    """An untrained network of each kind. Repeated pixels leave no pattern, transposed convolutions do."""
    resizing = script("resizing")
    kept = {
        row["net"]: row["flat"]
        for row in script("lesson").rows_of("resizing")
        if (row["part"], row["seed"]) == ("copy", 0)
    }
    for net, (name, kernel, _) in resizing.NETS.items():
        torch.manual_seed(0)
        model = MODELS.build(name, 1, 2, kernel=kernel, num_filters=resizing.FILTERS)
        assert resizing.unevenness(model) == pytest.approx(kept[net], rel=1e-3, abs=1e-6)
        assert (kept[net] == 0) == (net == "pool")


def test_the_signal_before_training_is_measured_again(script: Any) -> None:
    initialisation = script("initialisation")
    row = next(one for one in script("lesson").rows_of("initialisation") if one.get("init") == "he_fan_in")
    model = "model={name: plain_cnn, width: 8, depth: 3, norm: none, init: he_fan_in}"
    found = initialisation.first_signal([*initialisation.RECIPE, model, f"train.seed={row['seed']}"])
    assert found == pytest.approx(row["signal"], rel=1e-3)


def test_ways_of_painting(script: Any) -> None:
    looks = script("looks")
    palette = np.array([[0, 0, 0], [100, 200, 40]], float)
    chances = np.array([0.25, 0.75]).reshape(1, 1, 1, 2)
    assert looks.painted(chances, palette, 0).tolist() == [[[[100, 200, 40]]]]
    assert looks.painted(chances, palette, 1).tolist() == [[[[75, 150, 30]]]]
    assert looks.painted(chances, palette, 0.5).tolist() == [[[[90, 180, 36]]]]  # 9 / (1 + 9)
    assert np.array_equal(
        looks.unpacked(looks.packed(np.arange(12, dtype=np.uint8).reshape(3, 4))).ravel(), np.arange(12)
    )


def test_outlines_and_early_stopping(script: Any) -> None:
    mask = np.zeros((4, 5), int)
    mask[:, 3:] = 1
    assert script("colouring").near_outlines(mask).tolist() == [[False, False, True, True, False]] * 4
    stopped = script("curves").stopped
    assert stopped([3, 2, 1, 2, 2, 2, 2, 2, 0]) == 3  # five epochs without a lower one: the last is never reached
    assert stopped([3, 2, 1, 2, 2, 2, 2, 0.5]) == 8


def test_one_of_the_ten_seeds_is_measured_again(script: Any) -> None:
    row = next(row for row in script("curves").of("seeds") if row["seed"] == 3)
    again = script("curves").alone(3)["curves"]
    for name, curve in row["curves"].items():
        assert again[name] == pytest.approx(curve, rel=1e-2, abs=1e-2), name


def test_what_the_page_says_about_luck(script: Any) -> None:
    curves, page = script("curves"), (ROOT / "docs" / "loss_curves.md").read_text(encoding="utf-8")
    found, last = curves.differences(), [row["curves"]["score"][-1] for row in curves.of("seeds")]
    said = " ".join(page.split())
    assert f"are {min(last):.3f} to {max(last):.3f} (mean {np.mean(last):.3f}," in said
    assert f"over all {len(found)} pairs the mean difference is {np.mean(found):.3f}" in said
    assert f"in {sum(one >= 0.01 for one in found)} pairs it is 0.01 or more" in said
    assert f"the largest is {found[-1]:.3f}" in said
    rows = [row["curves"] for row in curves.of("seeds")]
    lowest = [row["validation"].index(min(row["validation"])) for row in rows]
    assert f"at epoch {min(lowest) + 1} to {max(lowest) + 1}." in said
    rises = [row["validation"][-1] - min(row["validation"]) for row in rows]
    assert f"rises by {min(rises):.2f} to {max(rises):.2f}" in said
    later = [row["score"].index(max(row["score"])) > place for row, place in zip(rows, lowest, strict=True)]
    assert sum(later) == 6
    assert sum(curves.stopped(row["validation"]) == place + 1 for row, place in zip(rows, lowest, strict=True)) == 9


def test_what_the_page_says_about_dead_units(script: Any) -> None:
    """Fates add up, and silencing units by hand gives what the script counts on a small network."""
    relus, page = script("relus"), " ".join((ROOT / "docs" / "dead_relu.md").read_text(encoding="utf-8").split())
    for row in relus.rows():
        assert row["dead"][0] + row["died"] - row["came_back"] == row["dead"][-1]
        assert f"a constant guess scores {row['guess']}" in page
    history = [frozenset({(1, 0)}), frozenset({(1, 0), (1, 2)}), frozenset({(1, 0), (1, 3)})]
    assert relus.told(history) == {"dead": [1, 2, 2], "died": 2, "came_back": 1, "dead_all_along": 1}
    x = np.array([[1.0, 2.0]], np.float32)
    network = Network([Linear(2, 2), ReLU(), Linear(2, 2)], (2,))
    network.parameters["0.weight"][...] = network.parameters["2.weight"][...] = np.eye(2)
    assert relus.accuracy(network, x, np.array([1])) == 1
    assert relus.accuracy(network, x, np.array([1]), [(1, 1)]) == 0  # the first unit is then larger
    assert relus.chosen_quarter(network, frozenset()) == set()  # a quarter of two is none
