"""Runs compared in one call, for a notebook and for `pixelwise compare`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pixelwise.compare.columns import Column, column_sets
from pixelwise.compare.gather import Comparison, Place, expanded, gather
from pixelwise.compare.judge import judge
from pixelwise.compare.verdict import Verdict
from pixelwise.errors import RunError, did_you_mean

if TYPE_CHECKING:
    from rich.console import Console

    from pixelwise.compare.figures import Over


@dataclass(frozen=True)
class ComparedRuns:
    """Runs side by side. `print` it for tables as text; a notebook displays it as HTML.

    comparison:  the groups of runs with their scores and losses, as objects
    verdicts:    the differences between groups, with their intervals
    over:        what the curves of the page are drawn over
    """

    comparison: Comparison
    verdicts: tuple[Verdict, ...]
    over: Over = "epochs"

    def as_json(self) -> dict[str, Any]:
        """Everything that the tables say, as JSON values."""
        from pixelwise.compare.export import as_json

        return as_json(self.comparison, self.verdicts)

    def as_csv(self) -> str:
        """A table with a row a run."""
        from pixelwise.compare.export import as_csv

        return as_csv(self.comparison)

    def write_html(self, page: Path | str) -> Path:
        """Write a page with tables, curves and pictures, and its plots into a folder beside it."""
        from pixelwise.compare.page import build_comparison_page

        return build_comparison_page(self.comparison, self.verdicts, Path(page), self.over)

    def show(self, console: Console) -> None:
        """Print the tables."""
        from pixelwise.compare.terminal import show_comparison

        show_comparison(self.comparison, self.verdicts, console)

    def __str__(self) -> str:
        from io import StringIO

        from rich.console import Console

        console = Console(file=StringIO(), width=100)
        with console.capture() as captured:
            self.show(console)
        return captured.get()

    def _repr_html_(self) -> str:
        from pixelwise.compare.page import build_fragment

        return build_fragment(self.comparison, self.verdicts)


def compare_runs(
    runs: Sequence[os.PathLike[str] | str],
    *,
    scores: Sequence[str] = (),
    split: str = "",
    checkpoint: Literal["best", "last"] = "best",
    resolution: Literal["recipe", "own"] = "recipe",
    over: Over = "epochs",
) -> ComparedRuns:
    """Compare runs. Runs that differ only in their seed are one group; each group is compared with the first.

    runs:    run folders; the folder of a sweep means all its finished runs
    scores:  names or keys of the scores and losses to take differences in; default: the score that chose the best epoch
    split, checkpoint, resolution: where to compare the scores; default: the validation split of the training
    over:    horizontal axis of the curves on the page
    Raises RunError with every problem: a folder that is not a run, runs of different tasks, an unknown score.
    """
    if not split and (checkpoint, resolution) != ("best", "recipe"):
        raise RunError("--checkpoint and --resolution need --split.", hint="Name a split, e.g. --split val.")
    comparison = gather(expanded([Path(run) for run in runs]), Place(split, checkpoint, resolution))
    return ComparedRuns(comparison, tuple(judge(comparison, chosen_columns(comparison, scores))), over)


def chosen_columns(comparison: Comparison, wanted: Sequence[str]) -> list[Column]:
    """The columns to take differences in: those named, else those of the main score. A plain name means its first column."""
    columns = [*comparison.columns, *comparison.losses]
    if not wanted:
        return [column for column in columns if comparison.main is not None and column.key == comparison.main.key]
    keys = list(dict.fromkeys(column.key for column in columns))
    first = {column.score.name: column.key for _, found in reversed(column_sets(columns)) for column in reversed(found)}
    chosen: list[Column] = []
    for name in wanted:
        key = name if name in keys else first.get(name)
        if key is None:
            hint = did_you_mean(name, [*keys, *first])
            known = ", ".join(keys) or "no score"
            raise RunError(f"no run has a score '{name}'; there is {known}.", where="--score", hint=hint)
        chosen += [column for column in columns if column.key == key and column not in chosen]
    return chosen
