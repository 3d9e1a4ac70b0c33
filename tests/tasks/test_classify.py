"""The bridge of classification: what goes in, what comes out, and mixtures whose loss is a mixture."""

import numpy as np
import pytest
import torch
from torch import nn

from pixelwise.data import DATASETS
from pixelwise.data.cache import open_split
from pixelwise.errors import DataError, ShapeError
from pixelwise.losses.cross_entropy import cross_entropy
from pixelwise.tasks import TASKS
from pixelwise.tasks.classify import Mixed, classify
from pixelwise.types import DatasetInfo, Labels, Sample

INFO = DatasetInfo("toy", ("a", "b", "c"), ((0, 0, 0),) * 3, frozenset({"label"}))


class Means(nn.Module):
    """The mean of each channel as the score of a class: linear in the picture."""

    def forward(self, x):
        return x.mean(dim=(2, 3))


def samples(count=6):
    drawn = np.random.default_rng(0)
    return [
        Sample(f"p{i}", drawn.integers(0, 256, (4, 5, 3)).astype(np.uint8), label=int(drawn.integers(3)))
        for i in range(count)
    ]


def batch_of(task, pictures):
    return task.collate([task.encode(s) for s in pictures], [s.name for s in pictures])


def test_from_samples_to_probabilities_and_loss():
    task = classify(INFO, cross_entropy(np.ones(3, np.int64)), mean=(0.0,) * 3, std=(1.0,) * 3)
    pictures = samples()
    batch = batch_of(task, pictures)
    scores = task.forward(Means().eval(), batch)
    expected = np.stack([s.image.mean(axis=(0, 1)) / 255 for s in pictures])
    np.testing.assert_allclose(scores.numpy(), expected, rtol=1e-5)
    predictions = task.decode(scores)
    assert all(isinstance(p, Labels) for p in predictions)
    assert [int(p.probabilities.argmax()) for p in predictions] == expected.argmax(1).tolist()
    term = task.losses(scores, batch)["class"]
    value = nn.functional.cross_entropy(scores, torch.tensor([s.label for s in pictures]))
    torch.testing.assert_close(term.numerator / term.denominator, value)
    assert (task.out_channels, task.unit) == (3, "picture")


def test_pictures_without_labels_can_be_predicted_and_have_no_loss():
    task = classify(INFO, cross_entropy(np.ones(3, np.int64)))
    batch = batch_of(task, [Sample("p", np.zeros((4, 5, 3), np.uint8))])
    scores = task.forward(Means().eval(), batch)
    assert task.losses(scores, batch) == {}
    assert len(task.decode(scores)) == 1


def test_a_mixture_has_the_mixed_picture_and_the_mixed_loss():
    task = classify(INFO, cross_entropy(np.ones(3, np.int64)), mixup=0.4)
    plain = classify(INFO, cross_entropy(np.ones(3, np.int64)))
    batch, model = batch_of(task, samples()), Means()
    torch.manual_seed(3)
    mixed = task.forward(model.train(), batch)
    assert isinstance(mixed, Mixed)
    assert 0 <= mixed.share <= 1
    own = plain.forward(model.eval(), batch)
    torch.testing.assert_close(mixed.scores, mixed.share * own + (1 - mixed.share) * own[mixed.partners])
    target = batch.fields["target"]
    smooth = mixed.share * torch.eye(3)[target] + (1 - mixed.share) * torch.eye(3)[target[mixed.partners]]
    term = task.losses(mixed, batch)["class"]
    torch.testing.assert_close(term.numerator / term.denominator, nn.functional.cross_entropy(mixed.scores, smooth))
    torch.manual_seed(3)
    assert torch.equal(task.forward(model.train(), batch).scores, mixed.scores)  # the generator decides, nothing else
    assert isinstance(task.forward(model.eval(), batch), torch.Tensor)


def test_labels_are_counted(tmp_path):
    split = open_split(DATASETS.build("scenes", tmp_path, size=32, train=12), "train", None, folder=tmp_path)
    task = classify(split.info, None)
    assert task.counts(split).tolist() == np.bincount(split.labels, minlength=len(split.info.classes)).tolist()


def test_a_data_set_without_labels_is_refused():
    masks = DatasetInfo("toy", ("a",), ((0, 0, 0),), frozenset({"mask"}))
    with pytest.raises(DataError, match="no labels"):
        classify(masks, None)


def test_a_dense_model_is_refused():
    task = classify(INFO, None)
    with pytest.raises(ShapeError, match="a classifier gives"):
        task.forward(nn.Identity(), batch_of(task, samples(2)))


def test_what_a_recipe_gets_by_default():
    assert TASKS.declared("classify")["best"] == "accuracy"
