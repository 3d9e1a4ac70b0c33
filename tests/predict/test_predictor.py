"""Pictures of any size predicted by a run of the torch engine: held against the plain way to do it."""

from __future__ import annotations

import copy
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow
from torch import nn
from torch.nn.functional import interpolate

from pixelwise.engine import reduced
from pixelwise.engine.base import Opened
from pixelwise.engine.torch.reductions import enlarged
from pixelwise.errors import DataError, DeviceError, RunError, ShapeError
from pixelwise.imaging.files import read_image, write_image
from pixelwise.imaging.resize import resize_image
from pixelwise.predict import Predictor, Tiles
from pixelwise.run.folder import RunFolder
from pixelwise.types import Image


def picture(height: int, width: int) -> Image:
    return np.random.default_rng(height * width).integers(0, 256, (height, width, 3), dtype=np.uint8)


def plain_scores(trained: Opened, image: Image) -> torch.Tensor:
    """(1, C, H, W): the model on the whole picture, normalised by the formula."""
    mean, std = torch.tensor(trained.task.input.mean), torch.tensor(trained.task.input.std)
    x = ((torch.tensor(image).float() / 255 - mean) / std).permute(2, 0, 1)[None]
    with torch.inference_mode():
        return trained.learner.model.eval()(x)


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
    labelled = Predictor(trained).predict(image)
    scores = plain_scores(trained, resize_image(image, trained.size))
    probabilities = interpolate(scores, size, mode="bilinear", align_corners=False).softmax(dim=1)[0]
    assert labelled.indices.shape == size
    np.testing.assert_allclose(labelled.confidence, probabilities.amax(dim=0), atol=1e-5)
    chosen = probabilities.gather(0, torch.from_numpy(labelled.indices).long()[None])[0]
    np.testing.assert_allclose(chosen, probabilities.amax(dim=0), atol=1e-5)  # equal up to ties


