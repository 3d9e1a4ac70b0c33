"""The loop: its events in order, phases, freezing, early stopping, the best checkpoint, and what is refused beforehand."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from torch import nn

from pixelwise.engine import fit as loop
from pixelwise.engine.checks.guard import Interruption
from pixelwise.engine.evaluate import Evaluation
from pixelwise.engine.torch.learner import TorchLearner
from pixelwise.engine.train import resume, train
from pixelwise.errors import RecipeError, TrainingError
from pixelwise.models.parts import lies_within
from pixelwise.recipe.load import as_yaml
from pixelwise.recipe.schema import EarlyStopping, Recipe
from pixelwise.run.events import EpochDone, Event, Finished, PhaseBegan, Saved, Started, StepDone
from pixelwise.run.progress import Progress
from pixelwise.types import Score

Tiny = Callable[..., Recipe]
SMALL = ("model.width=2", "model.depth=1", "hardware.threads=1", "gallery=0")


def arrays(run: Path, which: str = "last") -> dict[str, np.ndarray]:
    (file,) = (run / which).glob("model-*.safetensors")
    return load_file(file)


def scored(monkeypatch: pytest.MonkeyPatch, values: list[float | None], *, falling: bool = False) -> None:
    """Let validations find these scores, one after the other (and then the last one, for the conclusion)."""
    left = list(values)

    def validate(parts: object, look: object = None) -> Evaluation:
        value = left.pop(0) if len(left) > 1 else left[0]
        if falling:
            return Evaluation({"loss": value}, [Score("mean_iou", 0.5)])
        return Evaluation({"loss": 1.0}, [Score("mean_iou", value, {"void": "none"})])

    monkeypatch.setattr(loop, "validate", validate)
    monkeypatch.setattr("pixelwise.engine.train.finish", lambda *given: None)


def kinds(events: list[Event]) -> list[str]:
    return [f"{e.kind} {e.which}" if isinstance(e, Saved) else e.kind for e in events]


def test_events_come_in_the_order_of_what_happens(tiny: Tiny, data: Path, tmp_path: Path) -> None:
    events = list(
        train(tiny(*SMALL, "train.phases.0.epochs=2", "train.checkpoint_steps=2"), tmp_path / "run", data=data)
    )
    epoch = ["step", "step", "saved last", "step", "epoch"]
    assert kinds(events)[:8] == ["started", "phase", *epoch, "saved best"]
    assert kinds([e for e in events if not (isinstance(e, Saved) and e.which == "best")]) == [
        "started", "phase", *epoch, "saved last", "step", "saved last", "step", "step", "epoch", "saved last", "finished",
    ]  # fmt: skip
    assert events[0] == Started(0, 0, 2, 3, (6,))
    assert [e.step for e in events if isinstance(e, StepDone)] == [1, 2, 3, 4, 5, 6]
    assert [e.epoch for e in events if isinstance(e, StepDone)] == [1, 1, 1, 2, 2, 2]
    assert [(e.epoch, e.step, e.pictures) for e in events if isinstance(e, EpochDone)] == [(1, 3, 20), (2, 6, 20)]
    assert events[-1].reason == "complete"
    kept = [json.loads(line)["event"] for line in (tmp_path / "run" / "events.jsonl").read_text().splitlines()]
    assert kept == [event.kind for event in events]


def test_the_loss_of_an_epoch_is_the_mean_over_its_pixels(tiny: Tiny, data: Path, tmp_path: Path) -> None:
    events = list(train(tiny(*SMALL, "train.phases.0.epochs=1"), tmp_path / "run", data=data))
    steps = [e.losses["loss"] for e in events if isinstance(e, StepDone)]
    (epoch,) = (e for e in events if isinstance(e, EpochDone))
    assert epoch.train["loss"] == pytest.approx(np.average(steps, weights=[8, 8, 4]), rel=1e-6)


def test_the_rate_follows_the_schedule_at_the_middle_of_each_step(tiny: Tiny, data: Path, tmp_path: Path) -> None:
    recipe = tiny(
        *SMALL,
        "train.optimizer={name: sgd, learning_rate: 0.5}",
        "train.schedule={name: poly, power: 1.0}",
        "train.phases=[{epochs: 2}, {epochs: 1, learning_rate: 0.01, schedule: constant}]",
    )
    events = list(train(recipe, tmp_path / "run", data=data))
    expected = [0.5 * (1 - (step + 0.5) / 6) for step in range(6)] + [0.01] * 3
    assert [e.learning_rate for e in events if isinstance(e, StepDone)] == pytest.approx(expected)
    assert [(e.phase, e.epoch) for e in events if isinstance(e, PhaseBegan)] == [(0, 0), (1, 2)]


def test_a_phase_of_steps_ends_after_exactly_so_many_and_closes_its_epoch(
    tiny: Tiny, data: Path, tmp_path: Path
) -> None:
    recipe = tiny(
        *SMALL,
        "train.optimizer={name: sgd, learning_rate: 0.5}",
        "train.schedule={name: poly, power: 1.0}",
        "train.phases=[{steps: 5}, {steps: 1, learning_rate: 0.01}, {epochs: 1}]",
        "train.validate_every=9",
    )
    events = list(train(recipe, tmp_path / "run", data=data))
    assert events[0] == Started(0, 0, 4, 3, (5, 1, 3))
    steps = [e for e in events if isinstance(e, StepDone)]
    assert [(e.step, e.epoch) for e in steps] == [
        *((1, 1), (2, 1), (3, 1), (4, 2), (5, 2)),
        (6, 3),
        *((7, 4), (8, 4), (9, 4)),
    ]
    whole = [0.5 * (1 - (step + 0.5) / 5) for step in range(5)]  # the schedule runs over the five steps of its phase
    assert [e.learning_rate for e in steps] == pytest.approx(
        [*whole, 0.01 / 2, *(0.5 * (1 - (step + 0.5) / 3) for step in range(3))]
    )
    assert [(e.phase, e.epoch) for e in events if isinstance(e, PhaseBegan)] == [(0, 0), (1, 2), (2, 3)]
    epochs = [e for e in events if isinstance(e, EpochDone)]
    assert [(e.epoch, e.step, e.pictures, bool(e.scores)) for e in epochs] == [
        (1, 3, 20, False),
        (2, 5, 16, True),  # cut short, so validated however rare that is
        (3, 6, 8, True),
        (4, 9, 20, True),
    ]
    assert (events[-1].reason, events[-1].epoch, events[-1].step) == ("complete", 4, 9)


def test_as_many_steps_as_whole_epochs_have_are_the_same_training(tiny: Tiny, data: Path, tmp_path: Path) -> None:
    more = (*SMALL, "train.schedule={name: cosine, warmup: 1}")
    for name, length in (("epochs", "{epochs: 2}"), ("steps", "{steps: 6}")):
        list(train(tiny(*more, f"train.phases=[{length}]"), tmp_path / name, data=data))
    one, other = arrays(tmp_path / "epochs"), arrays(tmp_path / "steps")
    assert all(np.array_equal(one[name], other[name]) for name in one)


def test_a_stop_is_heard_where_an_epoch_has_one_step(tiny: Tiny, data: Path, tmp_path: Path) -> None:
    recipe = tiny(*SMALL, "train.phases.0.epochs=3", "train.batch=20")
    list(train(recipe, tmp_path / "whole", data=data))
    interruption, events = Interruption(), []
    for event in train(recipe, tmp_path / "run", data=data, interruption=interruption):
        events.append(event)
        if isinstance(event, Started):
            interruption.number = 15
    assert [e.step for e in events if isinstance(e, StepDone)] == [1]
    assert events[-1].reason == "interrupted"
    list(resume(tmp_path / "run", data=data))
    whole, resumed = arrays(tmp_path / "whole"), arrays(tmp_path / "run")
    assert all(np.array_equal(whole[name], resumed[name]) for name in whole)


def test_frozen_parts_stand_still_bit_for_bit_with_their_statistics(tiny: Tiny, data: Path, tmp_path: Path) -> None:
    phases = "train.phases=[{epochs: 1}, {epochs: 1, freeze: [down.0]}, {epochs: 1}]"
    recipe = tiny(*SMALL, phases, "train.optimizer={name: adamw, weight_decay: 0.1}")
    seen = []
    learning = []
    for event in train(recipe, tmp_path / "run", data=data):
        if isinstance(event, PhaseBegan):
            learning.append(event.trainable)
        if isinstance(event, Started | StepDone) and (tmp_path / "run" / "last" / "state.json").is_file():
            seen.append(arrays(tmp_path / "run"))
        if isinstance(event, Finished):
            seen.append(arrays(tmp_path / "run"))
    first, second, third = seen[0], seen[3], seen[-1]
    frozen = [name for name in first if name.startswith("down.0.")]
    assert any("running_mean" in name for name in frozen)
    for name in first:
        stays = name in frozen
        assert np.array_equal(first[name], second[name]) == stays, name
        assert not np.array_equal(second[name], third[name]), name  # thawed again
    assert learning[0] == learning[2] > learning[1]


def test_validation_is_as_rare_as_asked_and_the_last_epoch_always_has_one(
    tiny: Tiny, data: Path, tmp_path: Path
) -> None:
    recipe = tiny(*SMALL, "train.validate_every=2", "train.phases.0.epochs=5", "data.dataset.train=8")
    epochs = [e for e in train(recipe, tmp_path / "run", data=data) if isinstance(e, EpochDone)]
    assert [bool(e.scores) for e in epochs] == [False, True, False, True, True]
    assert [bool(e.validation) for e in epochs] == [bool(e.scores) for e in epochs]


def run_scored(
    monkeypatch: pytest.MonkeyPatch, values: list[float | None], recipe: Recipe, run: Path, data: Path, **how: bool
) -> tuple[list[tuple[int, float | None]], Finished]:
    scored(monkeypatch, values, **how)
    events = list(train(recipe, run, data=data))
    best = [(e.epoch, e.value) for e in events if isinstance(e, Saved) and e.which == "best"]
    return best, events[-1]


ONE_STEP = (*SMALL, "data.dataset.train=8")


def test_the_best_checkpoint_follows_the_score(
    tiny: Tiny, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = [None, 0.2, 0.2, None, 0.3, 0.1]
    recipe = tiny(*ONE_STEP, "train.phases.0.epochs=6")
    best, finished = run_scored(monkeypatch, values, recipe, tmp_path / "run", data)
    assert best == [(2, 0.2), (5, 0.3)]  # None never, an equal score neither
    assert (finished.best_epoch, finished.best_value) == (5, 0.3)
    state = json.loads((tmp_path / "run" / "best" / "state.json").read_text())
    assert state["step"] == 5


def test_the_loss_can_be_followed_and_less_of_it_is_better(
    tiny: Tiny, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = tiny(
        *ONE_STEP, "train.best=loss", "train.phases.0.epochs=9", "train.early_stopping={patience: 2, metric: loss}"
    )
    best, finished = run_scored(monkeypatch, [2.0, 1.5, 1.7, 1.5, 1.0], recipe, tmp_path / "run", data, falling=True)
    assert best == [(1, 2.0), (2, 1.5)]
    assert (finished.reason, finished.epoch) == ("early stopping", 4)


@pytest.mark.parametrize(
    ("rule", "values", "epochs"),
    [
        ("{patience: 1}", [0.1, 0.2, 0.2, 0.9], 3),
        ("{patience: 2}", [0.3, 0.2, 0.4, 0.3, 0.3, 0.9], 5),
        ("{patience: 2, least_gain: 0.05}", [0.3, 0.34, 0.36, 0.38, 0.4], 5),  # 0.36 gains 0.06 over 0.3
        ("{patience: 3}", [None, None, None, 0.9], 3),
    ],
)
def test_early_stopping_counts_validations_without_a_better_score(
    rule: str,
    values: list[float | None],
    epochs: int,
    tiny: Tiny,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe = tiny(*ONE_STEP, f"train.early_stopping={rule}", "train.phases.0.epochs=9")
    _, finished = run_scored(monkeypatch, values, recipe, tmp_path / "run", data)
    assert (finished.reason, finished.epoch) == ("early stopping", epochs)


def test_a_training_stopped_early_stays_stopped(
    tiny: Tiny, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = tiny(*ONE_STEP, "train.early_stopping={patience: 1}", "train.phases.0.epochs=9")
    run_scored(monkeypatch, [0.2, 0.1], recipe, tmp_path / "run", data)
    again = list(resume(tmp_path / "run", data=data))
    assert kinds(again) == ["started", "finished"]
    assert again[-1].reason == "early stopping"


def test_staleness_is_counted_on_the_named_metric() -> None:
    progress = Progress()
    rule = EarlyStopping(patience=5, metric="pixel_accuracy")
    for iou, accuracy in ((0.1, 0.5), (0.2, 0.4), (0.3, 0.3), (0.1, 0.6)):
        loop.count_stale(progress, [Score("mean_iou", iou), Score("pixel_accuracy", accuracy)], rule, "mean_iou")
    assert (progress.stale, progress.stop_value) == (0, 0.6)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["train.best=mean_iuo"], "train.best: no metric of the recipe gives a score 'mean_iuo'; .*'mean_iou'"),
        (
            ["train.early_stopping={patience: 2, metric: acuracy}"],
            "train.early_stopping.metric: no metric of the recipe gives a score 'acuracy'; "
            "choose from mean_iou, pixel_accuracy",
        ),
        (
            ["train.phases=[{epochs: 1}, {epochs: 1, freeze: [dwn.0, up]}]"],
            r"train\.phases\.1\.freeze: the model has no part 'dwn\.0'; its largest parts are down.*Did you mean 'down\.0'",
        ),
        (["train.phases.0.freeze=[down, up, classifier]"], "freezes the whole model, so that nothing learns"),
        (["train.best=x", "train.phases.0.freeze=[y]"], r"(?s)train\.best: .*train\.phases\.0\.freeze: "),
    ],
)
def test_names_that_only_model_and_metrics_can_judge_are_refused_before_the_first_step(
    overrides: list[str], said: str, tiny: Tiny, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match=said):
        next(train(tiny(*SMALL, *overrides), tmp_path / "run", data=data))
    assert not (tmp_path / "run").exists()


def test_a_training_that_runs_away_keeps_the_last_good_checkpoint(tiny: Tiny, data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    recipe = tiny(*SMALL, "train.phases=[{epochs: 1}, {epochs: 3, learning_rate: 1e30}]", "train.schedule=constant")
    events = train(recipe, run, data=data)
    while not (isinstance(event := next(events), PhaseBegan) and event.phase == 1):
        pass
    good = arrays(run)
    with pytest.raises(TrainingError) as stopped:
        list(events)
    said = str(stopped.value)
    assert "step 5" in said
    assert "train-000" in said
    assert said.endswith(f"The last good checkpoint is {run / 'last'}.")
    assert all(np.array_equal(good[name], value) for name, value in arrays(run).items())


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_weights_that_ran_away_in_the_last_step_are_not_saved(
    norm: str, tiny: Tiny, data: Path, tmp_path: Path
) -> None:
    recipe = tiny(*ONE_STEP, f"model.norm={norm}", "train.optimizer.learning_rate=1e30", "train.schedule=constant")
    with pytest.raises(TrainingError, match=r"(?s)split 'val': the loss is not finite with .*val-000.*No checkpoint"):
        list(train(recipe, tmp_path / "run", data=data))
    assert not (tmp_path / "run" / "last").exists()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate"),
            "Lower train.batch",
        ),
        (
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"),
            "train.batch=8: there is not enough",
        ),
        (MemoryError(), "hardware.precision=bf16"),
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed."), "Lower data.workers"),
        (OSError(28, "No space left on device", "/run/x"), "/run/x: could not be written: No space left on device"),
    ],
)
def test_errors_from_below_say_what_to_lower_and_what_is_safe(
    error: Exception, said: str, tiny: Tiny, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    step = TorchLearner.step

    def fail(self: TorchLearner, *given: object) -> object:
        calls.append(1)
        if len(calls) > 4:  # one is the rehearsal's
            raise error
        return step(self, *given)

    monkeypatch.setattr(TorchLearner, "step", fail)
    with pytest.raises(Exception, match=r"could not be written|not enough memory|was killed") as stopped:
        list(train(tiny(*SMALL), tmp_path / "run", data=data))
    assert said in str(stopped.value)
    assert str(stopped.value).endswith(f"The last good checkpoint is {tmp_path / 'run' / 'last'}.")


def test_an_error_of_another_kind_is_not_dressed_up(
    tiny: Tiny, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: object) -> None:
        raise RuntimeError("a fault in the house")

    monkeypatch.setattr("pixelwise.engine.train.rehearse", lambda *given: ())
    monkeypatch.setattr(TorchLearner, "step", fail)
    with pytest.raises(RuntimeError, match="a fault in the house"):
        list(train(tiny(*SMALL), tmp_path / "run", data=data))


def test_one_picture_left_over_is_explained(tiny: Tiny, data: Path, tmp_path: Path) -> None:
    recipe = tiny("model={name: basic_fcn}", "data.dataset.train=9", "hardware.threads=1")  # 32×32 shrinks to 1×1
    with pytest.raises(
        RecipeError, match=r"train\.batch=8: 9 training pictures in batches of 8 leave 1 over.*Try train\.batch=7"
    ):
        list(train(recipe, tmp_path / "run", data=data))
    assert not (tmp_path / "run").exists()


def test_what_lies_within() -> None:
    model = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1))
    assert [name for name, _ in model.named_parameters() if lies_within(name, ("1",))] == ["1.weight", "1.bias"]
    assert not lies_within("10.weight", ("1",))  # a prefix of whole words


@pytest.mark.slow
def test_two_processes_freeze_and_thaw_as_one_does(tiny: Tiny, data: Path, tmp_path: Path) -> None:
    """Where a part stands still its gradients never come; the processes must not wait for them."""
    recipe = tiny(
        *SMALL,
        "data.dataset.train=17",
        "model.norm=none",
        "hardware.device=cpu",
        "train.optimizer={name: sgd, learning_rate: 0.05}",
        "train.phases=[{epochs: 1}, {epochs: 1, freeze: [down]}, {epochs: 1}, {epochs: 1, freeze: [up, classifier]}]",
    )
    list(train(recipe, tmp_path / "one", data=data))
    file = tmp_path / "recipe.yaml"
    file.write_text(as_yaml(recipe))
    torchrun = [
        "-m",
        "torch.distributed.run",
        "--nproc-per-node=2",
        "--standalone",
        "-m",
        "pixelwise",
        "train",
        str(file),
    ]
    command = [sys.executable, *torchrun, "--out", str(tmp_path / "two"), "--data", str(data)]
    child = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert child.returncode == 0, child.stderr
    alone, shared = arrays(tmp_path / "one"), arrays(tmp_path / "two")
    for name in alone:
        np.testing.assert_allclose(shared[name], alone[name], rtol=0, atol=1e-5, err_msg=name)
