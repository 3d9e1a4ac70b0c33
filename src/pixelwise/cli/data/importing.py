"""What `pixelwise data import` does: open the source, write the folder, say what was kept and what was lost."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixelwise.errors import DataError, RecipeError, listing
from pixelwise.terminal.bars import Line
from pixelwise.terminal.output import ACCENT, QUIET, WARN, result_console, say, show_line

if TYPE_CHECKING:
    from pixelwise.data.base import Dataset
    from pixelwise.data.importing.proof import Proof
    from pixelwise.data.importing.run import As

KINDS: tuple[As, ...] = ("masks", "instances", "labels")
SHOWN = 8  # objects that changed most


def run_import(
    source: str, out: Path, format: str, kind: str, split: Sequence[str], link: bool, skip: bool, data: Path | None
) -> None:
    """Import a source into a folder and print what became of it."""
    from pixelwise.data.base import data_root, find_place
    from pixelwise.data.importing.run import check_target, import_dataset, usual
    from pixelwise.outside import allow_typed

    allow_typed([format])
    if kind and kind not in KINDS:
        raise RecipeError(f"read '{kind}'; choose from {', '.join(KINDS)}.", where="--as")
    shares, place = _shares(split), find_place(source, data_root(data), of_a_run=False)
    check_target(out, place)
    if link and place.suffix.lower() == ".zip":
        raise RecipeError("pictures in a zip cannot be linked.", where="--link", hint="Unpack it, or leave out --link.")
    with _files(place, out) as files:
        dataset, told = _open(files, place, format, kind, shares)
        chosen = next((one for one in KINDS if one == kind), usual(dataset))
        with Line("importing") as line:
            record, proof = import_dataset(
                dataset,
                out,
                kind=chosen,
                told=told,
                link=link,
                skip=skip,
                progress=lambda done, total: line.show(dataset.info.name, done, total),
            )
    _show(record, proof, out, dataset)


def is_export(place: Path, options: Mapping[str, Any]) -> bool:
    """Whether a folder or file is an export of a labelling tool; options that only a folder of masks has say that it is not."""
    from pixelwise.data import DATASETS
    from pixelwise.data.formats.base import recognised
    from pixelwise.data.formats.source import Source

    known = DATASETS.signature("annotated").options
    if not {*options} <= {*known} - {"path"} or (place / "masks").is_dir():
        return False
    return place.suffix.lower() == ".zip" or "format" in options or bool(recognised(Source(place)))


def in_another_layout(place: Path) -> Dataset | None:
    """The data set of a folder in another usual layout, as `start` finds it; None if it is in none. Prints how it is read."""
    try:
        dataset, options, said = _usual_layout(place, {"val": 0.2})
    except DataError:
        return None
    if options["name"] == "folder" and not {"images", "masks"} & {*options} and options["path"] == str(place):
        return None
    say(f"Read as `pixelwise start` reads it: {said}", err=True)
    return dataset


def _shares(words: Sequence[str]) -> dict[str, float]:
    """`val=0.2` → the share of that split."""
    shares = {}
    for word in words:
        split, _, share = word.partition("=")
        try:
            shares[split] = float(share)
        except ValueError:
            shares[split] = -1.0
        if split not in ("val", "test") or not 0 <= shares[split] < 1:
            raise RecipeError(f"read '{word}'; write val=0.2 or test=0.1, a share below 1.", where="--split")
    return shares


@contextmanager
def _files(place: Path, out: Path) -> Iterator[Path]:
    """The source, or what is in its archive, which is unpacked beside the target for as long as it is needed."""
    if place.suffix.lower() != ".zip":
        yield place
        return
    from pixelwise.data.fetch import extract
    from pixelwise.data.importing.packed import limit
    from pixelwise.run.lock import unfinished_folder

    with unfinished_folder(out.parent) as folder:
        extract(place, folder / place.stem, max_bytes=limit(place))
        yield folder / place.stem


def _open(
    files: Path, place: Path, format: str, kind: str, shares: Mapping[str, float]
) -> tuple[Dataset, dict[str, Any]]:
    """The data set of an export, or of a folder in a usual layout, and what is recorded of it."""
    from pixelwise.data.annotated import of_export
    from pixelwise.data.formats.base import read_export, recognised
    from pixelwise.data.formats.source import Source
    from pixelwise.data.splits import Drawing

    source = Source(files)
    if format != "auto" or recognised(source):
        name, reason, export = read_export(source, format)
        only_labels = export.knows == {"label"}
        of = "labels" if kind == "labels" or (only_labels and not kind) else "objects"
        made = of_export(place, export, Drawing(shares), of)
        return made, {"source": str(place), "format": name, "recognised": reason}
    dataset, options, said = _usual_layout(files, shares)
    return dataset, {
        "source": str(place),
        "format": f"the layout of the data set {options['name']}",
        "recognised": said,
    }


def _usual_layout(files: Path, shares: Mapping[str, float]) -> tuple[Dataset, dict[str, Any], str]:
    """The data set of images with masks, folders of classes, or a table, as `pixelwise start` finds it."""
    from pixelwise.data import DATASETS
    from pixelwise.start.recognise import recognise

    table = files.name if files.is_file() else ""
    found = recognise(files.parent if table else files, table=table)
    if found.kind == "pictures":
        what = "there are pictures, and nothing that labels them in a way that is read."
        raise DataError(what, where=str(files), hint="docs/formats.md shows the files that each format has.")
    options = {**found.dataset, "val": shares.get("val", 0.0), "test": shares.get("test", 0.0)}
    options["path"] = str(found.path)
    dataset: Dataset = DATASETS.build(options["name"], files, **{k: v for k, v in options.items() if k != "name"})
    return dataset, options, " ".join(found.said)


def _show(record: Mapping[str, Any], proof: Proof, out: Path, dataset: Dataset) -> None:
    from pixelwise.data.importing.proof import in_words

    console = result_console()
    splits = ", ".join(f"{split} {count:,}" for split, count in record["splits"].items())
    show_line(console, (str(out), "bold"), f"  {splits}  ({len(record['classes'])} classes)")
    show_line(console, f"  Read as {record['format']}: {record['recognised']}.".replace("..", "."))
    for notice in dataset.notices():
        show_line(console, ("  note     ", WARN), f"{notice.what} {notice.hint}".strip())
    if why := record.get("json_because"):
        show_line(console, f"  Written as COCO's json, because {why}.")
    for line in in_words(proof, record["as"]):
        show_line(console, f"  {line}")
    for row in sorted(proof.rows, key=lambda row: row["iou"])[:SHOWN]:
        counts = {what: row[f"{what}s_lost"] for what in ("part", "hole")}
        lost = [f"{count} {what}{'s' * (count > 1)} lost" for what, count in counts.items() if count]
        words = f"object {row['object']} ({row['class']})  IoU {row['iou']:.3f}  {', '.join(lost)}"
        show_line(console, ("    " + row["picture"], QUIET), f"  {words}".rstrip())
    if len(proof.rows) > SHOWN:
        show_line(console, (f"    and {len(proof.rows) - SHOWN:,} more in import.json", QUIET))
    if record["skipped"]:
        show_line(console, ("  left out ", WARN), listing(record["skipped"], 3))
    show_line(console, "\nNext:")
    for command in (["data", "check", str(out)], ["start", str(out)]):
        show_line(console, ("  " + shlex.join(["pixelwise", *command]), ACCENT))
