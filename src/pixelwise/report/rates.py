"""The plot of a learning-rate range test: loss over rate, with what is suggested."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pixelwise.report.plotting import BLUE, GREEN, ORANGE, QUIET, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_rates(record: Mapping[str, Any], width: float) -> Figure:
    """The loss of every update over its rate on a logarithmic axis, smoothed as a line; the suggestion as a vertical one."""
    from matplotlib.ticker import FuncFormatter

    figure = new_figure(width, 3.2)
    axes = figure.subplots()
    rates = [one["rate"] for one in record["tried"]]
    axes.plot(rates, [one["loss"] for one in record["tried"]], ".", color=QUIET, alpha=0.5, label="single updates")
    axes.plot(rates, [one["smooth"] for one in record["tried"]], color=BLUE, label="smoothed")
    lowest = record["lowest"]
    axes.plot(lowest["rate"], lowest["smooth"], "o", color=ORANGE, label=f"lowest, {lowest['rate']:.2g}")
    if record["suggestion"] is not None:
        axes.axvline(record["suggestion"], color=GREEN, linewidth=1.2, label=f"suggestion, {record['suggestion']:.2g}")
    smooth = [one["smooth"] for one in record["tried"]]
    room = 0.15 * (max(smooth[0], lowest["smooth"]) - lowest["smooth"]) + 0.02 * abs(lowest["smooth"])
    highest = min(max(smooth), 2 * max(smooth[0], lowest["smooth"]))
    if highest + room > lowest["smooth"] - room:
        axes.set_ylim(lowest["smooth"] - room, highest + room)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda rate, _: f"{rate:.0e}".replace("e-0", "e-").replace("e+00", ""))
    )
    axes.set_xlabel("learning rate")
    axes.set_ylabel("training loss")
    axes.grid(axis="y")
    figure.legend(loc="outside upper left", ncols=4 if width > 5 else 2, columnspacing=1.4)
    return figure
