"""Probabilities averaged over mirrored and rescaled views: against the loop written out, and never unmarked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from command_line import run_command, said
from pixelwise.engine.base import Opened
from pixelwise.engine.torch.model import TensorBatch
from pixelwise.engine.torch.views import averaged_scores
from pixelwise.engine.views import Views
from pixelwise.errors import RunError
from pixelwise.imaging.files import write_image
from pixelwise.models.classifiers.fixed_size import check_size
from pixelwise.predict import Predictor, Tiles
from pixelwise.report.record import read_record
from pixelwise.run.folder import RunFolder
from pixelwise.tasks.base import Head, Input
from pixelwise.types import Image, Sample

SCALES = (0.75, 1.0, 1.25)


def picture(height: int, width: int) -> Image:
    return np.random.default_rng(height * width).integers(0, 256, (height, width, 3), dtype=np.uint8)


def written_out(trained: Opened, image: Image, flips: bool, scales: tuple[float, ...]) -> torch.Tensor:
    """(C, H, W) float64: the mean of the softmax of every view's scores, where the picture has its pixels."""
    mean, std = torch.tensor(trained.task.input.mean), torch.tensor(trained.task.input.std)
    x = ((torch.tensor(image).float() / 255 - mean) / std).permute(2, 0, 1)[None]
    found = []
    for scale in scales:
        for flipped in (False, True) if flips else (False,):
            seen = x.flip(3) if flipped else x
            size = (round(scale * x.shape[2]), round(scale * x.shape[3]))
            seen = interpolate(seen, size, mode="bilinear", antialias=True) if scale != 1 else seen
            with torch.inference_mode():
                scores = trained.learner.model.eval()(seen)
            scores = interpolate(scores, x.shape[2:], mode="bilinear") if scale != 1 else scores
            found.append((scores.flip(3) if flipped else scores).double().softmax(dim=1)[0])
    return torch.stack(found).mean(dim=0)


@pytest.mark.parametrize(("flips", "scales"), [(True, (1.0,)), (False, SCALES), (True, SCALES)])
def test_the_probabilities_are_the_mean_over_the_views(trained: Opened, flips: bool, scales: tuple[float, ...]) -> None:
    predictor, image = Predictor(trained), picture(32, 32)
    predictor.opened.learner.views = Views(flips, scales)
    try:
        found = predictor.predict(image)
    finally:
        predictor.opened.learner.views = None
    wanted = written_out(trained, image, flips, scales).amax(dim=0)
    np.testing.assert_allclose(found.confidence, wanted.numpy(), rtol=0, atol=2e-6)
    best = written_out(trained, image, flips, scales).topk(2, dim=0)
    sure = (best.values[0] - best.values[1] > 1e-5).numpy()
    assert (found.indices == best.indices[0].numpy())[sure].all()


@pytest.mark.parametrize(("height", "width", "tiles"), [(32, 32, None), (50, 41, None), (50, 41, Tiles(64, 16))])
def test_a_mirrored_picture_gets_the_mirrored_prediction(
    tiny_run: Path, height: int, width: int, tiles: Tiles | None
) -> None:
    predictor = Predictor.open(tiny_run, device="cpu", flips=True)
    own, mirrored = (
        predictor.predict(image, tiles) for image in (picture(height, width), picture(height, width)[:, ::-1])
    )
    np.testing.assert_allclose(own.confidence, mirrored.confidence[:, ::-1], rtol=0, atol=2e-6)
    plain = Predictor.open(tiny_run, device="cpu").predict(picture(height, width), tiles)
    assert np.abs(plain.confidence - own.confidence).max() > 1e-3


def centred(images: torch.Tensor) -> dict[str, torch.Tensor]:
    """What a perfect network gives: from each pixel the way to the brightest place, as lengths and as directions."""
    light = images.mean(dim=1)
    light = light - light.amin(dim=(1, 2), keepdim=True)
    rows, columns = torch.arange(images.shape[2]).float()[:, None], torch.arange(images.shape[3]).float()[None]
    total = light.sum(dim=(1, 2))
    row, column = (((light * axis).sum(dim=(1, 2)) / total)[:, None, None] for axis in (rows, columns))
    ways = torch.stack([(row - rows).expand_as(light), (column - columns).expand_as(light)], dim=1)
    return {
        "offset": ways,
        "direction": ways / (ways.norm(dim=1, keepdim=True) + 1e-6),
        "depth": ways.norm(dim=1)[:, None],
    }


