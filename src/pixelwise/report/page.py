"""The report: one HTML page made from a run folder and nothing else, so that the same folder gives the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pixelwise.errors import listing
from pixelwise.imaging.colour import as_hex
from pixelwise.report import baselines, objects, tables
from pixelwise.report.figures import (
    draw_balance,
    draw_class_scores,
    draw_confusion,
    draw_curves,
    draw_precision_recall,
    draw_reliability,
)
from pixelwise.report.gallery import build_gallery
from pixelwise.report.plotting import Plot, render
from pixelwise.report.record import Json, Record, read_record
from pixelwise.run.atomic import write_text
from pixelwise.run.folder import RunFolder
from pixelwise.run.words import convention_label, number, score_label
from pixelwise.terminal.output import clean
from pixelwise.terminal.scores import ONLY_PREDICTED, only_predicted
from pixelwise.types import Score

MOST_CURVES = 60  # classes with their own panel
MOST_ROWS = 1000  # classes of a plot; matplotlib makes no picture of more than 65,536 pixels
RANKED_BY = {  # what ranks the gallery, in records that do not say it: by the class of the metric
    "accuracy": "the probability that was given to the true class",
    "averageprecision": "the mean AP over the pixels of that picture alone",
    "foregroundiou": "the foreground IoU of that picture alone",
    "confusion": "the mean IoU of that picture alone, over the classes in its truth or prediction",
    "instancescores": "the panoptic quality of that picture alone",
    "colourscores": "the accuracy over that picture alone",
}
MEANS = {
    "iou": ("mean_iou",),
    "ap": ("mean_ap",),
    "mask_ap": ("mask_ap",),
    "accuracy": ("balanced_accuracy", "mean_class_accuracy"),
}  # of a score of each class


def build_report(run: RunFolder) -> Path:
    """Write `report.html` and `plots/` of a run, finished or not; return the page's path.

    Two processes that build the same page take turns, so the later one shows the latest records. Raises RunError if a
    record is damaged or the disk is full, DataError if a picture of the gallery is damaged.
    """
    with run.adding():
        write_text(run.report_file, _page(run, read_record(run)))
    return run.report_file


def _page(run: RunFolder, record: Record) -> str:
    plots = run.plots
    gallery = build_gallery(record, run.predictions)  # before anything is written
    metrics = first_split(record)
    metric = next(iter(metrics), None)
    page: str = template("report.html.j2").render(
        title=str(record.recipe.get("title") or "A run"),
        about=str(record.recipe.get("about") or ""),
        opening=tables.opening(record),
        ending=_ending(record),
        warning=tables.warning(record) or baselines.warning(record),
        fatal=[str(line) for line in record.data.get("fatal") or ()],
        tiles=tables.tiles(record),
        stated=tables.stated(record),
        plots=_plots(record, metrics, plots),
        curves_caption=_curves_caption(metrics),
        scores=tables.scores(record),
        baselines=baselines.tables(record),
        mistakes=objects.mistakes(metrics),
        upper_bound=objects.upper_bound(record),
        over_pictures=tables.over_pictures(record),
        per_class=tables.per_class(record, metrics),
        swatches=palette_colours(record),
        unit=record.unit,
        ranked_by=_ranked_by(metric or {}),
        losses_caption=record.curves_caption,
        class_caption=_class_caption(record, (metric or {}).get("per_class") or []),
        only_predicted=ONLY_PREDICTED if any(map(only_predicted, (metric or {}).get("per_class") or [])) else "",
        balance_caption=tables.balance_caption(record),
        gallery=gallery,
        source=str(record.data.get("source") or ""),
        architecture=tables.architecture(record),
        layers=tables.layers(record),
        recipe=record.recipe_text,
        environment=tables.environment(record),
        times=tables.times(record),
        notes=tables.notes(record),
        version=str((record.environment.get("packages") or {}).get("pixelwise") or ""),
    )
    return page


def _ranked_by(metric: Json) -> str:
    """What the score of one picture is, which ranks the gallery."""
    alone = "the score of that picture alone"
    return str(metric["ranks_by"] or alone) if "ranks_by" in metric else RANKED_BY.get(str(metric.get("name")), alone)


def first_split(record: Record) -> list[Json]:
    """The records of the metrics on the first split, which the page draws."""
    told = record.metrics()
    return [metric for split, scored, metric in told if scored is told[0][1]]


def _plots(record: Record, metrics: Sequence[Json], folder: Path) -> dict[str, Plot]:
    """Every plot that the records allow, by name."""
    plots, metric = {}, next(iter(metrics), None)

    def add(name: str, title: str, draw: Any) -> None:
        plots[name] = render(name, title, draw, folder)

    if record.epochs or len(record.steps) > 1:
        same = record.validates_on_training
        title = (
            "Loss and score on the training pictures" if same else "Training and validation loss, and validation score"
        )
        add("curves", title, lambda width: draw_curves(record, width))
    rows = (metric or {}).get("per_class") or []
    palette = palette_colours(record)
    if 0 < len(rows) <= MOST_ROWS:
        score = _class_score(rows)
        mean = _mean(record, score)
        value = None if mean is None else mean.value
        add(
            "classes",
            f"{_label(score)} of each class",
            lambda width: draw_class_scores(rows, score, value, width, palette),
        )
    counts, weights = record.counts, record.weights
    if counts and 0 < len(record.classes) <= MOST_ROWS:
        title = f"Share of the training {record.unit}s, and weight in the loss"
        unit = record.unit
        add("balance", title, lambda width: draw_balance(record.classes, counts, weights, width, unit, palette))
    figures = (metric or {}).get("figures") or {}
    if 0 < len(figures.get("matrix") or ()) <= MOST_ROWS:
        told = _with_void_row(figures)
        add("confusion", "Confusion matrix, rows in percent", lambda width: draw_confusion(*told, width, record.unit))
    if curves := _figure(metrics, "curves")[:MOST_CURVES]:
        title = "Precision and recall of each class"
        add("precision_recall", title, lambda width: draw_precision_recall(curves, width))
    if bins := _figure(metrics, "reliability"):
        add("calibration", "Accuracy by confidence", lambda width: draw_reliability(bins, width, record.unit))
    return plots


def _figure(metrics: Sequence[Json], name: str) -> list[Any]:
    """The figure's record in the first metric that has it; empty if none has."""
    found = ((metric.get("figures") or {}).get(name) for metric in metrics)
    return list(next(filter(None, found), ()))


