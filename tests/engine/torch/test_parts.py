"""Learning rates by part, and parts that are frozen, by the names of a model with an encoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pixelwise.engine.torch.learner import TorchLearner
from pixelwise.engine.torch.model import unknown_parts
from pixelwise.engine.torch.optim import adam, adamw, parameter_groups, set_rate, sgd
from pixelwise.engine.torch.update import keyed_random
from pixelwise.engine.train import resume, train
from pixelwise.errors import RecipeError
from pixelwise.losses.cross_entropy import cross_entropy
from pixelwise.models.decoders.fpn import fpn
from pixelwise.models.folded import Folding
from pixelwise.models.parts import part_of
from pixelwise.recipe.effects import remarks
from pixelwise.recipe.load import as_yaml, load_recipe
from pixelwise.recipe.schema import Recipe
from pixelwise.run.checkpoint import load_checkpoint
from pixelwise.run.events import Finished, PhaseBegan, StepDone
from pixelwise.tasks.segment import segment
from pixelwise.types import DatasetInfo, Sample

CLASSES = 7  # of the quickstart scenes
MODEL = f"model={__name__}:encoded"
DECAYED = ("encoder.stem.0.weight", "encoder.stage.weight", "decoder.0.weight", "classifier.weight")


class Encoded(nn.Module):
    """What decoders on encoders look like: the names that recipes use, with BatchNorm and dropout in the encoder."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        stem = nn.Sequential(nn.Conv2d(in_channels, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5))
        self.encoder = nn.ModuleDict({"stem": stem, "stage": nn.Conv2d(4, 4, 3, padding=1)})
        self.decoder = nn.Sequential(nn.Conv2d(4, 4, 1), nn.GroupNorm(2, 4), nn.ReLU())
        self.classifier = nn.Conv2d(4, out_channels, 1)

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.classifier(self.decoder(self.encoder["stage"](self.encoder["stem"](images))))
        return scores


def encoded(in_channels: int, out_channels: int) -> nn.Module:
    return Encoded(in_channels, out_channels)


@pytest.fixture(autouse=True)
def _allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIXELWISE_ALLOW", __name__)


def weights(run: Path, which: str = "last") -> Mapping[str, Any]:
    return load_checkpoint(run / which, "model")[0]["model"]


def test_the_innermost_part_counts() -> None:
    assert part_of("encoder.stem.0.weight", ["encoder", "encoder.stem", "classifier"]) == "encoder.stem"
    assert part_of("encoder.stage.weight", ["encoder.st", "encoder"]) == "encoder"
    assert part_of("encoder2.weight", ["encoder"]) is None


@pytest.mark.parametrize(
    ("make", "plain", "options"),
    [
        (adam, torch.optim.Adam, {"weight_decay": 0.1}),
        (adamw, torch.optim.AdamW, {"weight_decay": 0.1}),
        (sgd, torch.optim.SGD, {"momentum": 0.9, "weight_decay": 0.1}),
    ],
)
def test_parts_learn_as_with_optimizers_of_their_own(
    make: Callable[..., torch.optim.Optimizer], plain: type, options: dict[str, Any]
) -> None:
    torch.manual_seed(0)
    one, other = Encoded(3, 2).eval(), Encoded(3, 2).eval()
    other.load_state_dict(one.state_dict())
    factors = {"classifier": 3.0, "encoder": 0.1, "encoder.stem": 0.01}
    optimizer = make(one, learning_rate=1.0, parts=factors, **options)
    apart: list[tuple[float, torch.optim.Optimizer]] = []
    for name, parameter in other.named_parameters():
        factor = factors.get(part_of(name, factors) or "", 1.0)
        decay = {"weight_decay": 0.1 if name in DECAYED else 0.0}
        apart.append((factor, plain([parameter], **{"lr": 1.0, **options, **decay})))
    for rate in (0.1, 0.02, 0.3):
        images = torch.randn(2, 3, 8, 8)
        for model in (one, other):
            model.zero_grad()
            model(images).square().sum().backward()
        set_rate(optimizer, rate)
        optimizer.step()
        for factor, each in apart:
            each.param_groups[0]["lr"] = rate * factor
            each.step()
    for (name, value), (_, wanted) in zip(one.named_parameters(), other.named_parameters(), strict=True):
        torch.testing.assert_close(value, wanted, rtol=1e-6, atol=1e-7, msg=name)


