"""`pixelwise paper`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pixelwise.terminal.output import say


def paper(
    runs: Annotated[
        list[Path],
        typer.Argument(
            help="Finished runs, the baseline first. A sweep's folder means its finished runs.", metavar="RUN..."
        ),
    ],
    out: Annotated[Path, typer.Option(help="New folder for report.tex, references.bib, figures/ and the style.")],
    title: Annotated[str, typer.Option(help="Default: the task, the data set and the networks.")] = "",
    author: Annotated[list[str] | None, typer.Option(help="An author; repeat it for several.", metavar="NAME")] = None,
    style: Annotated[
        Path | None, typer.Option(help="Style file to use in place of pixelwise's own, e.g. that of a conference.")
    ] = None,
) -> None:
    """Write a report in LaTeX about runs: measured numbers, tables, loss curves, pictures and references.

    Places that only the authors can fill are marked by \\reasons{...} in report.tex. Runs that differ only in their seed
    are one group. The first group is the baseline: the same model trained in another way is an improvement, another model
    an experiment.
    """
    from pixelwise.paper.report import write_paper

    file = write_paper(runs, out, title=title, authors=author or (), style=style)
    say(f"report   {file}")
    say(f"compile  cd {file.parent} && pdflatex report && bibtex report && pdflatex report && pdflatex report")