def test_ways_in_a_picture_are_turned_back_with_it() -> None:
    image = np.zeros((40, 52, 3), np.uint8)
    image[10:16, 30:38] = 255
    heads = {"offset": Head("values", 2, ways="pixels"), "direction": Head("values", 2, ways="direction")}
    task = SimpleNamespace(heads={**heads, "depth": Head("values", 1)}, kind="instances", input=Input())
    batch = TensorBatch(torch.from_numpy(image)[None], {}, ("one",))
    plain = averaged_scores(batch, Views(), task, centred)
    for views in (Views(True), Views(False, (1.0, 1.5)), Views(True, (1.0, 0.5))):
        found = averaged_scores(batch, views, task, centred)
        inner = (..., slice(20, -2), slice(2, -2))  # away from the edges, where resizing repeats pixels
        assert (found["offset"] - plain["offset"])[inner].abs().max() < 0.5, views
        assert (found["direction"] - plain["direction"])[inner].abs().max() < 0.1, views


def test_levels_are_averaged_as_probabilities_like_categories() -> None:
    image = picture(16, 20)
    heads = {form: Head(form, 3) for form in ("categories", "levels")}
    task = SimpleNamespace(heads=heads, kind="instances", input=Input())
    batch = TensorBatch(torch.from_numpy(image)[None], {}, ("one",))
    ramp = torch.linspace(-2, 2, 20)  # scores that do not turn with the picture

    def compute(images: torch.Tensor) -> dict[str, torch.Tensor]:
        scores = torch.cat([images[:, :2] / 64, ramp.expand(len(images), 1, 16, 20)], dim=1)
        return dict.fromkeys(heads, scores)

    views = [compute(torch.from_numpy(side.copy()).float().permute(2, 0, 1)[None]) for side in (image, image[:, ::-1])]
    expected = (views[0]["levels"].softmax(1) + views[1]["levels"].flip(3).softmax(1)) / 2
    found = averaged_scores(batch, Views(True), task, compute)
    for form in heads:
        torch.testing.assert_close(found[form].exp(), expected, rtol=1e-4, atol=1e-5)


def test_tiles_are_averaged_each(tiny_run: Path) -> None:
    predictor = Predictor.open(tiny_run, device="cpu", flips=True, scales=(1.0, 1.5))
    whole, tiled = (predictor.predict(picture(80, 48), Tiles(side, 32)) for side in (128, 64))
    assert tiled.indices.shape == (80, 48)
    assert np.mean(whole.indices == tiled.indices) > 0.9  # statistics of the picture's edge differ


def test_the_picture_alone_is_left_as_it_is(tiny_run: Path) -> None:
    assert Views.asked(False, "1") is None
    assert Predictor.open(tiny_run, scales=(1,)).opened.learner.views is None


@pytest.mark.parametrize("scales", ["", "a", "0", "-1", "1,1", "nan", "inf", "9", "1,,2"])
def test_other_scales_are_refused(scales: str) -> None:
    with pytest.raises(RunError, match=r"--scales: read '.*'; scales must be different numbers above 0 and up to 8"):
        Views.asked(True, scales)


# -- whole pictures, colours ----------------------------------------------------------------------------------------


def test_labels_are_averaged_too(tiny_classifier: Path) -> None:
    predictor, image = Predictor.open(tiny_classifier, device="cpu", flips=True), picture(32, 32)
    found = predictor.predict(image).probabilities
    plain = Predictor.open(tiny_classifier, device="cpu")
    each = [plain.predict(np.ascontiguousarray(one)).probabilities for one in (image, image[:, ::-1])]
    np.testing.assert_allclose(found, np.mean(each, axis=0), rtol=0, atol=1e-6)


