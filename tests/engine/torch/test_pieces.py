"""A batch cut into pieces: the gradient of the whole, for one term and several, with mixtures, dropout and statistics."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pixelwise.engine.order import count_pieces
from pixelwise.engine.torch.learner import TorchLearner
from pixelwise.engine.torch.pieces import Shown
from pixelwise.engine.train import resume, train
from pixelwise.errors import RecipeError, TrainingError
from pixelwise.losses.base import Loss, Term
from pixelwise.losses.cross_entropy import cross_entropy
from pixelwise.recipe.effects import remarks
from pixelwise.recipe.load import as_yaml, load_recipe
from pixelwise.recipe.schema import Recipe
from pixelwise.run.checkpoint import load_checkpoint
from pixelwise.run.events import StepDone
from pixelwise.tasks.classify import classify
from pixelwise.tasks.segment import segment
from pixelwise.types import DatasetInfo, Sample

Tiny = Callable[..., Recipe]
KNOWS = frozenset({"mask", "label"})
INFO = DatasetInfo("dots", ("ground", "dot", "line"), ((0, 0, 0), (9, 0, 0), (0, 9, 0)), KNOWS, void=255)
LOSS = cross_entropy(np.array([900, 90, 10]), weights="median")


def samples(count: int, *, void: bool = False) -> list[Sample]:
    """Pictures of which the last ones have hardly a labelled pixel: a mean of means would weigh them too much."""
    draw, made = np.random.default_rng(3), []
    for number in range(count):
        mask = draw.choice([0, 1, 2, 255], (8, 8)).astype(np.uint8)
        mask[number + 1 :] = 255
        image = draw.integers(0, 256, (8, 8, 3), np.uint8)
        made.append(Sample(f"p{number}", image, np.full_like(mask, 255) if void else mask, label=number % 3))
    return made


def network(*, norm: bool = False, dropout: float = 0.0) -> nn.Module:
    torch.manual_seed(0)
    middle = nn.BatchNorm2d(4) if norm else nn.GroupNorm(2, 4)
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), middle, nn.ReLU(), nn.Dropout(dropout), nn.Conv2d(4, 3, 1))


def stepped(
    learner_of: Any, model: nn.Module, losses: Any, *words: str, task: Any = None, **how: Any
) -> tuple[Any, Any]:
    """(sums, learner) after one step of SGD with seven pictures of a batch of eight."""
    learner: TorchLearner = learner_of(task or segment(INFO), copy.deepcopy(model), losses, "train.batch=8", *words)
    learner.optimizer = torch.optim.SGD(learner.model.parameters(), lr=0.5)
    learner.choices = replace(learner.choices, **{key: how[key] for key in ("precision",) if key in how})
    learner.begin(0)
    return learner.step(learner.encode(samples(7, void=how.get("void", False))), 0.5, 4), learner


def assert_close(one: TorchLearner, other: TorchLearner, atol: float = 1e-6) -> None:
    for (name, value), wanted in zip(one.model.named_parameters(), other.model.parameters(), strict=True):
        torch.testing.assert_close(value, wanted, rtol=1e-5, atol=atol, msg=name)
        torch.testing.assert_close(value.grad, wanted.grad, rtol=1e-5, atol=atol, msg=name)


@pytest.mark.parametrize("pieces", [2, 3, 4, 8])
@pytest.mark.parametrize("clip", ["train.clip=null", "train.clip=0.01"])
def test_pieces_have_the_gradient_of_the_whole(learner_of: Any, pieces: int, clip: str) -> None:
    model = network()
    sums, whole = stepped(learner_of, model, {"class": LOSS}, clip)
    parts, cut = stepped(learner_of, model, {"class": LOSS}, clip, f"train.accumulate={pieces}")
    assert_close(cut, whole)
    assert parts["class"] == pytest.approx(sums["class"], rel=1e-6)
    assert any(not torch.equal(a, b) for a, b in zip(cut.model.parameters(), model.parameters(), strict=True))


class Several(nn.Module):
    """Losses of its own: one term, or the same in two terms with denominators of their own."""

    def __init__(self, split: bool, **how: Any) -> None:
        super().__init__()
        self.body, self.split = network(**how), split

    def forward(self, images: Tensor) -> Tensor:
        made: Tensor = self.body(images)
        return made

    def losses(self, images: Tensor, targets: Any) -> dict[str, Term]:
        scores, target = self(images), targets["class"].long()
        loss = functional.cross_entropy(scores, target, ignore_index=-1, reduction="sum")
        if not self.split:
            return {"one": Term(loss, (target >= 0).sum())}
        squares = scores.square().sum((1, 2, 3))
        return {"match": Term(loss, (target >= 0).sum()), "size": Term(squares.sum(), torch.tensor(len(images)))}


def test_several_terms_have_the_gradient_of_the_whole(learner_of: Any) -> None:
    sums, whole = stepped(learner_of, Several(True), {})
    parts, cut = stepped(learner_of, Several(True), {}, "train.accumulate=3")
    assert parts.keys() == sums.keys() == {"match", "size"}
    for name, pair in sums.items():
        assert parts[name] == pytest.approx(pair, rel=1e-6)
    assert_close(cut, whole, atol=2e-6)


class Halves(Loss):
    """One loss in two parts that have the same denominator: together they are the whole."""

    def forward(self, scores: Tensor, target: Tensor) -> Any:
        term = LOSS(scores, target)
        return {name: Term(term.numerator / 2, term.denominator) for name in ("a", "b")}


def test_the_pass_for_denominators_repeats_the_draws_and_leaves_no_statistics(
    learner_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = network(norm=True, dropout=0.5)
    _, one = stepped(learner_of, model, {"class": LOSS}, "train.accumulate=3")
    plain = TorchLearner._compared

    def halves(self: TorchLearner, *given: Any) -> dict[str, Term]:
        (term,) = plain(self, *given).values()
        return {name: Term(term.numerator / 2, term.denominator) for name in ("a", "b")}

    monkeypatch.setattr(TorchLearner, "_compared", halves)
    _, two = stepped(learner_of, model, {"class": LOSS}, "train.accumulate=3")
    assert_close(one, two)
    for (name, value), other in zip(one.model.named_buffers(), two.model.buffers(), strict=True):
        assert torch.equal(value, other), name
    assert one.model[1].num_batches_tracked == 3  # a piece is what BatchNorm sees


def test_mixtures_are_of_the_whole_batch(learner_of: Any) -> None:
    torch.manual_seed(1)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    task, loss = classify(INFO, mixup=0.4), {"class": cross_entropy(np.array([5, 3, 2]))}
    _, whole = stepped(learner_of, model, loss, task=task)
    _, cut = stepped(learner_of, model, loss, "train.accumulate=4", task=task)
    assert_close(cut, whole)


def test_bf16_pieces(learner_of: Any) -> None:
    _, whole = stepped(learner_of, network(), {"class": LOSS}, precision="bf16")
    _, cut = stepped(learner_of, network(), {"class": LOSS}, "train.accumulate=4", precision="bf16")
    assert_close(cut, whole, atol=0.02)  # of gradients up to 0.5: seven bits


def test_pieces_without_a_label_change_nothing(learner_of: Any) -> None:
    model = network()
    sums, cut = stepped(learner_of, model, {"class": LOSS}, "train.accumulate=4", void=True)
    assert sums == {"class": (0.0, 0.0)}
    assert all(torch.equal(a, b) for a, b in zip(cut.model.parameters(), model.parameters(), strict=True))


class Broken(Loss):
    """It is not a number where the first picture of the batch is not in the piece."""

    def forward(self, scores: Tensor, target: Tensor) -> Term:
        return Term(scores.sum() * (1.0 if (target >= 0).sum() < 20 else float("nan")), torch.tensor(1.0))


def test_a_piece_that_is_not_finite_changes_no_weight(learner_of: Any) -> None:
    model = network()
    learner = learner_of(segment(INFO), model, {"class": Broken()}, "train.batch=8", "train.accumulate=4")
    learner.optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    learner.begin(0)
    before = [p.detach().clone() for p in model.parameters()]
    with pytest.raises(TrainingError, match=r"step 5: the loss 'class' became nan with the pictures p0, .*p6"):
        learner.step(learner.encode(samples(7)), 0.5, 4)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_pieces_are_as_long_as_each_other_and_keep_the_order() -> None:
    shown = Shown(torch.arange(7), {"class": list("abcdefg")}, {"class": torch.arange(7)}, 0.3)
    cut = shown.cut(3)
    assert [piece.images.tolist() for piece in cut] == [[0, 1], [2, 3], [4, 5, 6]]
    assert [piece.targets["class"] for piece in cut] == [["a", "b"], ["c", "d"], ["e", "f", "g"]]
    assert [(piece.others["class"].tolist(), piece.share) for piece in cut][2] == ([4, 5, 6], 0.3)


def test_how_many_pieces() -> None:
    assert [count_pieces(n, 16, 4) for n in (16, 13, 12, 4, 1)] == [4, 4, 3, 1, 1]
    assert count_pieces(8, 16, 4, 2) == 4
    assert count_pieces(16, 16, 1) == 1


RUN = ("train.accumulate=3", "train.clip=1.0", "train.ema=0.9", "train.phases.0.epochs=2", "train.checkpoint_steps=2")


@pytest.mark.parametrize("step", [3, 4])
def test_resume_ends_in_the_same_bytes(step: int, tiny: Tiny, data: Path, tmp_path: Path) -> None:
    recipe = tiny(*RUN, "model.width=2", "model.depth=1")
    list(train(recipe, tmp_path / "whole", data=data))
    events = train(recipe, tmp_path / "killed", data=data)
    for event in events:
        if isinstance(event, StepDone) and event.step == step:
            events.close()
            break
    list(resume(tmp_path / "killed", data=data))
    for which in ("last", "best"):
        there, here = (sorted((tmp_path / one / which).glob("*.safetensors")) for one in ("whole", "killed"))
        assert [(f.name, f.read_bytes()) for f in there] == [(f.name, f.read_bytes()) for f in here]


@pytest.mark.slow
def test_two_processes_have_the_gradient_of_one(tiny: Tiny, data: Path, tmp_path: Path) -> None:
    fixed = ("model.norm=none", "hardware.device=cpu", "train.optimizer={name: sgd, learning_rate: 0.05}")
    phases = "train.phases=[{epochs: 1}, {epochs: 1, freeze: [down]}]"
    recipe = tiny(*fixed, "data.dataset.train=17", phases, "train.schedule=constant", "train.ema=0.9")
    list(train(recipe, tmp_path / "one", data=data))
    file = tmp_path / "recipe.yaml"
    cut = recipe.model_copy(update={"train": recipe.train.model_copy(update={"accumulate": 3})})
    file.write_text(as_yaml(cut))
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone", "-m", "pixelwise"]
    command = [*launch, "train", str(file), "--out", str(tmp_path / "two"), "--data", str(data)]
    child = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert child.returncode == 0, child.stderr
    one, two = (load_checkpoint(tmp_path / run / "last", "model", "ema")[0] for run in ("one", "two"))
    for part, arrays in one.items():
        for name, value in arrays.items():
            np.testing.assert_allclose(two[part][name], value, rtol=0, atol=1e-5, err_msg=f"{part} {name}")


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        (
            "scenes/scratch_fcn",
            ["train.accumulate=2"],
            "train.accumulate: read 2; the NumPy network computes each batch whole",
        ),
        ("quickstart", ["train.accumulate=0"], "greater than or equal to 1"),
        ("quickstart", ["train.grad_accum=2"], "Did you mean 'train.accumulate'"),
    ],
)
def test_what_check_refuses(name: str, words: list[str], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        load_recipe(name, words)


def test_what_a_reader_may_not_expect_is_named() -> None:
    assert remarks(load_recipe("quickstart", ["train.accumulate=4", "train.batch=8"])) == []
    assert remarks(load_recipe("quickstart", ["train.accumulate=4", "train.batch=2"])) == [
        "train.accumulate=4: a batch of 2 pictures is cut into 2 pieces."
    ]
    assert remarks(load_recipe("quickstart", ["train.accumulate=4", "loss={name: dice, over: batch}"])) == [
        "loss.over=batch takes the pictures of a piece together (train.accumulate=4)."
    ]


def test_a_recipe_without_pieces_is_written_as_before() -> None:
    assert "accumulate" not in as_yaml(load_recipe("quickstart", ["train.accumulate=1"]))
    assert "accumulate: 4\n" in as_yaml(load_recipe("quickstart", ["train.accumulate=4"]))


def test_pieces_of_one_picture_that_the_model_cannot_take(tiny: Tiny, data: Path, tmp_path: Path) -> None:
    recipe = tiny("model={name: basic_fcn}", "train.accumulate=8")  # 32×32 shrinks to 1×1
    with pytest.raises(
        TrainingError, match=r"train\.accumulate=8: BatchNorm .*a batch of one picture.*Lower train\.accumulate"
    ):
        list(train(recipe, tmp_path / "run", data=data))
    assert not (tmp_path / "run").exists()