def test_groups_follow_the_model_whatever_the_order_of_the_parts() -> None:
    model, factors = Encoded(3, 2), {"classifier": 2.0, "encoder.stem": 0.5, "encoder": 0.1}
    groups = parameter_groups(model, 0.1, factors)
    turned = parameter_groups(model, 0.1, dict(reversed(factors.items())))
    assert [[id(p) for p in g["params"]] for g in groups] == [[id(p) for p in g["params"]] for g in turned]
    assert sorted(id(p) for g in groups for p in g["params"]) == sorted(id(p) for p in model.parameters())
    assert [g.get("rate_factor") for g in groups] == [None, None, 0.5, 0.5, 0.1, 0.1, 2.0, 2.0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["train.optimizer.parts={encodr: 0.1}"],
            r"train\.optimizer\.parts\.encodr: the model has no part 'encodr'; its largest parts are encoder, decoder, "
            r"classifier. Did you mean 'encoder'",
        ),
        (
            ["model=pixel_frequency", "train.phases=[{epochs: 1, freeze: [encoder]}]"],
            r"train\.phases\.0\.freeze: the model has no part 'encoder': it consists of no parts\. Leave it out",
        ),
        (["train.optimizer.parts={encoder.stem.2: 0.1}"], "this part has no weights to learn"),
        (["train.phases=[{epochs: 1, freeze: [encodr]}]"], r"freeze: the model has no part.*Did you mean 'encoder'"),
        (
            ["train.phases=[{epochs: 1, freeze: [encoder, decoder, classifier]}]"],
            "freezes the whole model, so that nothing learns",
        ),
    ],
)
def test_parts_that_are_not_there_are_refused(words: list[str], said: str, data: Path, tmp_path: Path) -> None:
    recipe = small(*words)
    with pytest.raises(RecipeError, match=said):
        next(train(recipe, tmp_path / "run", data=data))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        ("quickstart", "train.optimizer.parts={down: 0}", "must be greater than 0"),
        (
            "quickstart",
            "train.optimizer.parts={down: true}",
            r"parts: read \{'down': True\}, in which true is not a number",
        ),
        ("quickstart", "train.optimizer.parts=[down]", "train.optimizer.parts: read "),
        ("quickstart", "train.parts={down: 0.1}", "Did you mean 'train.optimizer.parts'"),
        ("scenes/scratch_fcn", "train.optimizer.parts={down: 0.1}", "NumPy optimizer .* has no option 'parts'"),
    ],
)
def test_check_refuses_what_is_not_a_factor(name: str, words: str, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        load_recipe(name, [words])


def test_a_recipe_without_parts_is_written_as_before() -> None:
    assert "parts" not in as_yaml(load_recipe("quickstart"))
    assert as_yaml(load_recipe("quickstart", ["train.optimizer.parts={}"])) == as_yaml(load_recipe("quickstart"))
    assert "parts:" in as_yaml(load_recipe("quickstart", ["train.optimizer.parts.down=0.1"]))


PHASES = "[{epochs: 1, freeze: [encoder]}, {epochs: 1}, {epochs: 1, freeze: [encoder.stem, decoder]}]"


def small(*words: str) -> Recipe:
    data = "data.dataset={name: scenes, size: 32, train: 12, val: 4}"
    fixed = ("hardware.precision=fp32", "hardware.device=cpu", "hardware.threads=1", "gallery=0", "train.batch=4")
    return load_recipe("quickstart", [data, *fixed, MODEL, f"train.phases={PHASES}", "augment=[]", *words])


def test_frozen_parts_keep_weights_and_statistics_and_the_others_learn(data: Path, tmp_path: Path) -> None:
    recipe = small("train.optimizer.parts={encoder: 0.1}")
    with keyed_random(recipe.train.seed, "weights"):
        states = [{name: tensor.numpy() for name, tensor in Encoded(3, CLASSES).state_dict().items()}]
    trainable = []
    for event in train(recipe, tmp_path / "run", data=data):
        if isinstance(event, PhaseBegan):
            trainable.append(event.trainable)
        if isinstance(event, Finished) or (isinstance(event, PhaseBegan) and event.phase):
            states.append(weights(tmp_path / "run"))
    sizes = {name: value.size for name, value in states[0].items() if "running" not in name and "num_b" not in name}
    for phase, frozen in enumerate((["encoder"], [], ["encoder.stem", "decoder"])):
        before, after = states[phase], states[phase + 1]
        for name, value in after.items():
            same = np.array_equal(before[name], value)
            assert same == (part_of(name, frozen) is not None), (phase, name)
        assert trainable[phase] == sum(size for name, size in sizes.items() if part_of(name, frozen) is None)


def test_weights_learn_while_statistics_are_frozen(data: Path, tmp_path: Path) -> None:
    recipe = small("train.phases=[{epochs: 1, freeze_statistics: [encoder]}]")
    with keyed_random(recipe.train.seed, "weights"):
        before = {name: tensor.numpy() for name, tensor in Encoded(3, CLASSES).state_dict().items()}
    list(train(recipe, tmp_path / "run", data=data))
    changed = {name for name, value in weights(tmp_path / "run").items() if not np.array_equal(before[name], value)}
    norm = "encoder.stem.1"
    fixed = {f"{norm}.running_mean", f"{norm}.running_var", f"{norm}.num_batches_tracked"}
    assert changed == before.keys() - fixed
    assert "freeze_statistics" in as_yaml(recipe)
    assert "freeze_statistics" not in as_yaml(small())


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        ("encodr", "the model has no part 'encodr'"),
        ("decoder", "the part 'decoder' has no BatchNorm layer"),
    ],
)
def test_statistics_that_cannot_be_frozen_are_refused(part: str, sentence: str, data: Path, tmp_path: Path) -> None:
    recipe = small(f"train.phases=[{{epochs: 1, freeze_statistics: [{part}]}}]")
    with pytest.raises(RecipeError, match=f"train.phases.0.freeze_statistics: {sentence}"):
        next(train(recipe, tmp_path / "run", data=data))
    assert not (tmp_path / "run").exists()


