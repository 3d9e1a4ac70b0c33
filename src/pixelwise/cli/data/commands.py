"""`pixelwise data list | info | check | repair | fetch | import`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixelwise.cli.data.doctor import (
    Accept,
    Features,
    Html,
    examine,
    findings_as_json,
    keep,
    show_findings,
    show_repaired,
    write_page,
)
from pixelwise.cli.options import Allow, Cache, MaxPixels
from pixelwise.errors import DataError, RecipeError, did_you_mean
from pixelwise.terminal.bars import Line
from pixelwise.terminal.output import ACCENT, QUIET, result_console, say, show_json, show_line
from pixelwise.terminal.table import Cell, show_rows

if TYPE_CHECKING:
    from pixelwise.data.base import Dataset

app = typer.Typer(
    help="List, describe, check, fetch and import data sets.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

PRESETS = {"voc2007": ("voc", {"year": 2007}), "voc2012": ("voc", {"year": 2012})}

Name = Annotated[str, typer.Argument(metavar="NAME|DIR", help="A data set, e.g. scenes or voc2007, or a folder.")]
Data = Annotated[
    Path | None, typer.Option("--data", help="Data folder. Default: PIXELWISE_DATA, else ~/.cache/pixelwise.")
]
Options = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="An option of the data set; may be repeated.")
]
Exclude = Annotated[
    list[str] | None,
    typer.Option("--exclude", metavar="SPLIT/NAME", help="Leave out a picture, as data.exclude does; may be repeated."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(data: Data = None, as_json: Json = False) -> None:
    """List the built-in data sets, and how many pictures of each are on this disk."""
    from pixelwise.data import DATASETS
    from pixelwise.data.base import data_root

    found: dict[str, dict[str, int] | None] = {}
    for name in (*PRESETS, *DATASETS):
        known, preset = PRESETS.get(name, (name, {}))
        if name in {of for of, _ in PRESETS.values()} or any(
            o.required for o in DATASETS.signature(known).options.values()
        ):
            continue  # named by its years; or it needs another data set (`of`)
        try:
            dataset = DATASETS.build(known, data_root(data), **preset)
            found[name] = {split: len(dataset.names(split)) for split in dataset.splits()}
        except DataError:
            found[name] = None
    if as_json:
        show_json(found)
        return
    rows: list[tuple[Cell, ...]] = []
    for name, splits in found.items():
        words = "not on this disk" if splits is None else ", ".join(f"{split} {n:,}" for split, n in splits.items())
        rows.append((name, words if splits else ((words, QUIET),), DATASETS.title(PRESETS.get(name, (name, {}))[0])))
    show_rows(result_console(), ("data set", "pictures", ""), rows, styles={0: ACCENT})


@app.command()
def check(
    name: Name, data: Data = None, options: Options = None, exclude: Exclude = None, html: Html = None,
    accept: Accept = None, features: Features = None, as_json: Json = False, allow: Allow = None, cache: Cache = None,
    max_pixels: MaxPixels = None,
) -> None:  # fmt: skip
    """Check a data set, and its pictures in the cache, for mistakes before training. Exit code 1 if a finding is fatal.

    To accept findings that are not mistakes, list them in a file. Each entry has kind, pictures (names as printed; without
    them, all pictures with this finding) and reason. Accepted findings are shown separately and do not fail the check.
    """
    from pixelwise.data.base import cache_folder
    from pixelwise.data.exclude import excluding

    dataset = excluding(_open(name, data, options or []), exclude or [])
    seen, findings, accepted = examine(dataset, cache_folder(data), accept, features, data)
    if not exclude:
        keep(cache_folder(data), dataset, findings)
    if html is not None:
        write_page(html, dataset, seen, findings, accepted)
    if as_json:
        show_json({**_describe(dataset), **findings_as_json(findings, accepted, seen)})
    else:
        classes = f"{count} classes" if (count := len(dataset.info.classes)) != 1 else "1 class"
        show_line(result_console(), (dataset.info.name, "bold"), f"  {_sizes(dataset)}  ({classes})")
        show_findings(findings, accepted)
        if html is not None:
            say(f"page  {html}")
    if any(finding.severity == "fatal" for finding in findings):
        raise typer.Exit(1)


@app.command()
def repair(
    name: Name,
    out: Annotated[Path, typer.Option("--out", metavar="COPY", help="New folder for the corrected copy.")],
    data: Data = None, options: Options = None, exclude: Exclude = None, as_json: Json = False, allow: Allow = None,
    max_pixels: MaxPixels = None,
) -> None:  # fmt: skip
    """Write a corrected copy of a data set with masks, objects or labels. The data set itself is not changed.

    Pictures are turned as their EXIF data say. A mask is turned too if its outlines show that it was drawn on the unturned
    picture. A picture that cannot be read, or that a later split has too, is left out. All masks become PNG with one
    palette; void is the value of --set void. If a mask was resized smoothly or stored with loss, its values are corrected
    where the class is sure. Pictures and masks are paired by the prefix or suffix of their names, in upper or lower case.
    Instance maps keep their numbers; objects of an export become instance maps, or COCO's json if they overlap. Pictures
    with other than 8 bits are converted. The output lists what was done and what was not.
    """
    from pixelwise.data.exclude import excluding
    from pixelwise.data.repair import repair as write_copy

    dataset = excluding(_open(name, data, options or []), exclude or [])
    with Line("reading") as line:
        made = write_copy(dataset, out, lambda done, total: line.show(dataset.info.name, done, total))
    if as_json:
        show_json(vars(made))
    else:
        show_repaired(made, out)


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="cifar10, voc2007 or voc2012.")], data: Data = None
) -> None:
    """Download a data set from its publisher, check its checksum, and unpack it."""
    from pixelwise.data.base import data_root
    from pixelwise.data.fetch import fetch as bring

    if name == "scenes":
        say("scenes is drawn by pixelwise itself: there is nothing to fetch.")
        return
    with Line(unit="bytes") as line:
        lines = bring(name, data_root(data), progress=line.show)
    say("\n".join(lines))


@app.command("import")
def import_(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A folder, json, xml, csv or zip.")],
    out: Annotated[Path, typer.Option("--out", help="The folder to write. It must be new or empty.")],
    format: Annotated[str, typer.Option("--format", help="The format, e.g. yolo. auto: recognised from the files.")] = "auto",
    kind: Annotated[
        str, typer.Option("--as", metavar="KIND", help="masks, instances or labels. Default: what the source has.")
    ] = "",
    split: Annotated[
        list[str] | None,
        typer.Option("--split", metavar="NAME=SHARE", help="Draw a missing split at random, e.g. val=0.2; may be repeated."),
    ] = None,
    link: Annotated[bool, typer.Option("--link", help="Link pictures to the source instead of copying them.")] = False,
    skip: Annotated[bool, typer.Option("--skip", help="Leave out pictures with faults, and list them.")] = False,
    data: Data = None, allow: Allow = None, max_pixels: MaxPixels = None,
) -> None:  # fmt: skip
    """Turn an export of a labelling tool into a folder that pixelwise reads, and say what was kept and what was lost.

    Reads COCO, YOLO, LabelMe, CVAT (xml, masks), Label Studio, Roboflow, and folders of images and masks or of classes. It
    writes images with masks of classes, instance maps (COCO's json where objects overlap), or a folder for each class. The
    source is not changed. The folder appears when it is complete, with an import.json that compares every object.
    """
    from pixelwise.cli.data.importing import run_import

    run_import(source, out, format, kind, split or [], link, skip, data)


@app.command()
def info(name: Name, data: Data = None, options: Options = None, as_json: Json = False, allow: Allow = None) -> None:
    """Describe a data set: splits, classes, colours, source."""
    dataset = _open(name, data, options or [])
    if as_json:
        show_json(_describe(dataset))
    else:
        _show_info(dataset)


# -- opening ---------------------------------------------------------------------------------------------------------


def _open(name: str, data: Path | None, words: list[str]) -> Dataset:
    """The data set that a name or a folder means. A folder may have faults: they become findings."""
    from pixelwise.data import DATASETS
    from pixelwise.data.base import data_root
    from pixelwise.outside import allow_typed
    from pixelwise.yaml_text import parse_options

    allow_typed([name, *words])
    options = parse_options(words, "--set")
    names = [*PRESETS, *DATASETS]
    signature = DATASETS.signature(name).options if name in tuple(DATASETS) else {}
    unfinished = any(option.required and key not in options for key, option in signature.items())
    if name not in names or unfinished:  # a folder may have the name of a data set that means nothing alone
        found = _found(name, data_root(data), options)
        if found is not None:
            return found
    known, preset = PRESETS.get(name, (name, {}))
    if name not in names and ":" not in name:
        places = f"the working folder ({Path.cwd()}) or in the data folder ({data_root(data)})"
        what = f"unknown data set '{name}', and no folder of this name in {places}; data sets: {', '.join(names)}."
        raise DataError(what, hint=did_you_mean(name, names))
    dataset: Dataset = DATASETS.build(known, data_root(data), **{**preset, **options})
    if not (hasattr(dataset, "info") and hasattr(dataset, "splits")):
        what = f"gave {type(dataset).__name__}; it must be a pixelwise.data.base.Dataset."
        raise DataError(what, where=name, hint="Return a Dataset from this function, or name another function.")
    return dataset


# -- showing ---------------------------------------------------------------------------------------------------------


def _describe(dataset: Dataset) -> dict[str, Any]:
    info = dataset.info
    return {
        "name": info.name,
        "splits": {split: len(dataset.names(split)) for split in dataset.splits()},
        "absent": list(dataset.absent()),
        "classes": list(info.classes),
        "colours": [list(colour) for colour in info.colours],
        "void": info.void,
        "knows": sorted(info.knows),
        "source": info.source,
    }


def _sizes(dataset: Dataset) -> str:
    """`train 572, val 72`"""
    return ", ".join(f"{split} {len(dataset.names(split)):,}" for split in dataset.splits())


def _show_info(dataset: Dataset) -> None:
    console, info = result_console(), dataset.info
    show_line(console, (info.name, "bold"), f"  {info.source}")
    absent = f" Not on this disk: {', '.join(dataset.absent())}." if dataset.absent() else ""
    show_line(console, f"Splits: {_sizes(dataset)}.{absent} Its samples have: image, {', '.join(sorted(info.knows))}.")
    rows: list[tuple[Cell, ...]] = [
        (str(index), name, (("██", f"rgb({red},{green},{blue})"), f" {red} {green} {blue}"))
        for index, (name, (red, green, blue)) in enumerate(zip(info.classes, info.colours, strict=True))
    ]
    if info.void is not None:
        rows.append((str(info.void), (("void: not labelled", QUIET),), ""))
    show_rows(console, ("index", "class", "colour"), rows, numbers={0})


def _found(name: str, root: Path, options: dict[str, Any]) -> Dataset | None:
    """An export, or a folder in any of the usual layouts, in the working folder or the data folder; None if neither exists."""
    from pixelwise.cli.data.importing import in_another_layout, is_export
    from pixelwise.data import DATASETS
    from pixelwise.data.base import find_folder
    from pixelwise.data.folder import Folder

    there = [place for place in (Path(name), root / name) if place.exists()] if ":" not in name else []
    if there and is_export(there[0], options):
        made: Dataset = DATASETS.build("annotated", root, **{**options, "path": name})
        return made
    if not Path(name).is_dir() and not any(place.is_dir() for place in there):
        return None
    if "path" in options:
        raise RecipeError("the folder is already given as NAME. Leave this option out.", where="--set path")
    converted = DATASETS.convert("folder", {**options, "path": ""}, where=name)  # a path may have any bytes
    place = find_folder(name, root)
    try:
        return Folder(place, root, **{key: converted[key] for key in options})
    except DataError:
        if options or (found := in_another_layout(place)) is None:
            raise
        return found
