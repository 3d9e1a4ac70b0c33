"""The task colourize: palette found, kept and given back; grey in, colours out."""

import json

import numpy as np
import pytest
import torch

from pixelwise.data.cache import open_split
from pixelwise.data.scenes import scenes
from pixelwise.engine.numpy.learner import normalised as numpy_input
from pixelwise.engine.torch.model import normalised as torch_input
from pixelwise.errors import DataError, RecipeError, RunError
from pixelwise.imaging.colour import as_hex, grey_sum, nearest_colours
from pixelwise.tasks import TASKS
from pixelwise.tasks.base import Input
from pixelwise.tasks.colourize import colourize
from pixelwise.types import DatasetInfo, Sample

INFO = DatasetInfo("toy", ("thing",), ((1, 2, 3),), frozenset(), source="drawn")
PALETTE = ((0, 0, 0), (200, 0, 0), (0, 210, 0))
FOUND = {"palette": [as_hex(c) for c in PALETTE]}


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    folder = tmp_path_factory.mktemp("colours")
    return open_split(scenes(folder, size=24, train=6, val=2, test=2), "train", None, folder=folder / "cache")


@pytest.fixture
def task():
    return colourize(INFO, colours=3).informed(FOUND)


def test_what_is_found_are_json_values_and_informs_the_task(split):
    blind = colourize(split.info, colours=6)
    findings = blind.study(split)
    assert json.loads(json.dumps(findings)) == findings
    task = blind.informed(findings)
    assert task.info.classes == tuple(findings["palette"])
    assert task.info.colours == task.palette
    assert task.info.void is None
    assert task.info.source == split.info.source
    assert (task.input.channels, task.out_channels) == (1, 6)
    assert blind.study(split) == findings


def test_counts_are_those_of_the_targets(split):
    task = colourize(split.info, colours=6)
    task = task.informed(task.study(split))
    expected = sum(np.bincount(nearest_colours(i, task.palette).ravel(), minlength=6) for i in split.images)
    assert np.array_equal(task.counts(split), expected)
    assert task.counts(split).dtype == np.int64


def test_a_task_that_knows_no_palette_says_so():
    with pytest.raises(RunError, match="does not know its palette yet"):
        colourize(INFO).encode(Sample("one", np.zeros((2, 2, 3), np.uint8)))


@pytest.mark.parametrize(
    ("findings", "said"),
    [
        ({}, "not a list of colours"),
        ({"palette": ["#000000"]}, "has 1 colours, its task 3"),
        ({"palette": ["red"]}, "read 'red'"),
    ],
)
def test_findings_that_are_none_are_refused(findings, said):
    with pytest.raises(RunError, match=said):
        colourize(INFO, colours=3).informed(findings)


def test_a_palette_file_needs_no_pictures(tmp_path, split):
    file = tmp_path / "palette.json"
    file.write_text(json.dumps(FOUND["palette"]))
    assert colourize(INFO, colours=3, palette=str(file)).study(split) == FOUND
    with pytest.raises(DataError, match=r"has 3 colours, the task has 24.*colours=3"):
        colourize(INFO, palette=str(file)).study(split)


def test_more_colours_than_there_are(tmp_path):
    class Plain:
        images = np.zeros((1, 4, 4, 3), np.uint8)

    with pytest.raises(DataError, match="1 different colours, but a palette of 24 was asked for"):
        colourize(INFO).study(Plain())


def test_numbers_of_colours_out_of_range_are_refused_before_anything_is_read():
    for colours in (1, 257):
        assert TASKS.check("colourize", {"colours": colours})
    with pytest.raises(RecipeError):
        TASKS.build("colourize", INFO, decode="mode")


def test_targets_are_the_nearest_colours(task):
    image = np.array([[[0, 0, 0], [255, 255, 255], [10, 20, 31]]], np.uint8)
    assert task.encode(Sample("one", image))["colour"].tolist() == nearest_colours(image, PALETTE).tolist()


def test_the_winner_is_painted(task):
    winner = np.array([[0, 2, 1]], np.uint8)
    prediction = task.decode({"colour": {"winner": winner}})
    assert np.array_equal(prediction.indices, winner)
    assert np.array_equal(prediction.image, np.array(PALETTE, np.uint8)[winner])
    assert [reduction.name for reduction in task.heads["colour"].reductions] == ["winner"]


def test_annealed_predictions_keep_the_index_that_accuracy_counts():
    task = colourize(INFO, colours=3, decode="annealed_mean").informed(FOUND)
    winner, mean = np.array([[0, 2]], np.uint8), np.full((1, 2, 3), 7, np.uint8)
    prediction = task.decode({"colour": {"winner": winner, "mean": mean}})
    assert np.array_equal(prediction.indices, winner)
    assert np.array_equal(prediction.image, mean)
    _, reduction = task.heads["colour"].reductions
    assert (reduction.name, reduction.options) == ("mean", {"table": PALETTE, "temperature": 0.38})


def test_input_is_grey_in_0_to_1():
    images = np.array([[[[0, 0, 0], [255, 255, 255], [10, 20, 31]]]], np.uint8)
    grey = np.stack([grey_sum(image) for image in images])
    for made in (torch_input(torch.from_numpy(grey), Input(1)).numpy(), numpy_input(grey, Input(1))):
        np.testing.assert_allclose(made, [[[[0.0, 1.0, 61 / 765]]]], rtol=1e-6)


def test_the_grey_picture_says_channels_last_so_that_what_it_is_joined_with_need_not_be_copied():
    grey = torch_input(torch.arange(60, dtype=torch.int16).reshape(3, 4, 5), Input(1))
    maps = torch.zeros(3, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    assert torch.cat([maps, grey], dim=1).is_contiguous(memory_format=torch.channels_last)