def test_phases_and_parts_resume_to_the_same_bytes(data: Path, tmp_path: Path) -> None:
    recipe = small("train.optimizer.parts={encoder: 0.1, encoder.stem: 0.5}", "train.checkpoint_steps=1")
    list(train(recipe, tmp_path / "whole", data=data))
    events = train(recipe, tmp_path / "killed", data=data)
    for event in events:
        if isinstance(event, StepDone) and event.step == 5:
            events.close()
            break
    list(resume(tmp_path / "killed", data=data))
    for which in ("last", "best"):
        files = [sorted((tmp_path / run / which).glob("*.safetensors")) for run in ("whole", "killed")]
        assert [(file.name, file.read_bytes()) for file in files[0]] == [(f.name, f.read_bytes()) for f in files[1]]


def test_the_rate_on_record_is_that_without_a_factor(data: Path, tmp_path: Path) -> None:
    recipe = small("train.optimizer={name: sgd, learning_rate: 0.5, parts: {encoder: 0.1}}", "train.schedule=constant")
    events = list(train(recipe, tmp_path / "run", data=data))
    assert {event.learning_rate for event in events if isinstance(event, StepDone)} == {0.5}


def test_a_factor_for_a_part_that_is_always_frozen_is_named() -> None:
    frozen = "train.phases=[{epochs: 1, freeze: [encoder]}, {epochs: 1, freeze: [encoder, decoder]}]"
    words = [frozen, "train.optimizer.parts={encoder.stem: 0.1, decoder: 2}"]
    assert [line for line in remarks(load_recipe("quickstart", words)) if "parts" in line] == [
        "train.optimizer.parts.encoder.stem=0.1 has no effect: the part is frozen in every phase."
    ]