def test_a_model_of_one_size_refuses_scales_in_one_line(trained: Opened) -> None:
    def compute(images: torch.Tensor) -> dict[str, torch.Tensor]:
        check_size(images, (32, 32))
        return {"class": torch.zeros(len(images), 7, *images.shape[2:])}

    batch = trained.learner.encode([Sample("one", picture(32, 32))])
    with pytest.raises(
        RunError, match=r"--scales: the model does not compute pictures of 24×24 \(scale 0.75\): .*nearer"
    ):
        averaged_scores(batch, Views(True, SCALES), trained.task, compute)


def test_colours_are_averaged_over_mirrored_pictures(tiny_colours: Path) -> None:
    predictor, image = Predictor.open(tiny_colours, device="cpu", flips=True), picture(32, 32)
    own, mirrored = predictor.predict(image), predictor.predict(np.ascontiguousarray(image[:, ::-1]))
    np.testing.assert_allclose(own.confidence, mirrored.confidence[:, ::-1], rtol=0, atol=2e-6)


# -- what is written ------------------------------------------------------------------------------------------------


def test_scores_say_over_which_views(copied: RunFolder, tiny_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("evaluate", copied.path, "--data", tiny_data, "--device", "cpu")
    assert run_command(*words) == 0
    capsys.readouterr()
    plain = copied.read("evaluations/val-best-recipe")
    code, shown, _ = said(capsys, *words, "--flips", "--scales", "0.75,1")
    assert code == 0
    assert "counted at 32×32, mean of 4 views (flips and scales 0.75, 1)" in shown
    assert "views: flip/0.75/1" in shown
    record = copied.read("evaluations/val-best-recipe-flip-0.75-1")
    assert record["views"] == {"flips": True, "scales": [0.75, 1.0], "count": 4, "mean of": "probabilities"}
    assert copied.read("evaluations/val-best-recipe") == plain
    for before, after in zip(plain["metrics"], record["metrics"], strict=True):
        for one, other in zip(before["scores"], after["scores"], strict=True):
            assert other["convention"] == {**one["convention"], "views": "flip/0.75/1"}
            assert other["key"] != one["key"]
            assert ("interval" in other) == ("interval" in one)
        if after["constant_guess"]:
            assert after["constant_guess"]["scores"].keys() <= {score["key"] for score in after["scores"]}
    resolutions = [told.get("resolution") for _, told, _ in read_record(copied).metrics()]
    assert resolutions == ["32×32", "32×32, mean of 4 views (flips and scales 0.75, 1)"]


def test_scores_at_the_pictures_own_size(copied: RunFolder, tiny_data: Path) -> None:
    words = ("evaluate", copied.path, "--data", tiny_data, "--device", "cpu", "--flips")
    assert run_command(*words, "--resolution", "own") == 0
    assert run_command(*words) == 0
    own, recipe = (copied.read(f"evaluations/val-best-{at}-flip-1") for at in ("own", "recipe"))
    assert own["resolution"] == "each picture's own size, mean of 2 views (flips)"
    assert [m["scores"][0]["value"] for m in own["metrics"]] == [m["scores"][0]["value"] for m in recipe["metrics"]]


def test_predictions_say_over_which_views(tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_image(tmp_path / "one.png", picture(20, 30))
    words = ("predict", tiny_run, tmp_path / "one.png", "--device", "cpu", "--out", tmp_path / "out")
    code, shown, _ = said(capsys, *words, "--flips")
    assert code == 0
    assert "probabilities are the mean of 2 views (flips)" in shown
    settings = json.loads((tmp_path / "out" / "records" / "one.json").read_text())["settings"]
    assert settings["views"] == {"flips": True, "scales": [1.0], "count": 2, "mean of": "probabilities"}
    code, shown, _ = said(capsys, *words, "--overwrite")
    assert "views" not in shown
    assert "views" not in json.loads((tmp_path / "out" / "records" / "one.json").read_text())["settings"]


def test_pictures_of_several_sizes_cannot_be_averaged(trained: Opened) -> None:
    batch = replace(trained.learner.encode([Sample("one", picture(32, 32))]), images=[torch.zeros(4, 4, 3)])
    with pytest.raises(RunError, match="cannot be averaged over views"):
        averaged_scores(batch, Views(True), trained.task, lambda images: {})
