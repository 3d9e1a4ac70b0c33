"""`pixelwise report RUN`: build a run's page and plots again, from its folder alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pixelwise.terminal.output import show_json


def report(
    run: Annotated[Path, typer.Argument(help="The run's folder, e.g. runs/quickstart.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the run's summary as JSON as well.")] = False,
) -> None:
    """Build RUN/report.html and RUN/plots/ again, also for a run that is not finished.

    The same folder gives the same bytes. Without --json the scores are printed as a table, with their conventions.
    """
    from pixelwise.report.page import build_report
    from pixelwise.run.folder import RunFolder

    folder = RunFolder.open(run)
    page = build_report(folder)
    summary = folder.read("summary") if folder.has("summary") else {}
    if as_json:
        show_json({**summary, "report": str(page)})
        return
    from pixelwise.terminal.scores import show_scores

    show_scores(summary, report=page)