def test_an_encoder_of_timm_is_frozen_and_then_learns_slowly(learner_of: Callable[..., TorchLearner]) -> None:
    info = DatasetInfo("dots", ("ground", "dot"), ((0, 0, 0), (9, 0, 0)), frozenset({"mask"}))
    phases = "train.phases=[{epochs: 1, freeze: [encoder]}, {epochs: 1}]"
    draw = np.random.default_rng(0)
    pictures = [
        Sample(f"p{n}", draw.integers(0, 256, (32, 32, 3), np.uint8), draw.integers(0, 2, (32, 32)).astype(np.uint8))
        for n in range(4)
    ]
    model = fpn(3, 2, encoder="resnet18")
    learner = learner_of(segment(info), model, {"class": cross_entropy(np.array([1, 1]))}, phases)
    assert list(unknown_parts(learner.recipe, model)) == []
    learner.optimizer = sgd(model, momentum=0.0, parts={"encoder": 0.1})
    for phase, still in ((0, {"encoder"}), (1, set())):
        before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        learner.begin(phase)
        learner.step(learner.encode(pictures), 0.01, phase)
        moved = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
        assert {"encoder", "decoder", "classifier"} - {name.partition(".")[0] for name in moved} == still
    assert any("encoder" in name and name.endswith("running_mean") for name in moved)
    for name, parameter in model.named_parameters():
        rate = 0.001 if name.startswith("encoder.") else 0.01
        if parameter.grad is not None:
            torch.testing.assert_close(parameter, before[name] - rate * parameter.grad, rtol=1e-5, atol=1e-7)


def test_a_frozen_encoder_is_folded_in_training_steps_only(learner_of: Callable[..., TorchLearner]) -> None:
    """The loss is that without folding but for rounding; evaluation and checkpoints do not know of it."""
    info = DatasetInfo("dots", ("ground", "dot"), ((0, 0, 0), (9, 0, 0)), frozenset({"mask"}))
    draw = np.random.default_rng(0)
    pictures = [
        Sample(f"p{n}", draw.integers(0, 256, (32, 32, 3), np.uint8), draw.integers(0, 2, (32, 32)).astype(np.uint8))
        for n in range(4)
    ]
    norms: list[str] = []
    found = []
    for folds in (True, False):
        torch.manual_seed(0)
        model = fpn(3, 2, encoder="resnet18", dropout=0)
        losses = {"class": cross_entropy(np.array([1, 1]))}
        learner = learner_of(segment(info), model, losses, "train.phases=[{epochs: 1, freeze: [encoder]}]")
        learner.optimizer = sgd(model, momentum=0.0, parts={})
        learner.begin(0)
        if not folds:
            learner.folding = Folding([])
        names = list(model.state_dict())
        learner.step(learner.encode(pictures), 0.01, 0)  # it makes the copy
        model.encoder.model.bn1.register_forward_hook(lambda *_: norms.append("called"))
        norms.clear()
        found.append(learner.step(learner.encode(pictures), 0.01, 1)["class"][0])
        called = len(norms)
        norms.clear()
        learner.forward(learner.encode(pictures))
        assert (called, len(norms)) == (0 if folds else 1, 1)
        assert list(model.state_dict()) == names
        batch_norm = [module for module in model.encoder.modules() if isinstance(module, nn.BatchNorm2d)]
        assert len(batch_norm) == 20
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4)