def _curves_caption(metrics: Sequence[Json]) -> str:
    """The caption of the precision-recall plot, with the classes that it cannot show."""
    curves, absent = _figure(metrics, "curves"), _figure(metrics, "absent")
    caption = (
        "Each panel is one class, best first, with its average precision. From left to right, more pixels are assigned to the "
        "class, in the order of their probability: recall is the share of the class that is found, precision the share of the "
        "assigned pixels that are right. The dashed line is the class's share of all pixels: the precision in random order."
    )
    if len(curves) > MOST_CURVES:
        caption += f" The first {MOST_CURVES} of {len(curves)} classes are shown."
    if absent:
        caption += f" Not in the truth, and left out of the mean: {listing(absent)}."
    return caption


def palette_colours(record: Record) -> frozenset[str]:
    """The classes that are colours, named `#rrggbb`: bars and rows of theirs are drawn in them."""
    named = {as_hex(colour) for colour in record.colours}
    return frozenset(name for name in record.classes if name in named)


def _with_void_row(figures: Json) -> tuple[list[list[int]], list[str], list[str]]:
    """The matrix with the names of its rows and columns; where the truth has void, a last row tells what it became."""
    classes = [str(name) for name in figures["classes"]]
    if any(figures.get("void_row") or ()):
        return [*figures["matrix"], figures["void_row"]], [*classes, "void"], classes
    return figures["matrix"], classes, classes


def _class_score(rows: Sequence[Json]) -> str:
    """The score that the rows of the classes name first."""
    return next((key for row in rows for key in row if key not in ("class", "support", "index", "name")), "")


def _class_caption(record: Record, rows: Sequence[Json]) -> str:
    """The caption of the plot of the classes' scores, with the classes over which its mean is taken."""
    score = _class_score(rows)
    caption = f"{_label(score)} of each class, best first; “absent” is a class in neither truth nor prediction."
    mean = _mean(record, score)
    if mean is None or mean.value is None:
        return caption
    over = {name: value for name, value in mean.convention.items() if name == "classes"}
    return f"{caption} The dashed line is the mean{' over the ' if over else ''}{convention_label(over)}."


def _mean(record: Record, score: str) -> Score | None:
    """The mean over classes that belongs to a score of each class."""
    for name in MEANS.get(score, ()):
        _, found = tables.find_score(record, name)
        if found is not None:
            return found
    return None


def _label(score: str) -> str:
    """A score's name at the beginning of a sentence."""
    label = score_label(score)
    return label[:1].upper() + label[1:]


def _ending(record: Record) -> str:
    """How the training ended, if it did not end as planned."""
    done = record.epochs[-1]["epoch"] if record.epochs else 0
    best = record.best
    chosen = f" The best checkpoint is that of epoch {best['epoch']}." if best.get("epoch") else ""
    if record.finished == "complete":
        return ""
    if record.finished == "early stopping":
        return f"Stopped early after epoch {done} of {record.planned_epochs}: no better score for long enough.{chosen}"
    return f"This run is not finished: it has reached epoch {done} of {record.planned_epochs or 'an unknown number'}.{chosen}"


def template(name: str) -> Any:
    """A template of the reports, which cleans and escapes everything put into it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("pixelwise.report", "templates")
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_cleaned,
    )
    environment.filters["number"] = number
    return environment.get_template(name)


def _cleaned(value: Any) -> Any:
    """What a template is about to show; markup that was made here stays unchanged."""
    return clean(str(value)) if isinstance(value, str | Path) and not hasattr(value, "__html__") else value
