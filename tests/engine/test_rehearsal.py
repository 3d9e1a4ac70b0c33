"""The rehearsal: what it shows the model, and when it takes whole pictures."""

import threading
from pathlib import Path
from typing import Any

import pytest

from pixelwise.engine.checks.rehearsal import CORNER, _different
from pixelwise.engine.train import train
from pixelwise.errors import PixelwiseError, RecipeError, ShapeError, TrainingError
from pixelwise.recipe.load import load_recipe
from pixelwise.recipe.schema import Item, Phase
from pixelwise.run.events import Noted
from pixelwise.run.folder import RunFolder

SEEN: list[tuple[int, ...]] = []
CPU = "hardware={device: cpu, precision: fp32, threads: 1}"


@pytest.fixture(autouse=True)
def allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """This module may be imported where a recipe names it."""
    monkeypatch.setenv("PIXELWISE_ALLOW", __name__)


def picky_net(in_channels: int, out_channels: int, *, least: int = 0):  # type: ignore[no-untyped-def]
    """A dense model that notes the sizes of its pictures, and refuses small ones."""
    from torch import nn

    class Picky(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Conv2d(in_channels, out_channels, 3, padding=1)

        def forward(self, x):  # type: ignore[no-untyped-def]
            SEEN.append(tuple(x.shape[-2:]))
            if x.shape[-1] < least:
                raise ValueError(f"pictures of at least {least} pixels are needed")
            return self.layer(x)

    return Picky()


@pytest.mark.parametrize(("least", "sizes"), [(0, [CORNER, CORNER]), (65, [CORNER, 96, 96]), (97, [CORNER, 96])])
def test_a_corner_is_shown_and_whole_pictures_where_it_is_too_small(
    tmp_path: Path, least: int, sizes: list[int]
) -> None:
    recipe = load_recipe(
        "quickstart",
        [
            f"model={{name: '{__name__}:picky_net', least: {least}}}",
            "data.dataset={name: scenes, train: 4, val: 2, size: 96}",
            "augment=[]",
            "hardware.precision=fp32",
        ],
    )
    SEEN.clear()
    events = train(recipe, tmp_path / "run", data=tmp_path)
    if least > 96:
        with pytest.raises(RecipeError, match="pictures of at least 97 pixels are needed"):
            next(events)
        assert not (tmp_path / "run").exists()
    else:
        next(events)
        assert (tmp_path / "run").exists()
    events.close()
    assert [size[0] for size in SEEN[: len(sizes)]] == sizes


def test_a_single_training_picture_of_another_size_is_tried_twice_over(tmp_path: Path) -> None:
    words = ("model={name: unet, width: 4, depth: 1}", "augment=[{name: scale_crop, size: [64, 64]}]", CPU)
    recipe = load_recipe("quickstart", [*words, "data.dataset={name: scenes, train: 1, val: 2, size: 32}"])
    next(train(recipe, tmp_path / "run", data=tmp_path))
    assert (tmp_path / "run").exists()


def rigid_net(in_channels: int, out_channels: int):  # type: ignore[no-untyped-def]
    """A dense model that takes pictures of 48×48 only."""
    from torch import nn

    class Rigid(nn.Conv2d):
        def forward(self, x):  # type: ignore[no-untyped-def]
            if x.shape[-1] != 48:
                raise ValueError("pictures of 48×48 are needed")
            return super().forward(x)

    return Rigid(in_channels, out_channels, 1)


@pytest.mark.parametrize(
    ("model", "kind", "said"),
    [
        (
            "pixel_frequency",
            ShapeError,
            r"model: the training pictures are 64×32, but pixel_frequency counts locations of 48×48\. Leave out augment",
        ),
        (
            f"{__name__}:rigid_net",
            RecipeError,
            r"augment: a training step with two augmented .* pictures of 48×48 are needed.*the size of the pictures, 48×48",
        ),
    ],
)
def test_pictures_that_augmentation_gives_another_size_are_tried(
    model: str, kind: type[PixelwiseError], said: str, tmp_path: Path
) -> None:
    def begin(size: str) -> None:
        words = (f"model={model}", f"augment=[{{name: scale_crop, size: {size}}}]", CPU)
        recipe = load_recipe("quickstart", [*words, "data.dataset={name: scenes, train: 4, val: 2, size: 48}"])
        next(train(recipe, tmp_path / "run", data=tmp_path))

    with pytest.raises(kind, match=said):
        begin("[32, 64]")
    assert not (tmp_path / "run").exists()
    begin("[48, 48]")
    assert (tmp_path / "run").exists()


def test_a_learning_rate_without_sense_is_the_trainings_to_report(tmp_path: Path) -> None:
    words = ("task=classify", "model={name: whitened_cnn, width: 2}", "train.phases=[{epochs: 1, learning_rate: 1e30}]")
    recipe = load_recipe("quickstart", [*words, "data.dataset={name: scenes, train: 4, val: 2, size: 32}", CPU])
    with pytest.raises(TrainingError, match=r"not finite|became"):
        list(train(recipe, tmp_path / "run", data=tmp_path))


def stubborn_net(in_channels: int, out_channels: int):  # type: ignore[no-untyped-def]
    """A dense model that refuses what the description of its layers shows it: black pictures."""
    from torch import nn

    class Stubborn(nn.Conv2d):
        def forward(self, x):  # type: ignore[no-untyped-def]
            if not x.any():
                raise ValueError("nothing to see")
            return super().forward(x)

    return Stubborn(in_channels, out_channels, 1)


def test_a_model_that_cannot_be_described_leaves_no_folder(tmp_path: Path) -> None:
    words = (f"model={__name__}:stubborn_net", "data.dataset={name: scenes, train: 4, val: 2, size: 32}", CPU)
    with pytest.raises(ShapeError, match="nothing to see"):
        next(train(load_recipe("quickstart", words), tmp_path / "run", data=tmp_path))
    assert not (tmp_path / "run").exists()


def locked_net(in_channels: int, out_channels: int):  # type: ignore[no-untyped-def]
    """A model that cannot be copied."""
    from torch import nn

    net = nn.Conv2d(in_channels, out_channels, 1)
    net.lock = threading.Lock()  # type: ignore[assignment]
    return net


def test_a_model_that_cannot_be_copied_trains_untried(tmp_path: Path) -> None:
    words = (f"model={__name__}:locked_net", "data.dataset={name: scenes, train: 4, val: 2, size: 32}", CPU)
    events = train(load_recipe("quickstart", words), tmp_path / "run", data=tmp_path)
    event = next(events)
    events.close()
    assert isinstance(event, Noted)
    assert event.text.startswith(
        f"no training step was tried beforehand: model '{__name__}:locked_net' cannot be copied"
    )
    assert event.text in RunFolder.open(tmp_path / "run").read("setup")["notes"]


def large_net(in_channels: int, out_channels: int):  # type: ignore[no-untyped-def]
    """A model for whose copy there is not enough memory."""
    from torch import nn

    class Large(nn.Conv2d):
        def __deepcopy__(self, memo: object) -> None:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")

    return Large(in_channels, out_channels, 1)


def test_a_copy_without_enough_memory_is_refused(tmp_path: Path) -> None:
    words = (f"model={__name__}:large_net", "data.dataset={name: scenes, train: 4, val: 2, size: 32}", CPU)
    with pytest.raises(TrainingError, match="there is not enough memory for a training step"):
        next(train(load_recipe("quickstart", words), tmp_path / "run", data=tmp_path))
    assert not (tmp_path / "run").exists()


def broken_loss(counts: Any, *, how: str = "raises"):  # type: ignore[no-untyped-def]
    """A loss with a fault that shows only when it is computed."""
    import torch

    from pixelwise.losses.base import Loss, Term

    class Broken(Loss):
        def forward(self, scores, target):  # type: ignore[no-untyped-def]
            if how == "raises":
                raise ValueError("a fault of the loss")
            return Term(scores.sum() * float("nan"), torch.tensor(1.0))

    return Broken()


@pytest.mark.parametrize(
    ("how", "kind", "said"),
    [
        (
            "raises",
            RecipeError,
            r"train\.phases\.1: a training step with two pictures failed: ValueError: a fault of the",
        ),
        ("nan", TrainingError, r"train\.phases\.1: model 'unet': the first update is not finite"),
    ],
)
def test_the_loss_of_a_later_phase_is_tried_too(
    how: str, kind: type[PixelwiseError], said: str, tmp_path: Path
) -> None:
    words = (
        "model={name: unet, width: 4, depth: 1}",
        "data.dataset={name: scenes, train: 4, val: 2, size: 32}",
        f"train.phases=[{{epochs: 1}}, {{epochs: 1, loss: {{name: '{__name__}:broken_loss', how: {how}}}}}]",
        CPU,
    )
    with pytest.raises(kind, match=said):
        next(train(load_recipe("quickstart", words), tmp_path / "run", data=tmp_path))
    assert not (tmp_path / "run").exists()


def test_phases_that_compute_the_same_are_tried_once() -> None:
    head = Phase(epochs=1, freeze=("encoder",))
    assert _different([head, Phase(epochs=2), Phase(steps=3, learning_rate=0.1), head]) == [0, 1]
    dice, still = Phase(epochs=1, loss=Item(name="dice")), Phase(epochs=1, freeze_statistics=("encoder",))
    assert _different([Phase(epochs=1), dice, still, dice]) == [0, 1, 2]
