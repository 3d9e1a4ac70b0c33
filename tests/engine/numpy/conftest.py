"""One small trained run of the NumPy network for each task; both are only to be read."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from pixelwise.engine.train import train
from pixelwise.recipe.load import load_recipe
from pixelwise.run.folder import RunFolder

SMALL = (
    "data.dataset={name: scenes, size: 32, train: 10, val: 5, test: 4, void_rim: 1}",
    "data.test=test",
    "train.batch=4",
    "train.phases.0.epochs=2",
    "hardware.threads=1",
    "gallery=1",
)
PIXELS = (*SMALL, "model.width=3", "model.depth=2")
PICTURES = (
    *SMALL,
    "task={name: classify, mean: image, std: null}",
    "model={name: conv_pool, width: 3, kernel: 3}",
    "train.optimizer.learning_rate=1e-3",
)


def finished(folder: Path, overrides: Sequence[str], data: Path) -> RunFolder:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pixelwise.engine.finish.build_report", lambda run: None)
        for _ in train(load_recipe("scenes/scratch_fcn", overrides), folder, data=data):
            pass
    return RunFolder.open(folder)


@pytest.fixture(scope="session")
def pixels_run(tmp_path_factory: pytest.TempPathFactory, data: Path) -> RunFolder:
    """It labels the pixels of pictures of 32×32 (stride 4)."""
    return finished(tmp_path_factory.mktemp("scratch") / "pixels", PIXELS, data)


@pytest.fixture(scope="session")
def pictures_run(tmp_path_factory: pytest.TempPathFactory, data: Path) -> RunFolder:
    """It labels pictures of 32×32, less the mean picture."""
    return finished(tmp_path_factory.mktemp("scratch") / "pictures", PICTURES, data)
