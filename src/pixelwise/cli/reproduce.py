"""`pixelwise reproduce`"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixelwise.cli.experiments import stopping
from pixelwise.cli.options import Cache, Data, Jobs
from pixelwise.terminal.output import ACCENT, result_console, say
from pixelwise.terminal.table import show_rows, show_table

if TYPE_CHECKING:
    from pixelwise.courses.plan import Needed
    from pixelwise.experiments.folder import Folder


def reproduce(
    course: Annotated[str | None, typer.Argument(help="A course. Without it, all courses are listed.")] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="List the runs, their minutes and which exist; train nothing.")
    ] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="A few steps on a few pictures of each split, to see that everything runs.")
    ] = False,
    results: Annotated[bool, typer.Option("--results", help="Use the project's results for missing runs.")] = False,
    no_train: Annotated[
        bool, typer.Option("--no-train", help="Train nothing: write the page from existing runs.")
    ] = False,
    long: Annotated[bool, typer.Option("--long", help="Also train what needs a GPU, a download, or hours.")] = False,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each recipe, with seeds that count up from its own.")] = 1,
    runs: Annotated[Path, typer.Option(help="Folder with earlier runs: finished ones are used.")] = Path("runs"),
    out: Annotated[Path | None, typer.Option(help="Folder of the course. Default: runs/courses/COURSE.")] = None,
    jobs: Jobs = 1,
    data: Data = None,
    cache: Cache = None,
) -> None:
    """Answer the questions of a course: train what is missing and write one page.

    The page has every question of the handout in its order, with the command, the measured number beside the stated one, and
    a link to the explanation. To continue, repeat the command: finished runs are kept, unfinished runs are resumed. The exit
    code is 1 if a run failed.
    """
    from pixelwise.courses.course import COURSES, load_course
    from pixelwise.courses.earlier import earlier_runs
    from pixelwise.courses.page import build_course_page
    from pixelwise.courses.plan import needed, plan_table, time_left
    from pixelwise.courses.recorded import recorded_results
    from pixelwise.experiments.folder import Folder
    from pixelwise.run.words import counted, duration

    if course is None:
        show_rows(
            result_console(), ("course", ""), [(name, load_course(name).title) for name in COURSES], styles={0: ACCENT}
        )
        return
    asked = load_course(course)
    place = out or Path("runs/courses") / f"{course}{'-quick' if quick else ''}"
    folder = Folder(place, "course", f"pixelwise reproduce {course}{' --quick' if quick else ''} --out {place}")
    recorded = recorded_results()
    earlier = earlier_runs(asked, runs)
    needs = needed(
        asked, folder, seeds=seeds, quick=quick, long=long,
        results=recorded if results else None, found=earlier.found,
    )  # fmt: skip
    unused = () if quick else earlier.unused
    for one in unused:
        say(f"note: {one}", err=True)
    if plan:
        show_table(result_console(), plan_table(needs, folder, recorded, quick))
        if not quick:
            minutes, unknown = time_left(needs, folder, recorded)
            known = f"{duration(60 * minutes)} on the machine of the project's results (2 cores)" if minutes else ""
            others = f"{counted(unknown, 'run')} whose time was not measured" if unknown else ""
            say(f"\nto train: {', and '.join(filter(None, (known, others))) or 'nothing'}")
        return
    failed = 0 if no_train else _train(course, folder, needs, jobs, data)
    page = build_course_page(asked, folder, needs, recorded if results else {}, quick=quick, unused=unused)
    say(f"page     {page}")
    if failed:
        raise typer.Exit(1)


def _train(name: str, folder: Folder, needs: Sequence[Needed], jobs: int, data: Path | None) -> int:
    """Train what is missing; how many runs failed."""
    from pixelwise.courses.plan import begin
    from pixelwise.data.base import data_root
    from pixelwise.experiments.display import ExperimentDisplay, follow
    from pixelwise.experiments.runner import check_data, run_all

    data = None if data is None else data_root(data)
    check_data([run for need in needs if need.is_trained for run in need.runs], data)
    with stopping(folder, "runs"), folder.writing():
        asked = begin(folder, name, needs, data)
        waiting = folder.unfinished(asked)
        done = {run.name: folder.outcomes()[run.name] for run in asked if run not in waiting}
        if waiting:
            display = ExperimentDisplay("runs", len(asked), before=done, jobs=jobs)
            follow(run_all(folder, waiting, jobs=jobs, data=data), display)
        ended = folder.outcomes()
    failed = [run.name for run in asked if ended[run.name].state == "failed"]
    for run in failed:
        say(f"  - {run} failed: {ended[run].message} Log: {folder.log_file(run)}", err=True)
    return len(failed)
