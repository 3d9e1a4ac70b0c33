"""Runs of the NumPy network put to work: what is predicted is what its network computes, at any size of picture."""

import shutil
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from pixelwise.engine.evaluate import predict
from pixelwise.engine.numpy.learner import network_stride
from pixelwise.engine.numpy.reductions import enlarged
from pixelwise.engine.setup import open_learner
from pixelwise.engine.train import resume
from pixelwise.errors import DeviceError, RunError, ShapeError
from pixelwise.imaging.resize import resize_image
from pixelwise.predict import Predictor, Tiles
from pixelwise.run.checkpoint import load_checkpoint
from pixelwise.run.folder import RunFolder
from pixelwise.run.normalisation import IMAGENET_MEAN, IMAGENET_STD
from pixelwise.scratch.layers import Conv2d, ConvTranspose2d, MaxPool2d, ReLU
from pixelwise.scratch.network import Network
from pixelwise.types import Sample


def picture(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def direct(trained, image):
    """Scores (C, H, W) of a picture whose sides fit, without the code under test."""
    x = (image / 255 - IMAGENET_MEAN) / IMAGENET_STD
    scores, _ = trained.learner.network.forward(np.ascontiguousarray(x.transpose(2, 0, 1)[None]).astype(np.float32))
    return scores[0]


def test_a_picture_of_the_training_size_is_labelled_by_a_direct_forward(pixels_run):
    trained = open_learner(pixels_run)
    image = picture(32, 32)
    scores = direct(trained, image)
    for found in (Predictor(trained).predict(image), Predictor(trained).predict(image, Tiles())):
        np.testing.assert_array_equal(found.indices, scores.argmax(axis=0))
        expected = torch.softmax(torch.from_numpy(scores), dim=0).amax(dim=0).numpy()
        np.testing.assert_allclose(found.confidence, expected, rtol=1e-4)


def test_one_picture_is_computed_by_all_threads_of_the_run(pixels_run, monkeypatch):
    """The network's own threads divide a batch, so that a batch's products have one thread each."""
    trained, limits = open_learner(pixels_run), []
    trained.learner.threads = 3

    def limited(threads, user_api):
        limits.append(threads)
        return nullcontext()

    monkeypatch.setattr("threadpoolctl.threadpool_limits", limited)
    Predictor(trained).predict(picture(32, 32))
    predict(trained.learner, [Sample("a", picture(32, 32)), Sample("b", picture(32, 32))])
    with trained.learner.computing():  # as in a training or an evaluation
        predict(trained.learner, [Sample("a", picture(32, 32))])
    assert limits == [3, 1, 1]


def test_the_weights_are_those_of_the_checkpoint_asked_for(pixels_run):
    for which in ("best", "last"):
        trained = open_learner(pixels_run, checkpoint=which)
        arrays, state = load_checkpoint(pixels_run.path / which, "model")
        for name, value in trained.learner.network.state().items():
            np.testing.assert_array_equal(value, arrays["model"][name])
        assert (trained.step, trained.epoch) == (state["progress"]["step"], state["progress"]["epoch"])


def test_resized_scores_are_enlarged_and_not_the_class_map(pixels_run):
    trained, image = open_learner(pixels_run), picture(50, 75)
    scores = torch.from_numpy(direct(trained, resize_image(image, (32, 32)))[None])
    scores = functional.interpolate(scores, (50, 75), mode="bilinear", align_corners=False)[0].numpy()
    found = Predictor(trained).predict(image)
    highest = np.sort(scores, axis=0)
    clear = highest[-1] - highest[-2] > 1e-4
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(found.indices[clear], scores.argmax(axis=0)[clear])


@settings(max_examples=30, deadline=None)
@given(*(st.integers(1, 40) for _ in range(4)), st.integers(0, 9))
def test_enlarging_is_torchs_bilinear_interpolation(height, width, rows, columns, seed):
    scores = np.random.default_rng(seed).standard_normal((1, 3, height, width)).astype(np.float32)
    exact = torch.from_numpy(scores.astype(np.float64))  # in float32 torch rounds the places too
    expected = functional.interpolate(exact, (rows, columns), mode="bilinear", align_corners=False)
    bands = list(enlarged(scores, (rows, columns), 3))
    np.testing.assert_allclose(np.concatenate([band for _, band in bands], axis=2), expected.numpy(), atol=1e-5)


def test_enlarging_goes_by_bands():
    scores = np.random.default_rng(0).standard_normal((1, 3, 7, 5)).astype(np.float32)
    ((_, whole),) = enlarged(scores, (20, 11), 20)
    bands = list(enlarged(scores, (20, 11), 3))
    assert len(bands) > 3
    assert [rows.start for rows, _ in bands][1:] == [rows.stop for rows, _ in bands][:-1]
    np.testing.assert_array_equal(np.concatenate([band for _, band in bands], axis=2), whole)


@pytest.mark.parametrize("size", [(40, 52), (36, 44)])
def test_any_size_whose_stride_fits_is_computed_as_it_is(pixels_run, size):
    trained, image = open_learner(pixels_run), picture(*size)
    np.testing.assert_array_equal(
        Predictor(trained).predict(image, Tiles()).indices, direct(trained, image).argmax(axis=0)
    )


def test_a_size_that_does_not_fit_is_padded_with_the_mean_colour_and_cropped(pixels_run):
    trained, image = open_learner(pixels_run), picture(37, 30)
    x = np.zeros((1, 3, 40, 32), np.float32)  # the mean is 0 once it is normalised
    x[0, :, :37, :30] = ((image / 255 - IMAGENET_MEAN) / IMAGENET_STD).transpose(2, 0, 1)
    expected = trained.learner.network.forward(x)[0][0].argmax(axis=0)[:37, :30]
    np.testing.assert_array_equal(Predictor(trained).predict(image, Tiles()).indices, expected)


def test_tiles_agree_with_the_whole_picture(pixels_run):
    trained, image = open_learner(pixels_run), picture(96, 120)
    whole = Predictor(trained).predict(image, Tiles(512))
    tiled = Predictor(trained).predict(image, Tiles(72, 56))  # half of it covers what a pixel sees
    np.testing.assert_array_equal(tiled.indices, whole.indices)


def test_tiles_that_overlap_altogether_are_refused(pixels_run):
    trained = open_learner(pixels_run)
    Predictor(trained).check_tiles(Tiles(32, 28))
    with pytest.raises(ShapeError, match="cannot overlap"):
        Predictor(trained).check_tiles(Tiles(32, 30))


@pytest.mark.parametrize(
    ("layers", "stride"),
    [
        ([Conv2d(3, 4, 3)], 1),
        ([Conv2d(3, 4, 3, stride=2, padding=1), ReLU(), MaxPool2d(2), ConvTranspose2d(4, 3, 4, stride=4)], 4),
        ([MaxPool2d(3), Conv2d(3, 4, 3, padding=1), ConvTranspose2d(4, 4, 3, stride=3), MaxPool2d((1, 2))], 6),
    ],
)
def test_the_stride_is_the_coarsest_grid(layers, stride):
    assert network_stride(Network(layers, (3, 48, 48))) == stride


def test_whole_pictures_get_probabilities(pictures_run):
    trained = open_learner(pictures_run)
    images = [picture(32, 32, seed) for seed in range(3)]
    mean = np.array(pictures_run.read("setup")["findings"]["mean_image"])
    x = np.stack([(image - mean).transpose(2, 0, 1) for image in images]).astype(np.float32)
    expected = torch.softmax(torch.from_numpy(trained.learner.network.forward(x)[0]), dim=1).numpy()
    found = np.stack([Predictor(trained).predict(one).probabilities for one in images])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_run_labels_what_it_was_trained_to_label(pictures_run, pixels_run):
    with pytest.raises(RunError, match="labels whole pictures, at the size that the run was validated at"):
        Predictor(open_learner(pictures_run)).predict(picture(40, 40), 512)
    predictor = Predictor(open_learner(pixels_run))
    predictor.opened.learner.any_size = False
    with pytest.raises(RunError, match="reads whole pictures only, at 32×32"):
        predictor.predict(picture(40, 40), tiles=512)


def test_what_cannot_be_opened_is_refused(pixels_run):
    with pytest.raises(DeviceError, match="computes on the CPU"):
        open_learner(pixels_run, device="cuda")


def test_a_broken_setup_is_told(pixels_run, tmp_path):
    shutil.copytree(pixels_run.path, tmp_path / "run")
    run = RunFolder.open(tmp_path / "run")
    setup = run.read("setup")
    run.write("setup", {**setup, "choices": {}})
    with pytest.raises(RunError, match=r"does not say how the run was computed.*threads"):
        open_learner(run)
    del setup["data"]["classes"]
    run.write("setup", setup)
    with pytest.raises(RunError, match="does not say what the run was trained on"):
        open_learner(run)


@pytest.mark.parametrize(
    "mean", [None, "x", [], [[1.0, 2.0]], [[["é"] * 3] * 32] * 32, [[[1e39] * 3] * 32] * 32, [[[0.5] * 3] * 16] * 16]
)
def test_a_damaged_mean_picture_is_refused(mean, pictures_run, tmp_path):
    run = RunFolder(shutil.copytree(pictures_run.path, tmp_path / "run"))
    setup = run.read("setup")
    setup["findings"]["mean_image"] = mean
    run.write("setup", setup)
    for use in (lambda: open_learner(run), lambda: list(resume(run.path, data=tmp_path / "data"))):
        with pytest.raises(RunError, match=r"setup\.json: does not say what was found in the training pictures"):
            use()
