"""A report in a folder: report.tex, its style, references.bib and figures/."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from pixelwise.compare.columns import Column
from pixelwise.compare.gather import Comparison, expanded, gather
from pixelwise.compare.judge import Verdict, judge, leading
from pixelwise.compare.runs import chosen_columns
from pixelwise.errors import Problem, RunError
from pixelwise.paper import discussion, methods, results, wording
from pixelwise.paper.figures import Gallery, draw_gallery, draw_losses, file_of, galleries, has_losses
from pixelwise.paper.sources import kind_of
from pixelwise.paper.tex import TeX, escape, fitted, listed, long_tabular, template, widths_of
from pixelwise.paper.works import TOPICS, Work, bibliography, known_works, sentence, works_of
from pixelwise.report.baselines import is_baseline
from pixelwise.report.plotting import write_pdf
from pixelwise.run.atomic import write_bytes, write_text
from pixelwise.run.folder import RunFolder
from pixelwise.terminal.table import Table

STYLE = Path(__file__).resolve().parent / "templates" / "pixelwise.sty"
LETTERS_OF_LAYERS = 118  # of a line; its columns are closer together
MOST_GROUPS = 4  # columns of the table of settings that differ
TOPIC_NAMES = {name: name.capitalize() for name in TOPICS}


@dataclass(frozen=True)
class Drawn:
    """The files of the figures, relative to the folder: those of the losses, and galleries with theirs."""

    losses: tuple[Path, ...]
    galleries: tuple[tuple[Path, Gallery], ...]


def write_paper(
    runs: Sequence[Path], out: Path, *, title: str = "", authors: Sequence[str] = (), style: Path | None = None
) -> Path:
    """Write a report of finished runs into a new folder; return report.tex. The first run's group is the baseline.

    runs:   run folders; the folder of a sweep means all its finished runs
    title:  default: the task, the data set and the networks
    style:  a style file in place of pixelwise's own, e.g. that of a conference

    Raises RunError if a run is not finished, runs are of different tasks, or the folder is not empty.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        hint = "Name a new folder: pixelwise never overwrites a report, because its authors may have changed it."
        raise RunError("is not an empty folder.", where=str(out), hint=hint)
    style = style or STYLE
    if style.suffix != ".sty" or not style.is_file() or re.fullmatch(r"[\w-]+", style.stem) is None:
        raise RunError("is not a style file such as neurips_2015.sty.", where=str(style))
    comparison = wording.relabelled(gather(sorted(expanded(runs), key=_looks_at_nothing)))
    _check(comparison)
    verdicts = _differences(comparison)
    values = _values(comparison, verdicts)
    drawn = _draw(comparison, out)
    text = template("report.tex.j2").render(
        values, **_figures(drawn), title=title or wording.title(comparison), authors=list(authors),
        style=TeX(style.stem),
    )  # fmt: skip
    write_bytes(out / style.name, style.read_bytes())
    write_text(out / "references.bib", bibliography(_cited(text, comparison)))
    write_text(out / "report.tex", text)
    return out / "report.tex"


def _differences(comparison: Comparison) -> list[Verdict]:
    """Every group less the baseline, and every other experiment less the first one."""
    columns = chosen_columns(comparison, ())
    experiments = discussion.roles(comparison).experiments
    among = judge(replace(comparison, groups=experiments), columns) if len(experiments) > 1 else []
    return [*judge(comparison, columns), *among]


def _looks_at_nothing(path: Path) -> bool:
    """Whether a run's model does not look at the picture: such runs come last, because the first is the baseline."""
    run = RunFolder.open(path)
    return run.has("setup") and is_baseline(run.read("setup"))


def _check(comparison: Comparison) -> None:
    hint = "Continue it with `pixelwise train --resume RUN`, or leave it out."
    unfinished = [run.path for run in comparison.runs if not run.scores]
    if unfinished:
        raise RunError.all(
            [Problem(str(path), "is not finished and has no final scores.", hint) for path in unfinished]
        )


def _draw(comparison: Comparison, out: Path) -> Drawn:
    shown = tuple((file_of("gallery", place), one) for place, one in enumerate(galleries(comparison), start=1))
    groups = [group for group in comparison.groups if has_losses(group)]
    losses = tuple(file_of("losses", place) for place, _ in enumerate(groups, start=1))
    (out / "figures").mkdir(parents=True, exist_ok=True)
    for file, group in zip(losses, groups, strict=True):
        write_pdf(out / file, partial(draw_losses, group))
    for file, gallery in shown:
        write_pdf(out / file, partial(draw_gallery, gallery))
    return Drawn(losses, shown)