def test_memory_bands_change_nothing(trained: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    image = picture(61, 47)
    whole = Predictor(trained).predict(image), Predictor(trained).predict(image, Tiles(32, 0))
    monkeypatch.setattr(reduced, "BAND", 700)
    banded = Predictor(trained).predict(image), Predictor(trained).predict(image, Tiles(32, 0))
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
    whole = Predictor(small).predict(image, Tiles(1000, 0))
    tiled = Predictor(small).predict(image, Tiles(64, 8))
    assert np.array_equal(whole.indices, tiled.indices)
    np.testing.assert_allclose(whole.confidence, tiled.confidence, atol=1e-6)
    np.testing.assert_allclose(whole.confidence, plain_scores(small, image).softmax(1).amax(1)[0], atol=1e-6)


def test_28_tilings_are_the_whole(trained: Opened) -> None:
    image = picture(90, 130)
    small = Predictor(with_model(trained, convolutions(3, 5, 3)))
    whole = small.predict(image, Tiles(1000, 0))
    for tile in range(40, 152, 4):
        tiled = small.predict(image, Tiles(tile, 8))
        assert np.array_equal(whole.indices, tiled.indices)
        np.testing.assert_allclose(whole.confidence, tiled.confidence, atol=1e-6)


def test_tiles_differ_from_the_whole_where_it_does_not(trained: Opened) -> None:
    image = picture(150, 210)
    small = with_model(trained, convolutions(3, 5, 3))
    whole, tiled = (Predictor(small).predict(image, Tiles(tile, 0)) for tile in (1000, 64))
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
    whole = Predictor(trained).predict(image, Tiles(1000))
    tiled = Predictor(trained).predict(image, Tiles(128, 64))  # depth 2 sees at most 28 pixels to each side
    np.testing.assert_allclose(whole.confidence, tiled.confidence, atol=1e-5)
    assert np.mean(whole.indices != tiled.indices) < 1e-4  # ties


def test_tiles_that_cannot_work_are_refused_beforehand(trained: Opened) -> None:
    with pytest.raises(ShapeError, match="cannot overlap by 40"):
        Predictor(trained).check_tiles(Tiles(64, 40))
    Predictor(trained).check_tiles(Tiles(64, 32))


def test_too_little_memory_says_what_to_lower(trained: Opened) -> None:
    class Greedy(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")

    with pytest.raises(DeviceError, match=r"not enough memory for 50×40 pixels at once.*--tile"):
        Predictor(with_model(trained, Greedy())).predict(picture(40, 50), Tiles())


def test_predicting_does_not_wait_for_torchvision() -> None:
    engine = "pixelwise.engine.train, pixelwise.engine.torch.learner"
    program = f"import sys; import {engine}; assert 'torchvision' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# -- what the class promises ---------------------------------------------------------------------------------------


def test_a_picture_may_be_an_array_a_path_or_of_pillow(tiny_run: Path, tmp_path: Path) -> None:
    predictor = Predictor.open(tiny_run, device="cpu")
    image = picture(40, 50)
    write_image(tmp_path / "a.png", image)
    expected = predictor.predict(image).indices
    for same in (tmp_path / "a.png", str(tmp_path / "a.png"), Pillow.fromarray(image), torch.from_numpy(image)):
        assert np.array_equal(predictor.predict(same).indices, expected)
    for wrong in (None, [[1, 2], [3, 4]]):
        with pytest.raises(DataError, match=r"a picture is \(H, W, 3\) uint8"):
            predictor.predict(wrong)
    with pytest.raises(DataError, match=r"a picture is \(H, W, 3\) uint8"):
        predictor.predict(image.astype(float), tiles=64)
    with pytest.raises(DataError, match="this file does not exist"):
        predictor.predict(tmp_path / "b.png")


def test_a_prediction_knows_its_classes_and_shows_itself(tiny_run: Path, tiny_classifier: Path) -> None:
    predictor = Predictor.open(tiny_run, checkpoint="last", device="cpu")
    found = predictor.predict(picture(40, 50))
    assert found.info == predictor.info
    assert "<img" in found._repr_html_()
    assert predictor.predict(picture(40, 50), needs=()).confidence is None
    labels = Predictor.open(RunFolder.open(tiny_classifier), device="cpu").predict(picture(40, 50))
    assert labels.info.classes[int(labels.probabilities.argmax())] in labels._repr_html_()


@pytest.mark.parametrize("kind", ["tiny_run", "tiny_classifier"])
def test_files_are_predicted_in_order_and_a_damaged_one_stops_nothing(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    predictor = Predictor.open(request.getfixturevalue(kind), device="cpu")
    files = [tmp_path / f"{number}.png" for number in range(7)]
    for number, file in enumerate(files):
        write_image(file, picture(20 + number, 30))
    files[4].write_bytes(b"broken")
    found = list(predictor.predict_files(str(file) for file in files))
    assert [one.file for one in found] == files
    for one in (files[0], str(files[0])):
        assert [alone.file for alone in predictor.predict_files(one)] == files[:1]
    assert [one.prediction is None for one in found] == [number == 4 for number in range(7)]
    assert str(files[4]) in str(found[4].problems[0])
    for one, file in zip(found, files, strict=True):
        if one.prediction is not None:
            assert one.size == read_image(file).shape[:2]
            alone = predictor.predict(file)
            name = "indices" if kind == "tiny_run" else "probabilities"
            np.testing.assert_allclose(getattr(one.prediction, name), getattr(alone, name), atol=1e-6)


def test_whole_pictures_have_no_tiles(tiny_classifier: Path) -> None:
    predictor = Predictor.open(tiny_classifier, device="cpu")
    with pytest.raises(RunError, match="labels whole pictures, at the size that the run was validated at"):
        predictor.predict(picture(40, 50), tiles=64)
    with pytest.raises(RunError, match="labels whole pictures"):
        next(predictor.predict_files([], tiles=Tiles()))
