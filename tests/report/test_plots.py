"""Plots are read back: the numbers in a figure are the numbers of the records."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.patches import Rectangle
from PIL import Image as Pillow

from pixelwise.imaging.draw import colourise
from pixelwise.imaging.files import read_mask
from pixelwise.report.figures import draw_balance, draw_class_scores, draw_confusion, draw_curves, draw_precision_recall
from pixelwise.report.gallery import build_gallery
from pixelwise.report.plotting import NARROW, WIDE, render, style
from pixelwise.report.record import Record, read_record
from pixelwise.run.folder import RunFolder

Make = Callable[..., RunFolder]


def test_curves_are_the_epochs_of_the_record(fabricate: Make) -> None:
    record = read_record(fabricate(epochs=5))
    with style():
        losses, scores, accuracy = draw_curves(record, WIDE).axes
    drawn = {str(line.get_label()): line for line in (*losses.lines, *scores.lines, *accuracy.lines)}
    for label, group, key in (
        ("training", "train", "loss"),
        ("validation", "validation", "loss"),
        (record.main_score, "scores", record.main_score),
        ("pixel_accuracy[void=ignore]", "scores", "pixel_accuracy[void=ignore]"),
    ):
        assert np.array_equal(drawn[label].get_xdata(), [1, 2, 3, 4, 5])
        assert np.array_equal(drawn[label].get_ydata(), [epoch[group][key] for epoch in record.epochs])
    best = record.best["epoch"]
    star = next(line for line in scores.lines if line.get_marker() == "*")
    assert (list(star.get_xdata()), list(star.get_ydata())) == ([best], [record.best["value"]])
    assert all(
        any(list(line.get_xdata()) == [best, best] for line in axes.lines) for axes in (losses, scores, accuracy)
    )


def test_the_loss_of_training_pictures_is_not_called_validation() -> None:
    epochs = [{"event": "epoch", "epoch": n, "train": {"loss": 1.0}, "validation": {"loss": 0.5}} for n in (1, 2)]
    record = Record("", {"data": {"train": "train", "validation": "train"}}, {}, {}, {}, {}, tuple(epochs))
    with style():
        labels = [str(line.get_label()) for line in draw_curves(record, WIDE).axes[0].lines]
    assert "training pictures, evaluated" in labels
    assert "validation" not in labels
    assert "there are no validation pictures" in record.curves_caption
    assert record.curves_title == "Loss on the training pictures"
    assert "validation loss" in Record("", {}, {}, {}, {}, {}, ()).curves_caption


def test_a_score_that_was_not_counted_leaves_a_gap() -> None:
    epochs = [
        {"event": "epoch", "epoch": n, "train": {"loss": 1.0}, "validation": {}, "scores": {"mean_iou": value}}
        for n, value in enumerate([0.1, None, 0.3], 1)
    ]
    record = Record("", {}, {}, {}, {}, {}, tuple(epochs))
    with style():
        figure = draw_curves(record, NARROW)
    assert list(figure.axes[1].lines[0].get_xdata()) == [1, 3]
    nothing = Record("", {}, {}, {}, {}, {}, tuple({**epoch, "scores": {}} for epoch in epochs))
    with style():
        assert len(draw_curves(nothing, WIDE).axes) == 1


def test_the_later_telling_of_an_epoch_counts() -> None:
    events = [{"event": "epoch", "epoch": 1, "train": {"loss": loss}} for loss in (2.0, 1.0)]
    assert Record("", {}, {}, {}, {}, {}, tuple(events)).epochs == [events[1]]


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_confusion_cells_are_shares_of_their_row(width: float) -> None:
    counts = np.random.default_rng(3).integers(0, 900, (4, 3))
    counts[1] = 0
    with style():
        axes = draw_confusion(counts.tolist(), ["a", "b", "c", "void"], ["a", "b", "c"], width).axes[0]
    cells = {(int(p.get_y()), int(p.get_x())): p.get_alpha() for p in axes.patches if isinstance(p, Rectangle)}
    totals = counts.sum(1)
    for row in range(4):
        for column in range(3):
            share = counts[row, column] / totals[row] if totals[row] else 0
            if share >= 0.005:
                assert cells.pop((row, column)) == pytest.approx(0.04 + 0.96 * share)
    assert not cells
    assert "no pixel" in [text.get_text() for text in axes.texts]


def test_class_bars_are_sorted_and_an_absent_class_keeps_its_line() -> None:
    rows = [{"class": "a", "iou": 0.2}, {"class": "b", "iou": None}, {"class": "c", "iou": 0.7}]
    with style():
        axes = draw_class_scores(rows, "iou", 0.45, WIDE).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["c", "a", "b"]
    assert [bar.get_width() for bar in axes.patches] == [0.7, 0.2, 0.0]  # type: ignore[attr-defined]
    assert "– (absent)" in [text.get_text() for text in axes.texts]


@pytest.mark.parametrize("weights", [None, [0.5, 1.0, 2.0]])
def test_balance_shows_shares_and_weights(weights: list[float] | None) -> None:
    with style():
        panels = draw_balance(["a", "b", "c"], [750, 250, 0], weights, WIDE).axes
    assert [bar.get_width() for bar in panels[0].patches] == [75, 25, 0]  # type: ignore[attr-defined]
    assert [text.get_text() for text in panels[0].texts] == ["75 %", "25 %", "none"]
    assert len(panels) == (1 if weights is None else 2)


@pytest.mark.parametrize("count", [1, 2, 70])
def test_any_number_of_classes_can_be_drawn(count: int, tmp_path: Path) -> None:
    names = [f"class {number} with a name that is too long" for number in range(count)]
    matrix = np.eye(count, dtype=int).tolist()
    plot = render("confusion", "title", lambda width: draw_confusion(matrix, names, names, width), tmp_path)
    assert plot.wide.startswith("<svg ")
    rows = [{"class": name, "iou": None} for name in names]
    render("classes", "title", lambda width: draw_class_scores(rows, "iou", None, width), tmp_path)


def test_inline_plots_follow_the_page_and_files_stand_alone(fabricate: Make, tmp_path: Path) -> None:
    record = read_record(fabricate())
    plot = render("curves", "title", lambda width: draw_curves(record, width), tmp_path)
    assert "var(--ink)" in plot.wide
    assert "#20262e" not in plot.wide
    assert "var(" not in (tmp_path / "curves.svg").read_text(encoding="utf-8")
    with Pillow.open(tmp_path / "curves.png") as picture:
        assert picture.size[0] > 1000


def test_gallery_masks_are_in_the_colours_of_the_data_set(fabricate: Make) -> None:
    run = fabricate()
    record = read_record(run)
    gallery = build_gallery(record, run.predictions)
    assert gallery is not None
    assert [(title, len(cards)) for title, cards in gallery.groups] == [("Best", 2), ("Typical", 2), ("Worst", 2)]
    card = gallery.groups[0][1][0]
    for part, panel in zip(("image", "truth", "prediction"), card.panels, strict=True):
        decoded = Pillow.open(io.BytesIO(base64.b64decode(panel.uri.partition(",")[2])))
        assert decoded.size == (panel.width, panel.height) == (80, 64)
        if part != "image":
            indices = read_mask(run.predictions / f"000-{part}.png")
            expected = colourise(indices, record.colours, void=record.void)
            assert np.array_equal(np.asarray(decoded.convert("RGB")), expected)
    assert [name for name, _ in gallery.legend] == [*record.classes, "void (not labelled)"]


@pytest.mark.parametrize(("classes", "width", "columns"), [(9, WIDE, 3), (21, WIDE, 6), (21, NARROW, 3), (2, WIDE, 2)])
def test_precision_and_recall_have_a_panel_for_each_class_best_first(classes: int, width: float, columns: int) -> None:
    curves = [
        {"class": f"c{n}", "ap": n / classes, "share": 0.01 * n, "recall": [0.5, 1.0], "precision": [0.9, n / classes]}
        for n in range(classes)
    ]
    with style():
        figure = draw_precision_recall(curves, width)
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title("left") for axes in panels] == [f"c{n}" for n in range(classes)][::-1]
    assert figure.axes[0].get_gridspec().ncols == columns
    for axes, curve in zip(panels, curves[::-1], strict=True):
        line, share = axes.lines
        assert list(line.get_xdata()) == [0, *curve["recall"]]
        assert list(line.get_ydata())[1:] == curve["precision"]
        assert share.get_ydata()[0] == curve["share"]
        assert axes.get_title("right") == f"{curve['ap']:.2f}"
