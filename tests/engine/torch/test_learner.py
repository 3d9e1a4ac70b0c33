"""The learner of torch: what goes in, what comes out, and mixtures whose loss is a mixture."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from pixelwise.engine.evaluate import predict
from pixelwise.engine.hardware.distributed import TorchProcesses
from pixelwise.errors import ShapeError
from pixelwise.losses.base import Term
from pixelwise.losses.cross_entropy import cross_entropy
from pixelwise.run.progress import quotients
from pixelwise.tasks.classify import classify
from pixelwise.tasks.segment import segment
from pixelwise.types import ClassMap, DatasetInfo, Labels, Sample

INFO = DatasetInfo("toy", ("a", "b", "c"), ((0, 0, 0),) * 3, frozenset({"label", "mask"}), void=255)
LOSS = cross_entropy(np.ones(3, np.int64))


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


def test_from_samples_to_probabilities_and_loss(learner_of):
    learner = learner_of(classify(INFO, mean=(0.0,) * 3, std=(1.0,) * 3), Means(), {"class": LOSS})
    pictures = samples()
    batch = learner.encode(pictures)
    outputs = learner.forward(batch)
    expected = np.stack([s.image.mean(axis=(0, 1)) / 255 for s in pictures])
    np.testing.assert_allclose(outputs["class"].numpy(), expected, rtol=1e-5)
    predictions = [learner.task.decode(one) for one in learner.reduced(outputs)]
    assert all(isinstance(p, Labels) for p in predictions)
    assert [int(p.probabilities.argmax()) for p in predictions] == expected.argmax(1).tolist()
    value = nn.functional.cross_entropy(outputs["class"], torch.tensor([s.label for s in pictures]))
    assert quotients(learner.terms(outputs, batch)) == {"loss": pytest.approx(value.item())}
    assert (learner.task.out_channels, learner.task.per) == (3, "picture")


def test_pictures_without_labels_can_be_predicted_and_have_no_loss(learner_of):
    learner = learner_of(classify(INFO), Means(), {"class": LOSS})
    batch = learner.encode([Sample("p", np.zeros((4, 5, 3), np.uint8))])
    outputs = learner.forward(batch)
    assert learner.terms(outputs, batch) == {}
    assert len(learner.reduced(outputs)) == 1


def test_pictures_without_a_mask_can_be_predicted_but_have_no_loss(learner_of):
    learner = learner_of(segment(INFO), nn.Conv2d(3, 3, 1), {"class": LOSS})
    batch = learner.encode([Sample("one", np.zeros((4, 5, 3), np.uint8))])
    outputs = learner.forward(batch)
    assert learner.terms(outputs, batch) == {}
    assert learner.task.decode(learner.reduced(outputs)[0]).indices.shape == (4, 5)


def test_a_mixture_has_the_mixed_picture_and_the_mixed_loss(learner_of):
    plain = learner_of(classify(INFO, mean=(0.0,) * 3, std=(1.0,) * 3), Means(), {"class": LOSS})
    learner = learner_of(classify(INFO, mean=(0.0,) * 3, std=(1.0,) * 3, mixup=0.4), Means(), {"class": LOSS})
    batch = learner.encode(samples())
    learner.begin(0)
    torch.manual_seed(3)
    term = learner._terms(learner._shown(batch), learner.model)["class"]
    torch.manual_seed(3)
    share = float(torch.distributions.Dirichlet(torch.tensor([0.4, 0.4])).sample()[0])
    partners = torch.randperm(6)
    own = plain.forward(batch)["class"].clone()
    scores = share * own + (1 - share) * own[partners]
    target = batch.targets["class"]
    smooth = share * torch.eye(3)[target] + (1 - share) * torch.eye(3)[target[partners]]
    torch.testing.assert_close(term.numerator / term.denominator, nn.functional.cross_entropy(scores, smooth))
    torch.testing.assert_close(
        learner.forward(batch)["class"], plain.forward(batch)["class"]
    )  # no mixing in evaluation


def test_a_dense_model_is_refused_for_pictures_and_a_classifier_for_pixels(learner_of):
    learner = learner_of(classify(INFO), nn.Identity())
    with pytest.raises(ShapeError, match="a classifier gives"):
        learner.forward(learner.encode(samples(2)))
    learner = learner_of(segment(INFO), Means())
    with pytest.raises(ShapeError, match=r"scores for each pixel, \(B, 3, 4, 5\)"):
        learner.forward(learner.encode(samples(2)))


def test_a_model_in_evaluation_trains_again_at_the_next_step(learner_of):
    model = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3))
    learner = learner_of(segment(INFO), model, {"class": LOSS})
    drawn = [Sample(s.name, s.image, np.zeros((4, 5), np.uint8)) for s in samples(2)]
    learner.optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    learner.begin(0)
    predict(learner, drawn)
    assert not model.training
    before = model[1].running_mean.clone()
    learner.step(learner.encode(drawn), 0.1, 0)
    assert model.training
    assert not torch.equal(model[1].running_mean, before)


def test_a_copy_trains_and_leaves_everything_as_it_was(learner_of):
    model = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.Dropout(0.5))
    learner = learner_of(segment(INFO), model, {"class": LOSS})
    learner.optimizer = torch.optim.AdamW(model.parameters())
    drawn = [Sample(s.name, s.image, np.zeros((4, 5), np.uint8)) for s in samples(2)]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    random = torch.get_rng_state()
    with learner.copied() as copied:
        copied.begin(0)
        copied.step(copied.encode(drawn), 0.1, 0)
        moved = copied.model.state_dict()
        assert not any(torch.equal(before[name], moved[name]) for name in ("0.weight", "1.running_mean"))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert not learner.optimizer.state
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(torch.get_rng_state(), random)


def test_losses_of_a_model_are_computed_in_the_precision_of_the_run(learner_of):
    class Owner(nn.Conv2d):
        def losses(self, images, targets):
            return {"kind": Term(torch.tensor(float(self(images).dtype == torch.bfloat16)), torch.tensor(1))}

    learner = learner_of(segment(INFO), Owner(3, 3, 1))
    learner.choices = replace(learner.choices, precision="bf16")
    batch = learner.encode([Sample("one", np.zeros((4, 5, 3), np.uint8), np.zeros((4, 5), np.uint8))])
    assert learner.terms({}, batch) == {"kind": (1.0, 1.0)}


def test_confidence_is_computed_where_somebody_needs_it(learner_of):
    learner = learner_of(segment(INFO), nn.Conv2d(3, 3, 1))
    drawn = samples(2)
    plain, asked = predict(learner, drawn)[0], predict(learner, drawn, ("probability",))[0]
    assert isinstance(plain, ClassMap)
    assert plain.confidence is None
    np.testing.assert_array_equal(plain.indices, asked.indices)
    scores = learner.forward(learner.encode(drawn))["class"]
    np.testing.assert_allclose(asked.confidence, scores.softmax(1).amax(1)[0].numpy(), atol=1e-6)


def test_processes_alone_give_what_they_are_given():
    alone = TorchProcesses()
    assert (alone.gather(3), alone.from_first(lambda: 4), alone.first) == ([3], 4, True)
