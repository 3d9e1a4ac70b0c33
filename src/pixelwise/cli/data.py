"""`pixelwise data check | fetch | info`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixelwise.errors import DataError, RecipeError, did_you_mean, listing

if TYPE_CHECKING:
    from rich.console import Console

    from pixelwise.data.base import Dataset
    from pixelwise.data.checks import Finding

app = typer.Typer(
    help="Check, fetch and describe data sets.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

PRESETS = {"voc2007": ("voc", {"year": 2007}), "voc2012": ("voc", {"year": 2012})}
SHOWN = 5  # files that a table names for each finding; --json names all

Name = Annotated[str, typer.Argument(metavar="NAME|DIR", help="A data set (scenes, voc2007, voc2012), or a folder.")]
Data = Annotated[
    Path | None, typer.Option("--data", help="The data folder; else PIXELWISE_DATA, else ~/.cache/pixelwise.")
]
Options = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="An option of the data set; may be repeated.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def check(name: Name, data: Data = None, options: Options = None, as_json: Json = False) -> None:
    """Look through a data set before anyone trains on it. Exit code 1 if a finding is fatal."""
    from pixelwise.data.checks import check_dataset

    dataset = _open(name, data, options or [])
    console = _console(as_json)
    with _progress(console, "pictures") as progress:
        findings = check_dataset(dataset, lambda done, total: progress("look through", done, total))
    if as_json:
        typer.echo(json.dumps(_as_json(dataset, findings), indent=2, ensure_ascii=False))
    else:
        _show_findings(console, dataset, findings)
    if any(finding.severity == "fatal" for finding in findings):
        raise typer.Exit(1)


@app.command()
def fetch(name: Annotated[str, typer.Argument(metavar="NAME", help="voc2007 or voc2012.")], data: Data = None) -> None:
    """Download a data set from its publisher, check its checksum, and unpack it."""
    from pixelwise.data.fetch import fetch as bring
    from pixelwise.data.root import data_root

    console = _console(False)
    if name == "scenes":
        typer.echo("scenes is drawn by pixelwise itself: there is nothing to fetch.")
        return
    with _progress(console, "bytes") as progress:
        lines = bring(name, data_root(data), progress=progress)
    for line in lines:
        typer.echo(line)


@app.command()
def info(name: Name, data: Data = None, options: Options = None, as_json: Json = False) -> None:
    """What a data set is: splits, classes, colours, source."""
    dataset = _open(name, data, options or [])
    if as_json:
        typer.echo(json.dumps(_describe(dataset), indent=2, ensure_ascii=False))
    else:
        _show_info(_console(False), dataset)


# -- opening ---------------------------------------------------------------------------------------------------------


def _open(name: str, data: Path | None, words: list[str]) -> Dataset:
    """The data set that a name or a folder means. A folder may have faults: they become findings."""
    from pixelwise.data import DATASETS
    from pixelwise.data.root import data_root
    from pixelwise.yaml_text import parse_options

    options = parse_options(words, "--set")
    names = [*PRESETS, *DATASETS]
    if Path(name).is_dir() and name not in names:
        from pixelwise.data.folder import Layout, open_folder

        if problems := DATASETS.check("folder", {"path": name, **options}, where=name):
            raise RecipeError.all(problems)
        return open_folder(Path(name).absolute(), Layout(**options))
    known, preset = PRESETS.get(name, (name, {}))
    if name not in names and ":" not in name:
        raise DataError(
            f"there is no data set or folder '{name}'; there is {', '.join(names)}.", hint=did_you_mean(name, names)
        )
    dataset: Dataset = DATASETS.build(known, data_root(data), **{**preset, **options})
    return dataset


# -- showing ---------------------------------------------------------------------------------------------------------


def _as_json(dataset: Dataset, findings: list[Finding]) -> dict[str, Any]:
    from dataclasses import asdict

    fatal = sum(finding.severity == "fatal" for finding in findings)
    return {**_describe(dataset), "fatal": fatal, "findings": [asdict(finding) for finding in findings]}


def _describe(dataset: Dataset) -> dict[str, Any]:
    info = dataset.info
    return {
        "name": info.name,
        "splits": {split: len(dataset.names(split)) for split in dataset.splits()},
        "classes": list(info.classes),
        "colours": [list(colour) for colour in info.colours],
        "void": info.void,
        "knows": sorted(info.knows),
        "source": info.source,
    }


def _show_findings(console: Console, dataset: Dataset, findings: list[Finding]) -> None:
    from rich.markup import escape
    from rich.table import Table

    splits = ", ".join(f"{split} {len(dataset.names(split)):,}" for split in dataset.splits())
    console.print(f"[bold]{escape(dataset.info.name)}[/]  {splits}  ({len(dataset.info.classes)} classes)")
    if not findings:
        console.print("[green]Nothing found.[/] Every picture was read, every check passed.")
        return
    table = Table(box=None, padding=(0, 2, 1, 0), show_edge=False)
    table.add_column("")
    table.add_column("check", style="bold", no_wrap=True)
    table.add_column("finding, files, cure", overflow="fold")
    for finding in findings:
        mark = "[bold red]fatal[/]" if finding.severity == "fatal" else "[yellow]warning[/]"
        lines = [escape(finding.what)]
        if finding.files:
            lines.append(f"[dim]{escape(listing(finding.files, SHOWN))}[/]")
        if finding.cure:
            lines.append(f"[cyan]→[/] {escape(finding.cure)}")
        table.add_row(mark, finding.check, "\n".join(lines))
    console.print()
    console.print(table)
    fatal = sum(finding.severity == "fatal" for finding in findings)
    console.print(f"{fatal} fatal, {len(findings) - fatal} to look at. --json names every file.")


def _show_info(console: Console, dataset: Dataset) -> None:
    from rich.markup import escape
    from rich.table import Table

    info = dataset.info
    console.print(f"[bold]{escape(info.name)}[/]  {escape(info.source)}")
    splits = ", ".join(f"{split} {len(dataset.names(split)):,}" for split in dataset.splits())
    console.print(f"Splits: {splits}. Its samples have: image, {', '.join(sorted(info.knows))}.")
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("index", "class", "colour"):
        table.add_column(heading, justify="right" if heading == "index" else "left")
    for index, (name, (red, green, blue)) in enumerate(zip(info.classes, info.colours, strict=True)):
        table.add_row(str(index), escape(name), f"[rgb({red},{green},{blue})]██[/] {red} {green} {blue}")
    if info.void is not None:
        table.add_row(str(info.void), "[dim]void: not labelled[/]", "")
    console.print(table)


def _console(to_errors: bool) -> Console:
    from rich.console import Console

    return Console(stderr=to_errors, highlight=False)


@contextmanager
def _progress(console: Console, unit: str) -> Iterator[Callable[[str, int, int], None]]:
    """A bar on a terminal, silence elsewhere; gone when the work is done."""
    from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    count = DownloadColumn(binary_units=True) if unit == "bytes" else MofNCompleteColumn()
    columns = (TextColumn("{task.description}"), BarColumn(), count, TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        tasks: dict[str, Any] = {}

        def report(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total or None)
            bar.update(tasks[what], completed=done, total=total or None)

        yield report
