"""The gallery of runs that colour or label pictures, read back out of the page's own data."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from pixelwise.data.scenes import scenes
from pixelwise.report.gallery import Panel, build_gallery
from pixelwise.report.page import build_report, palette_colours
from pixelwise.report.record import read_record
from pixelwise.run.folder import RunFolder


def pixels(panel: Panel) -> np.ndarray:
    with Pillow.open(io.BytesIO(base64.b64decode(panel.uri.partition(",")[2]))) as picture:
        return np.asarray(picture.convert("RGB"), np.int64)


@pytest.fixture
def drawn() -> dict[str, np.ndarray]:
    """The validation pictures that `tiny_colours` was scored on, by name."""
    data = scenes(Path("nowhere"), size=32, train=8, val=6, test=4, void_rim=1)
    return {name: data.read("val", index).image for index, name in enumerate(data.names("val"))}


def test_a_coloured_picture_is_shown_grey_quantised_predicted_and_original(
    tiny_colours: Path, drawn: dict[str, np.ndarray]
) -> None:
    run = RunFolder.open(tiny_colours)
    record = read_record(run)
    gallery = build_gallery(record, run.predictions)
    assert gallery is not None
    assert gallery.split == "val"
    assert not gallery.missing
    palette = np.array(record.colours, np.int64)
    cards = [card for _, group in gallery.groups for card in group]
    assert len(cards) == 3
    for card in cards:
        assert [panel.caption for panel in card.panels] == ["grey", "in palette colours", "prediction", "original"]
        grey, truth, prediction, original = map(pixels, card.panels)
        assert np.array_equal(original, drawn[card.name])
        assert np.array_equal(grey, np.repeat(np.rint(original.mean(axis=2))[:, :, None], 3, axis=2))
        distances = ((original[:, :, None] - palette) ** 2).sum(axis=3)
        assert np.array_equal(truth, palette[distances.argmin(axis=2)])
        assert {tuple(colour) for colour in prediction.reshape(-1, 3)} <= {tuple(colour) for colour in palette}
        told = (prediction == truth).all(axis=2).mean()
        assert card.score == pytest.approx(told), "the number beside a picture is its own accuracy"


def test_a_labelled_picture_is_shown_with_truth_and_prediction_in_words(tiny_classifier: Path) -> None:
    run = RunFolder.open(tiny_classifier)
    record = read_record(run)
    gallery = build_gallery(record, run.predictions)
    assert gallery is not None
    for card in (card for _, group in gallery.groups for card in group):
        assert [panel.caption for panel in card.panels] == ["picture"]
        words = dict(card.words)
        assert words["truth"] in record.classes
        assert words["prediction"].partition(" (")[0] in record.classes


def test_the_page_of_a_colourization_draws_classes_in_their_colours(tiny_colours: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(tiny_colours, tmp_path / "run")
    run = RunFolder.open(tmp_path / "run")
    names = palette_colours(read_record(run))
    assert len(names) == 6
    page = build_report(run).read_text()
    assert all(f'style="background: {name}"></i>{name}' in page for name in names)
    assert page.count('class="panels four"') == 3
    assert "over 6 palette colours" in page


def test_names_that_are_no_colours_get_none(tiny_classifier: Path) -> None:
    assert not palette_colours(read_record(RunFolder.open(tiny_classifier)))


def test_what_was_evaluated_later_stands_in_the_report_while_the_weights_are_the_same(
    copied: RunFolder,
) -> None:
    run = copied
    summary = run.read("summary")
    val = summary["splits"]["val"]
    told = {"split": "test", **val, "pictures": 4, "step": summary["best"]["step"]}
    run.write("evaluations/test-best-recipe", told)
    run.write("evaluations/val-best-recipe", {**told, "split": "val"})  # the summary has it already
    run.write("evaluations/train-last-recipe", {**told, "split": "train", "checkpoint": "last"})
    assert [split for split, _, _ in read_record(run).metrics()] == ["val", "test"]
    run.write("evaluations/test-best-recipe", {**told, "step": told["step"] + 1})  # other weights than the summary's
    assert [split for split, _, _ in read_record(run).metrics()] == ["val"]
    assert json.loads((run.path / "summary.json").read_text()) == summary
