"""`pixelwise start`"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixelwise.cli.data.doctor import Accepted, show_each
from pixelwise.cli.options import Cache, Changes, Data, MaxPixels
from pixelwise.terminal.output import result_console, say, show_line

MOST_FOLDERS = 12  # that are named in the command to label pictures
ORDINARY = 480.0  # seconds of a training without --budget, if so few epochs are enough

if TYPE_CHECKING:
    from pixelwise.data.base import Dataset
    from pixelwise.data.checks.survey import Finding, Survey
    from pixelwise.start.plan import Plan
    from pixelwise.start.recognise import Found
    from pixelwise.start.trial import Estimate


def start(
    folder: Annotated[
        Path, typer.Argument(help="A folder of pictures, or a file of labels: CSV, TSV, json, xml, zip.")
    ],
    overrides: Changes = None,
    out: Annotated[Path, typer.Option(help="Folder for the report and the recipe.")] = Path(),
    instances: Annotated[
        bool,
        typer.Option(
            "--instances", help="Tell objects apart: by the numbers in masks, else by the connected parts of a class."
        ),
    ] = False,
    train: Annotated[bool, typer.Option("--train", help="Run the two commands that are printed at the end.")] = False,
    budget: Annotated[
        str,
        typer.Option(metavar="TIME", help="Time for the training, e.g. 90s, 8m or 1h. Without it about 8 minutes."),
    ] = "",
    data: Data = None,
    cache: Cache = None,
    max_pixels: MaxPixels = None,
) -> None:
    """Look at a folder of pictures, write a report on it and a recipe made for it.

    Recognises images with masks, folders named after classes, a table of labels, instance maps, exports of labelling tools
    (COCO, YOLO, LabelMe, CVAT, Label Studio, Roboflow), and pictures alone, and says what it assumes. It writes
    FOLDER-report.html and recipe.yaml, and changes nothing in the folder. The time and the memory of the training are measured
    by a few updates. Changes such as data.dataset.void=255 replace what was assumed. Exit code 1 if the pictures have a fatal
    fault: then they cannot be trained on yet, and the report says what to do. A picture that is in two splits is left out of
    one of them with data.exclude.
    """
    from pixelwise.start.trial import parse_budget

    seconds = parse_budget(budget) if budget else None
    found, dataset, seen, findings, accepted = _look(folder, overrides or [], data, instances)
    _show(found, findings, accepted)
    name = found.name or "folder"
    fatal = [finding for finding in findings if finding.severity == "fatal"]
    before = len(found.said)
    plan, estimate = _plan(found, seen, overrides or [], data, seconds, bool(fatal))
    for line in found.said[before:]:  # what the plan adds, e.g. that no pretrained weights were found
        say(f"\n{line}")
    said = _in_words(plan, estimate, seconds)
    from pixelwise.cli.train import free_folder
    from pixelwise.start.files import write_page, write_recipe
    from pixelwise.start.recipe_text import recipe_text

    recipe = write_recipe(out, lambda file: recipe_text(plan, said, file))
    run = free_folder(f"{name}.yaml")
    commands = _commands(recipe, run, found, overrides or [], data)
    from pixelwise.start.page import build_page

    lines = [shlex.join(["pixelwise", *command]) for command in commands]
    repairs = [_repair(found)] if any("`pixelwise data repair`" in finding.cure for finding in fatal) else []
    text = recipe.read_text(encoding="utf-8")
    page = write_page(
        out / f"{name}-report.html",
        build_page(plan, dataset, seen, findings, accepted, recipe=text, estimate=said, commands=repairs or lines),
    )
    say(f"\n{said}\nreport  {page}\nrecipe  {recipe}")
    if fatal:
        say("\nCorrect the fatal findings first; then start again.")
        for line in repairs:
            say(f"A corrected copy:\n  {line}")
        raise typer.Exit(1)
    if not train:
        say("\nNext:\n" + "\n".join(f"  {line}" for line in lines))
        return
    _run(commands, lines)


def _look(
    folder: Path, changes: Sequence[str], data: Path | None, instances: bool
) -> tuple[Found, Dataset, Survey, list[Finding], Accepted]:
    """What the folder holds, the data set that reads it, everything that its checks find, and what of it is accepted."""
    from pixelwise.data.base import data_root, find_place
    from pixelwise.start.look import look, typed_options
    from pixelwise.start.recognise import recognise
    from pixelwise.terminal.bars import Line

    there = find_place(folder, data_root(data), of_a_run=False)
    table = there.name if there.is_file() else ""
    place = there.parent if table else there
    given = typed_options(changes)
    objects = instances or given.get("kind") in ("instances", "components")
    found = recognise(place, table=table, objects=objects, given=given, root=data_root(data))
    whole = table and found.dataset["name"] != "annotated"
    typed = folder.parent if whole else folder  # as it was typed: working folder, else data folder
    found.dataset["path"] = str(typed / found.path.relative_to(place))
    with Line("looking") as line:
        return found, *look(found, found.path, data_root(data), changes, line.show)


def _show(found: Found, findings: Sequence[Finding], accepted: Accepted) -> None:
    console = result_console()
    show_line(console, (found.name, "bold"))
    for line in found.said:
        show_line(console, f"  {line}")
    if findings or accepted:
        show_line(console)
        show_each(findings, accepted)


def _plan(
    found: Found, seen: Survey, changes: Sequence[str], data: Path | None, seconds: float | None, fatal: bool
) -> tuple[Plan, Estimate | None]:
    """The plan, and what it takes; None if its data cannot be read yet."""
    from pixelwise.engine.hardware.allocator import keep_large_buffers

    keep_large_buffers()  # before torch allocates anything
    from pixelwise.start.look import OF_DATA
    from pixelwise.start.plan import FEWEST_EPOCHS, make_plan
    from pixelwise.start.trial import FIXED, total_seconds, try_plan, within
    from pixelwise.terminal.bars import Line

    plan = make_plan(found, seen, root=data, changes=[word for word in changes if not word.startswith(OF_DATA)])
    if fatal:
        return plan, None
    with Line("measuring") as line:
        estimate = try_plan(plan, data=data, caching=line.show)
        if seconds is None:
            return within(plan, estimate, ORDINARY, FEWEST_EPOCHS)
        needed = total_seconds(plan.as_long_as(FEWEST_EPOCHS), estimate.epochs)
        if needed > seconds and not any(word.startswith("data.size") for word in changes):
            plan = plan.smaller((seconds - FIXED) / (needed - FIXED))
            estimate = try_plan(plan, data=data, caching=line.show)
    return within(plan, estimate, seconds)


def _in_words(plan: Plan, estimate: Estimate | None, budget: float | None) -> str:
    if estimate is None:
        return "The time is not known: the pictures cannot be trained on yet."
    minutes = max(1, round(estimate.seconds / 60))
    memory = "" if estimate.memory is None else f" and {estimate.memory / 2**30:.1f} GiB of memory"
    unit = "minute" if minutes == 1 else "minutes"
    longer = (
        " Fewer epochs are not planned: the budget is exceeded." if budget and estimate.seconds > 1.1 * budget else ""
    )
    return (
        f"{plan.total} epochs take about {minutes} {unit}{memory} on this machine (measured by a few updates).{longer}"
    )


def _commands(recipe: Path, run: Path, found: Found, changes: Sequence[str], data: Path | None) -> list[list[str]]:
    """The training, and what labels pictures with it."""
    rest = [] if data is None else ["--data", str(data)]
    return [
        ["train", str(recipe), "--out", str(run), *rest],
        ["predict", str(run), *map(str, _to_label(found)), "--out", f"{run}-labelled"],
    ]


def _repair(found: Found) -> str:
    """The command that writes a corrected copy, with the options of the data set."""
    options = {key: value for key, value in found.dataset.items() if key not in ("name", "path")}
    words = [
        word for key, value in options.items() for word in ("--set", f"{key}={json.dumps(value, ensure_ascii=False)}")
    ]
    path = str(found.dataset["path"])
    return shlex.join(["pixelwise", "data", "repair", path, "--out", f"{found.name or 'folder'}-repaired", *words])


def _to_label(found: Found) -> list[Path]:
    """The folders whose pictures are labelled: of folders inside others the first ones, because predict takes no inner ones."""
    from pixelwise.data.pairing.files import find_files

    path = Path(str(found.dataset["path"])) if Path(str(found.dataset["path"])).is_dir() else found.path
    pattern = str(found.dataset.get("images", "images" if found.dataset["name"] == "folder" else ""))
    pictures = found.pictures or (path / pattern if (path / pattern).is_dir() else path)
    chosen = find_files(path, pattern) if "*" in pattern else find_files(pictures, "")
    inside = list(dict.fromkeys(file.parent for _, file in chosen.files))
    if pictures in inside or not inside:
        return [pictures]
    held_out = [folder for folder in inside if {"val", "valid", "validation"} & set(folder.relative_to(pictures).parts)]
    return (held_out or inside)[: MOST_FOLDERS if found.kind == "classes" else 1]


def _run(commands: Sequence[Sequence[str]], lines: Sequence[str]) -> None:
    """Run the commands one after the other, each in its own process."""
    import subprocess
    import sys

    for command, line in zip(commands, lines, strict=True):
        say(f"\n{line}")
        code = subprocess.run([sys.executable, "-P", "-m", "pixelwise", *command], check=False).returncode
        if code:
            raise typer.Exit(code)