def _figures(drawn: Drawn) -> dict[str, Any]:
    return {
        "curves": [TeX(file.as_posix()) for file in drawn.losses],
        "pictures": [(TeX(file.as_posix()), wording.gallery(gallery)) for file, gallery in drawn.galleries],
    }


def _values(comparison: Comparison, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """The values that the template needs besides figures, title and authors."""
    first = comparison.groups[0].runs[0].record
    same, rest = methods.settings(comparison)
    networks = methods.networks(comparison)
    stated, classes = results.stated_table(comparison), results.class_table(comparison)
    return {
        "abstract": wording.abstract(comparison, verdicts),
        "task": wording.task(comparison),
        "data_set": str(first.data.get("name") or "The data"),
        "letters": listed([group.letter for group in comparison.groups]),
        "normalised": methods.normalised(comparison),
        "related": [(TOPIC_NAMES[topic], told) for topic, told in _related(comparison).items()],
        "data_about": methods.data_words(first),
        "data_table": fitted(methods.data_table(first)),
        "networks": [(network, _layers(network, place)) for place, network in enumerate(networks, start=1)],
        "library": _library(comparison),
        "without_parameters": any(is_baseline(group.runs[0].record.setup) for group in comparison.groups),
        "settings": fitted(same),
        "differing": [fitted(table) for table in _split(rest)],
        "chose_epoch": any(run.scored.get("chose_epoch") for run in comparison.runs),
        "losses": wording.losses(comparison),
        "main": [_main(comparison, column) for column in results.main_columns(comparison)],
        "tables": [(caption, fitted(table)) for caption, table in results.score_tables(comparison)],
        "classes": None if classes is None else (wording.first_upper(classes[0]), fitted(classes[1])),
        "stated": None if stated is None else fitted(stated, letters=125),
        "notes": wording.notes(comparison),
        "coloured": kind_of(first) in ("class_map", "instances"),
        "discussion": [(part, fitted(table) if (table := part.table) else None) for part in
                       discussion.parts(comparison, verdicts)],
        "commands": discussion.commands(comparison),
        "machine": wording.machine(comparison),
    }  # fmt: skip


def _main(comparison: Comparison, column: Column) -> tuple[TeX, TeX]:
    """The caption and the table of a main score, with the rows marked that are the best or not clearly worse."""
    leaders = leading(comparison, column)
    return wording.main_caption(column, leaders), fitted(results.main_table(comparison, column, leaders))


def _layers(network: methods.Network, place: int) -> TeX | None:
    if network.table is None:
        return None
    caption = TeX(f"Layers of {escape(network.name)} ({listed(network.letters)}).")
    return long_tabular(network.table, caption, f"tab:layers-{place}", widths_of(network.table, LETTERS_OF_LAYERS))


def _split(table: Table | None) -> list[Table]:
    """A table of settings in parts of a few groups each."""
    if table is None:
        return []
    columns = range(1, len(table.headings))
    return [table.only(0, *columns[start : start + MOST_GROUPS]) for start in range(0, len(columns), MOST_GROUPS)]


def _library(comparison: Comparison) -> TeX:
    engines = {str(run.recipe.get("engine") or "torch") for run in comparison.runs}
    known = {"torch": r"PyTorch \citep{paszke2019}", "scratch": r"pixelwise's NumPy engine \citep{harris2020}"}
    return listed([TeX(words) for name, words in known.items() if name in engines])


def _related(comparison: Comparison) -> dict[str, list[TeX]]:
    """Topic → a sentence for each work that the runs build on; where not all groups do, with those that do."""
    used: dict[str, tuple[Work, list[str]]] = {}
    for group in comparison.groups:
        for work in works_of(group.runs[0].record):
            used.setdefault(work.key, (work, []))[1].append(group.letter)
    found: dict[str, list[TeX]] = {}
    for work, letters in sorted(used.values(), key=lambda pair: TOPICS.index(pair[0].topic)):
        told = sentence(work)
        if len(letters) < len(comparison.groups):
            told = TeX(f"{told.removesuffix('.')} ({listed(letters)}).")
        found.setdefault(work.topic, []).append(told)
    return found


def _cited(text: str, comparison: Comparison) -> list[Work]:
    """The works that a text cites."""
    own = {work.key: work for group in comparison.groups for work in works_of(group.runs[0].record)}
    return [(known_works() | own)[key] for key in sorted(set(re.findall(r"\\cite[tp]\{([^}]*)\}", text)))]
