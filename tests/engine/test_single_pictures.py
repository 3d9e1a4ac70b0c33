"""Batches of one picture that BatchNorm cannot take, and splits without a label: found before the run folder is made."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from torch import Tensor, nn

from pixelwise.engine.checks import rehearsal
from pixelwise.engine.train import train
from pixelwise.errors import DataError, RecipeError
from pixelwise.imaging.files import write_mask
from pixelwise.imaging.palettes import distinct_colours
from pixelwise.recipe.schema import Recipe
from pixelwise.run.length import Length

Tiny = Callable[..., Recipe]


@pytest.fixture(autouse=True)
def allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """This module may be imported where a recipe names it."""
    monkeypatch.setenv("PIXELWISE_ALLOW", __name__)


CLASSIFY = ("task=classify", "metrics=[accuracy]", "train.best=accuracy", "augment=[]")


class Pooled(nn.Module):
    """A classifier that normalises one value of each picture."""

    def __init__(self, inputs: int, outputs: int, norm: type[nn.Module]) -> None:
        super().__init__()
        self.conv, self.norm, self.linear = nn.Conv2d(inputs, 4, 3), norm(4), nn.Linear(4, outputs)

    def forward(self, x: Tensor) -> Tensor:
        pooled: Tensor = self.linear(self.norm(self.conv(x).mean((2, 3))))
        return pooled


def pooled(in_channels: int, out_channels: int) -> nn.Module:
    return Pooled(in_channels, out_channels, nn.BatchNorm1d)


def without_statistics(in_channels: int, out_channels: int) -> nn.Module:
    return Pooled(in_channels, out_channels, nn.LayerNorm)


def dense(in_channels: int, out_channels: int) -> nn.Module:
    """BatchNorm over many pixels: one picture is enough."""
    return nn.Sequential(nn.Conv2d(in_channels, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Conv2d(4, out_channels, 1))


def test_a_picture_left_over_is_found_before_the_first_step(tiny: Tiny, data: Path, tmp_path: Path) -> None:
    words = (*CLASSIFY, f"model={__name__}:pooled", "train.batch=19")  # of 20 pictures
    with pytest.raises(RecipeError) as refused:
        list(train(tiny(*words), tmp_path / "run", data=data))
    said = str(refused.value)
    assert "train.batch=19: 20 training pictures in batches of 19 leave 1 over, but the model cannot be trained" in said
    assert "Try train.batch=18, a larger data.size, or a model without batch normalisation." in said
    assert not (tmp_path / "run").exists()
    list(train(tiny(*words, "train.batch=18", "train.phases.0.epochs=1"), tmp_path / "run", data=data))


@pytest.mark.parametrize(
    "words",
    [
        (*CLASSIFY, f"model={__name__}:without_statistics", "train.batch=19"),
        (f"model={__name__}:dense", "train.batch=19"),
        (*CLASSIFY, f"model={__name__}:pooled", "train.batch=19", "train.phases=[{steps: 1}, {steps: 1}]"),
        (*CLASSIFY, f"model={__name__}:pooled", "train.batch=19", "train.phases=[{epochs: 1, freeze: [norm]}]"),
    ],
    ids=["without statistics", "many pixels", "never shown", "frozen"],
)
def test_where_the_model_copes_or_there_is_no_such_batch_it_trains(
    words: tuple[str, ...], tiny: Tiny, data: Path, tmp_path: Path
) -> None:
    short = () if any("phases" in word for word in words) else ("train.phases.0.epochs=1",)
    *_, last = train(tiny(*words, *short), tmp_path / "run", data=data)
    assert last.reason == "complete"


def shares(pictures: int, batch: int, processes: int, phases: tuple[int, ...]) -> Iterator[set[int]]:
    length = Length(phases, -(-pictures // batch))
    for number in range(len(phases)):
        yield set(rehearsal._shares(pictures, batch, processes, length, number))


@pytest.mark.parametrize(
    ("pictures", "batch", "processes", "phases", "found"),
    [
        (20, 19, 1, (2,), [{19, 1}]),
        (20, 19, 1, (1, 3), [{19}, {19, 1}]),
        (21, 8, 1, (3,), [{8, 5}]),
        (21, 8, 3, (3,), [{2, 1}]),  # of the last 5, the processes get 2, 2 and 1
        (20, 8, 4, (3,), [{2, 1}]),
        (5, 8, 1, (1,), [{5}]),
        (1, 8, 1, (4,), [{1}]),
        (9, 8, 2, (2,), [{4, 1}]),  # one picture, and a stand-in for the process without one
    ],
)
def test_the_smallest_share_of_each_phase(
    pictures: int, batch: int, processes: int, phases: tuple[int, ...], found: list[set[int]]
) -> None:
    assert list(shares(pictures, batch, processes, phases)) == found


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_split_without_a_labelled_pixel_is_refused(
    split: str, tiny: Tiny, drawn: Callable[..., Path], data: Path, tmp_path: Path
) -> None:
    import numpy as np

    path = drawn(tmp_path / "drawn")
    for file in (path / "masks").glob(f"{split}*.png"):
        write_mask(file, np.full((32, 32), 255, np.uint8), distinct_colours(3))
    recipe = tiny(f"data={{dataset: {{name: folder, path: {path}, void: 255}}, size: [32, 32]}}", "train.batch=3")
    with pytest.raises(DataError, match=rf"the split '{split}' has no labelled pixel\. Every pixel is void \(255\)\."):
        list(train(recipe, tmp_path / "run", data=data))
    assert not (tmp_path / "run").exists()
    first = path / "masks" / f"{split}2.png"
    mask = np.full((32, 32), 255, np.uint8)
    mask[3, 4] = 1
    write_mask(first, mask, distinct_colours(3))
    *_, last = train(recipe, tmp_path / "run", data=data)
    assert last.reason == "complete"


def test_void_that_counts_as_background_is_a_label(
    tiny: Tiny, drawn: Callable[..., Path], data: Path, tmp_path: Path
) -> None:
    import numpy as np

    path = drawn(tmp_path / "drawn")
    (path / "classes.txt").write_text("background\na\nb\n")
    for file in (path / "masks").glob("train*.png"):
        write_mask(file, np.full((32, 32), 255, np.uint8), distinct_colours(3))
    words = (f"data={{dataset: {{name: folder, path: {path}, void: 255}}, size: [32, 32]}}", "task.void=background")
    *_, last = train(tiny(*words, "train.phases.0.epochs=1"), tmp_path / "run", data=data)
    assert last.reason == "complete"
