"""The page of a course: every question in the order of the handout, with its command, its answer and its reason."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pixelwise.courses.course import Course, Question, is_shown
from pixelwise.courses.earlier import Unused
from pixelwise.courses.evidence import HEADINGS, Row, Source, rows, sources, stated_sources
from pixelwise.courses.explain import explaining, write_pages
from pixelwise.courses.plan import Needed
from pixelwise.courses.recorded import Results
from pixelwise.experiments.folder import Folder
from pixelwise.report.figures import draw_curves
from pixelwise.report.gallery import Card, build_gallery
from pixelwise.report.page import template
from pixelwise.report.plotting import Plot, render
from pixelwise.run.atomic import write_text
from pixelwise.run.records.plain import plain_folder

MOST_PICTURED = 3  # recipes of a question whose pictures and curves are shown
MOST_CARDS = 2  # pictures of each
WIDTH = "100"  # characters of what commands print


@dataclass(frozen=True)
class Shown:
    """One question as the template reads it."""

    question: Question
    commands: tuple[str, ...]
    printed: tuple[tuple[str, str], ...]  # commands that were run, and what they print
    rows: tuple[Row, ...]
    stated: tuple[str, ...]
    curves: tuple[tuple[str, Plot, str], ...]  # recipe, plot, caption
    pictures: tuple[tuple[str, tuple[Card, ...]], ...]
    words: tuple[tuple[str, str], ...]  # recipe, where its numbers come from
    why: str  # a link, or empty if the documentation is not here

    @property
    def measured(self) -> list[Row]:
        """The rows with a number; of the other recipes `words` says why they have none."""
        return [row for row in self.rows if any(row.cells[1:])]


def build_course_page(
    course: Course,
    folder: Folder,
    needs: Sequence[Needed],
    results: Results,
    *,
    quick: bool = False,
    unused: Sequence[Unused] = (),
) -> Path:
    """Write course.html, `pages/` and `plots/` of a course's folder; return the page's path.

    unused:  runs that were found and do not count, which the page names with the reasons
    """
    known = sources(needs, folder, results)
    files = plain_folder(folder.path / "files")
    files.mkdir(parents=True, exist_ok=True)  # commands are run in it, whether a course has files or not
    for name, text in course.files.items():
        write_text(files / name, text)
    documented = write_pages(folder.path, explaining(question.why for question in course.questions))
    shown = [_shown(course, question, known, results, folder, documented) for question in course.questions]
    page = template("course.html.j2").render(
        course=course,
        questions=shown,
        headings=HEADINGS,
        quick=quick,
        recorded=any(known[recipe].recorded for recipe in course.recipes),
        machines=sorted({m for name, s in known.items() if s.recorded for m in results[name]["machine"]}),
        missing=[source for source in known.values() if not source.runs and not source.recorded],
        unused=unused,
        link=lambda path: quote(Path(os.path.relpath(path, folder.path)).as_posix()),
    )
    file = folder.path / "course.html"
    write_text(file, page)
    return file


def _shown(
    course: Course, question: Question, known: dict[str, Source], results: Results, folder: Folder, documented: bool
) -> Shown:
    trained = [known[recipe] for recipe in question.recipes if known[recipe].records][:MOST_PICTURED]
    page, _, anchor = question.why.partition("#")
    link = f"pages/{page.removesuffix('.md')}.html{f'#{anchor}' if anchor else ''}"
    return Shown(
        question,
        tuple(_with_runs(command, known) for command in question.all_commands),
        tuple((command, printed(command, folder.path / "files")) for command in question.commands if is_shown(command)),
        tuple(rows(course, question, known, results)),
        tuple(stated_sources(question)),
        tuple(_curves(source, folder.path / "plots", question) for source in trained if "curves" in question.shows),
        tuple(_cards(source) for source in trained if "pictures" in question.shows),
        tuple((recipe, known[recipe].words) for recipe in question.recipes),
        link if documented else "",
    )


def _with_runs(command: str, known: dict[str, Source]) -> str:
    """A command with the runs of this page in place of those that `pixelwise train RECIPE` would make."""
    places = {f"runs/{recipe}": shlex.quote(str(one.runs[0].path)) for recipe, one in known.items() if one.runs}
    return " ".join(places.get(word, word) for word in command.split(" "))


def printed(command: str, folder: Path) -> str:
    """The output of a command in a folder, or why it failed."""
    words = [sys.executable, "-m", "pixelwise", *shlex.split(command)[1:]]
    environment = {**os.environ, "COLUMNS": WIDTH, "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, check=False, stdin=subprocess.DEVNULL
    )
    return (done.stdout or done.stderr).decode("utf-8", errors="replace").strip("\n")


def _curves(source: Source, plots: Path, question: Question) -> tuple[str, Plot, str]:
    record = source.records[0]
    name = f"{question.number}-{source.recipe}".lower()
    title = f"{record.curves_title} of {source.recipe}"
    plot = render(name, title, lambda width: draw_curves(record, width), plain_folder(plots))
    return source.recipe, plot, record.curves_caption


def _cards(source: Source) -> tuple[str, tuple[Card, ...]]:
    """A picture of each rank: best, typical, worst."""
    gallery = build_gallery(source.records[0], source.runs[0].predictions)
    groups = gallery.groups if gallery is not None else ()
    return source.recipe, tuple(group[0] for _, group in groups if group)[:MOST_CARDS]
