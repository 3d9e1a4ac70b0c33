"""A run opened without its data, and pictures of any size labelled: held against the plain way to do it."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import interpolate

from pixelwise.data.scenes import scenes
from pixelwise.engine.base import Opened
from pixelwise.engine.hardware.trial import Trial
from pixelwise.engine.opening import open_learner
from pixelwise.engine.predict import check_tiles, predict_resized, predict_tiles
from pixelwise.engine.torch import heads
from pixelwise.engine.torch.reductions import enlarged
from pixelwise.errors import DeviceError, RunError, ShapeError
from pixelwise.imaging.resize import resize_image
from pixelwise.run.checkpoint import load_checkpoint
from pixelwise.run.folder import RunFolder
from pixelwise.types import Image


@pytest.fixture(scope="module")
def trained(tiny_run: Path) -> Opened:
    return open_learner(RunFolder.open(tiny_run), device="cpu")


@pytest.fixture
def copied(tiny_run: Path, tmp_path: Path) -> RunFolder:
    shutil.copytree(tiny_run, tmp_path / "run")
    return RunFolder.open(tmp_path / "run")


def picture(height: int, width: int) -> Image:
    return np.random.default_rng(height * width).integers(0, 256, (height, width, 3), dtype=np.uint8)


def plain_scores(trained: Opened, image: Image) -> torch.Tensor:
    """(1, C, H, W): the model on the whole picture, normalised by the formula."""
    mean, std = torch.tensor(trained.task.input.mean), torch.tensor(trained.task.input.std)
    x = ((torch.tensor(image).float() / 255 - mean) / std).permute(2, 0, 1)[None]
    with torch.inference_mode():
        return trained.learner.model.eval()(x)


# -- opening -------------------------------------------------------------------------------------------------------


def test_open_needs_no_data_set_and_gives_the_checkpoint(trained: Opened, tiny_run: Path) -> None:
    info = scenes(Path("nowhere"), void_rim=1).info
    assert trained.info == info
    assert trained.size == (32, 32)
    assert trained.epoch == 1
    arrays, _ = load_checkpoint(tiny_run / "best", "model")
    state = trained.learner.model.state_dict()
    assert arrays["model"].keys() == state.keys()
    assert all(np.array_equal(arrays["model"][name], tensor.numpy()) for name, tensor in state.items())


def test_both_checkpoints_open(tiny_run: Path) -> None:
    assert open_learner(RunFolder.open(tiny_run), checkpoint="last", device="cpu").checkpoint == "last"


def test_a_checkpoint_cut_short_is_refused_and_left_alone(copied: RunFolder) -> None:
    (weights,) = (copied.path / "best").glob("model-*.safetensors")
    content = weights.read_bytes()[:-10]
    weights.write_bytes(content)
    with pytest.raises(RunError, match="cut short or was changed"):
        open_learner(copied, device="cpu")
    assert weights.read_bytes() == content


def test_a_checkpoint_of_another_architecture_is_refused(copied: RunFolder) -> None:
    text = copied.recipe_file.read_text()
    copied.recipe_file.write_text(text.replace("width: 4", "width: 8"))
    with pytest.raises(RunError, match="of another architecture than the run"):
        open_learner(copied, device="cpu")


def test_a_run_without_a_checkpoint_says_so(copied: RunFolder) -> None:
    shutil.rmtree(copied.path / "best")
    with pytest.raises(RunError, match="there is no checkpoint here"):
        open_learner(copied, device="cpu")


def test_a_damaged_setup_is_named(copied: RunFolder) -> None:
    setup = copied.read("setup")
    del setup["data"]["classes"]
    (copied.path / "setup.json").write_text(json.dumps(setup))
    with pytest.raises(RunError, match=r"setup\.json: does not say what the run was trained on.*classes"):
        open_learner(copied, device="cpu")


@pytest.mark.parametrize(("trained_on", "outcome", "precision"), [
    ("cpu", Trial(speed=0.5), "bf16"),  # as it was trained, however fast that is: its scores come out again
    ("cpu", Trial(died="SIGILL"), "fp32"),
    ("cuda:0", Trial(speed=0.5), "fp32"),
    ("cuda:0", Trial(speed=2.0), "bf16"),
])  # fmt: skip
def test_a_run_in_bf16_is_opened_in_bf16_where_that_works(
    trained_on: str, outcome: Trial, precision: str, copied: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for finder in ("find_trial", "find_fair_trial"):
        monkeypatch.setattr(f"pixelwise.engine.hardware.device.{finder}", lambda threads, memory: outcome)
    setup = copied.read("setup")
    setup["choices"] |= {"precision": "bf16", "device": trained_on}
    copied.write("setup", setup)
    assert open_learner(copied, device="cpu").learner.choices.precision == precision


def test_an_unknown_device_is_refused(tiny_run: Path) -> None:
    with pytest.raises(DeviceError, match="read 'gpu'; allowed are auto, cpu, cuda and cuda:N"):
        open_learner(RunFolder.open(tiny_run), device="gpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_refused(tiny_run: Path) -> None:
    with pytest.raises(DeviceError, match="no CUDA GPU here"):
        open_learner(RunFolder.open(tiny_run), device="cuda")


# -- at the recipe's size ------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.integers(1, 4),
    st.integers(1, 300),
)
def test_bands_together_are_torchs_bilinear_interpolation(
    small: tuple[int, int], large: tuple[int, int], classes: int, band: int
) -> None:
    scores = torch.randn(1, classes, *small, generator=torch.Generator().manual_seed(0))
    expected = interpolate(scores, large, mode="bilinear", align_corners=False)
    parts = list(enlarged(scores, large, max(1, band // (classes * large[1]))))
    assert [part.shape[2] for _, part in parts] == [rows.stop - rows.start for rows, _ in parts]
    torch.testing.assert_close(torch.cat([part for _, part in parts], dim=2), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [(32, 32), (75, 50), (20, 90), (1, 1)])
def test_resized_is_argmax_of_enlarged_scores(trained: Opened, size: tuple[int, int]) -> None:
    image = picture(*size)
    labelled = predict_resized(trained, image)
    scores = plain_scores(trained, resize_image(image, trained.size))
    probabilities = interpolate(scores, size, mode="bilinear", align_corners=False).softmax(dim=1)[0]
    assert labelled.indices.shape == size
    np.testing.assert_allclose(labelled.confidence, probabilities.amax(dim=0), atol=1e-5)
    chosen = probabilities.gather(0, torch.from_numpy(labelled.indices).long()[None])[0]
    np.testing.assert_allclose(chosen, probabilities.amax(dim=0), atol=1e-5)  # equal up to ties


def test_memory_bands_change_nothing(trained: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    image = picture(61, 47)
    whole = predict_resized(trained, image), predict_tiles(trained, image, tile=32, overlap=0)
    monkeypatch.setattr(heads, "BAND", 700)
    banded = predict_resized(trained, image), predict_tiles(trained, image, tile=32, overlap=0)
    for one, other in zip(whole, banded, strict=True):
        assert np.array_equal(one.indices, other.indices)
        np.testing.assert_allclose(one.confidence, other.confidence, rtol=1e-6)


# -- at the picture's own size -------------------------------------------------------------------------------------


def convolutions(*kernels: int) -> nn.Module:
    """A net of 'same' convolutions: an output pixel sees (K − 1)/2 pixels to each side for every kernel."""
    torch.manual_seed(0)
    widths = [3, *[6] * (len(kernels) - 1), 7]
    layers = [nn.Conv2d(widths[i], widths[i + 1], k, padding=k // 2) for i, k in enumerate(kernels)]
    return nn.Sequential(*(module for layer in layers for module in (layer, nn.ReLU()))).eval()


def with_model(opened: Opened, model: nn.Module) -> Opened:
    learner = copy.copy(opened.learner)
    learner.model = model
    return replace(opened, learner=learner)


def test_tiles_equal_the_whole_where_the_overlap_covers_the_receptive_field(trained: Opened) -> None:
    image = picture(150, 210)
    small = with_model(trained, convolutions(3, 5, 3))  # sees 1 + 2 + 1 = 4 pixels to each side
    whole = predict_tiles(small, image, tile=1000, overlap=0)
    tiled = predict_tiles(small, image, tile=64, overlap=8)
    assert np.array_equal(whole.indices, tiled.indices)
    np.testing.assert_allclose(whole.confidence, tiled.confidence, atol=1e-6)
    np.testing.assert_allclose(whole.confidence, plain_scores(small, image).softmax(1).amax(1)[0], atol=1e-6)


def test_tiles_differ_from_the_whole_where_it_does_not(trained: Opened) -> None:
    image = picture(150, 210)
    small = with_model(trained, convolutions(3, 5, 3))
    whole, tiled = (predict_tiles(small, image, tile=tile, overlap=0) for tile in (1000, 64))
    apart = np.abs(whole.confidence - tiled.confidence) > 1e-6
    assert apart.any()
    inner = np.ones(210, bool)
    for border in (64, 128, 192):  # tiles start at multiples of 32, here of 64: nothing else differs
        inner[border - 4 : border + 4] = False
    rows = np.ones(150, bool)
    for border in (64, 128):
        rows[border - 4 : border + 4] = False
    assert not apart[np.ix_(rows, inner)].any()


def test_tiles_of_a_network_with_pooling_lie_on_its_grid(trained: Opened) -> None:
    image = picture(200, 270)  # no multiple of the stride 4
    whole = predict_tiles(trained, image, tile=1000)
    tiled = predict_tiles(trained, image, tile=128, overlap=64)  # depth 2 sees at most 28 pixels to each side
    np.testing.assert_allclose(whole.confidence, tiled.confidence, atol=1e-5)
    assert np.mean(whole.indices != tiled.indices) < 1e-4  # ties


def test_tiles_that_cannot_work_are_refused_beforehand(trained: Opened) -> None:
    with pytest.raises(ShapeError, match="cannot overlap by 40"):
        check_tiles(trained, 64, 40)
    check_tiles(trained, 64, 32)


def test_too_little_memory_says_what_to_lower(trained: Opened) -> None:
    class Greedy(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")

    with pytest.raises(DeviceError, match=r"not enough memory for 50×40 pixels at once.*--tile"):
        predict_tiles(with_model(trained, Greedy()), picture(40, 50))


def test_predicting_does_not_wait_for_torchvision() -> None:
    engine = "pixelwise.engine.train, pixelwise.engine.torch.learner"
    program = f"import sys; import {engine}; assert 'torchvision' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
