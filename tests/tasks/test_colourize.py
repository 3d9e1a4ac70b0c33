"""The task colourize: palette found, kept and given back; grey in, colours out."""

import json

import numpy as np
import pytest
import torch

from pixelwise.data.cache import open_split
from pixelwise.data.scenes import scenes
from pixelwise.errors import DataError, RecipeError, RunError
from pixelwise.imaging.colour import as_hex, nearest_colours
from pixelwise.losses.cross_entropy import cross_entropy
from pixelwise.tasks import TASKS
from pixelwise.tasks.colourize import annealed_mean, colourize
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
    return colourize(INFO, cross_entropy(np.array([3, 2, 1])), colours=3).informed(FOUND)


def test_what_is_found_are_json_values_and_informs_the_task(split):
    blind = colourize(split.info, None, colours=6)
    findings = blind.study(split)
    assert json.loads(json.dumps(findings)) == findings
    task = blind.informed(findings)
    assert task.info.classes == tuple(findings["palette"])
    assert task.info.colours == task.palette
    assert task.info.void is None
    assert task.info.source == split.info.source
    assert (task.in_channels, task.out_channels) == (1, 6)
    assert blind.study(split) == findings


def test_counts_are_those_of_the_targets(split):
    task = colourize(split.info, None, colours=6)
    task = task.informed(task.study(split))
    expected = sum(np.bincount(nearest_colours(i, task.palette).ravel(), minlength=6) for i in split.images)
    assert np.array_equal(task.counts(split), expected)
    assert task.counts(split).dtype == np.int64


def test_a_task_that_knows_no_palette_says_so():
    with pytest.raises(RunError, match="does not know its palette yet"):
        colourize(INFO, None).encode(Sample("one", np.zeros((2, 2, 3), np.uint8)))


@pytest.mark.parametrize(
    ("findings", "said"),
    [
        ({}, "no list of colours"),
        ({"palette": ["#000000"]}, "has 1 colours, its task 3"),
        ({"palette": ["red"]}, "read 'red'"),
    ],
)
def test_findings_that_are_none_are_refused(findings, said):
    with pytest.raises(RunError, match=said):
        colourize(INFO, None, colours=3).informed(findings)


def test_a_palette_file_needs_no_pictures(tmp_path, split):
    file = tmp_path / "palette.json"
    file.write_text(json.dumps(FOUND["palette"]))
    assert colourize(INFO, None, colours=3, palette=str(file)).study(split) == FOUND
    with pytest.raises(DataError, match=r"has 3 colours, the task has 24.*colours=3"):
        colourize(INFO, None, palette=str(file)).study(split)


def test_more_colours_than_there_are(tmp_path):
    class Plain:
        images = np.zeros((1, 4, 4, 3), np.uint8)

    with pytest.raises(DataError, match="1 different colours, a palette of 24 was asked for"):
        colourize(INFO, None).study(Plain())


def test_numbers_of_colours_out_of_range_are_refused_before_anything_is_read():
    for colours in (1, 257):
        assert TASKS.check("colourize", {"colours": colours})
    with pytest.raises(RecipeError):
        TASKS.build("colourize", INFO, None, decode="mode")


def test_input_is_grey_in_0_to_1_and_targets_are_the_nearest(task):
    image = np.array([[[0, 0, 0], [255, 255, 255], [10, 20, 31]]], np.uint8)
    batch = task.collate([task.encode(Sample("one", image))], ["one"])
    seen = []

    def model(x):
        seen.append(x)
        return torch.zeros(1, 3, 1, 3)

    task.forward(model, batch)
    torch.testing.assert_close(seen[0], torch.tensor([[[[0.0, 1.0, 61 / 765]]]]))
    assert batch.fields["target"].tolist() == nearest_colours(image, PALETTE)[None].tolist()


def test_loss_is_the_cross_entropy_of_the_targets(task):
    image = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    batch = task.collate([task.encode(Sample("one", image))], ["one"])
    scores = torch.randn(1, 3, 4, 5)
    term = task.losses(scores, batch)["colour"]
    target = torch.from_numpy(nearest_colours(image, PALETTE).astype(np.int64))[None]
    torch.testing.assert_close(term.numerator / term.denominator, torch.nn.functional.cross_entropy(scores, target))
    assert task.with_loss(None).losses(scores, batch) == {}


def test_argmax_paints_the_likeliest_colour(task):
    scores = torch.randn(2, 3, 4, 5)
    for one, prediction in zip(scores, task.decode(scores), strict=True):
        assert np.array_equal(prediction.indices, one.argmax(0).numpy())
        assert np.array_equal(prediction.image, np.array(PALETTE, np.uint8)[prediction.indices])


def test_annealed_mean_as_the_paper_writes_it():
    scores = torch.randn(1, 3, 2, 2, dtype=torch.float64)
    z = scores.softmax(dim=1).numpy()[0]
    sharp = np.exp(np.log(z) / 0.38)
    expected = np.einsum("qhw,qc->hwc", sharp / sharp.sum(0), np.array(PALETTE, float))
    got = annealed_mean(scores, PALETTE, 0.38)[0]
    assert np.abs(got - expected).max() <= 0.51


def test_annealed_mean_between_mean_and_argmax():
    scores = torch.tensor([2.0, 1.0, 0.0]).reshape(1, 3, 1, 1)
    assert annealed_mean(scores, PALETTE, 1e-3).tolist() == [[[[0, 0, 0]]]]
    plain = scores.softmax(1).reshape(3) @ torch.tensor(PALETTE, dtype=torch.float32)
    assert annealed_mean(scores, PALETTE, 1.0)[0, 0, 0].tolist() == plain.round().tolist()


def test_annealed_predictions_keep_the_index_that_accuracy_counts():
    task = colourize(INFO, None, colours=3, decode="annealed_mean").informed(FOUND)
    scores = torch.randn(1, 3, 4, 5)
    (prediction,) = task.decode(scores)
    assert np.array_equal(prediction.indices, scores.argmax(1)[0].numpy())
    assert np.array_equal(prediction.image, annealed_mean(scores, PALETTE, 0.38)[0])


def test_the_grey_picture_says_channels_last_so_that_what_it_is_joined_with_need_not_be_copied(task):
    samples = [Sample(str(i), np.full((4, 5, 3), 10 * i, np.uint8)) for i in range(3)]
    batch = task.collate([task.encode(sample) for sample in samples], [sample.name for sample in samples])

    def net(grey):
        maps = torch.zeros(3, 3, 4, 5).contiguous(memory_format=torch.channels_last)
        joined = torch.cat([maps, grey], dim=1)
        assert joined.is_contiguous(memory_format=torch.channels_last)
        return joined

    grey = task.forward(net, batch)[:, 3]
    assert torch.allclose(grey[:, 0, 0], torch.tensor([0.0, 10.0, 20.0]) / 255)
